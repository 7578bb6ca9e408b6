"""A validated scenario: frozen values, everything resolved, nothing left to look up or to refuse.

Knows units: times and durations are integer nanoseconds, sizes bytes, bandwidth bits per second, amounts integers of 10^-9 token,
chances fractions from 0 to 1. Must not know YAML, nor how a plan is run. Nodes are named by `group-index` (`honest-0`); every selector of
the file has become a tuple of node names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from claynet.actors.config import ProviderConfig, RequestorConfig
from claynet.actors.ports import MILLISECOND, SECOND
from claynet.sim.durations import Distribution

Mode = Literal["virtual", "paced", "real"]
Transport = Literal["simulated", "p2p"]
Isolation = Literal["none", "process"]
Role = Literal["requestor", "provider", "both"]
Progress = Literal["subtasks_assigned", "subtasks_finished", "subtasks_failed"]

MODES: tuple[Mode, ...] = ("virtual", "paced", "real")
TRANSPORTS: tuple[Transport, ...] = ("simulated", "p2p")
ISOLATIONS: tuple[Isolation, ...] = ("none", "process")
ROLES: tuple[Role, ...] = ("requestor", "provider", "both")
PROGRESS: tuple[Progress, ...] = ("subtasks_assigned", "subtasks_finished", "subtasks_failed")


# ---------------------------------------------------------------- network


@dataclass(frozen=True, slots=True)
class LinkQuality:
    """What one direction of a link does to what is sent over it."""

    latency: Distribution
    """One-way delay in ns."""
    bandwidth: int | None
    """Bits per second; None: no limit."""
    loss: float
    """Chance that a packet is lost. Links are reliable: a loss costs them a retransmission; announcements are gone."""


@dataclass(frozen=True, slots=True)
class LinkChange:
    """New values of some qualities; None leaves one as it is."""

    latency: Distribution | None = None
    bandwidth: int | None = None
    loss: float | None = None


@dataclass(frozen=True, slots=True)
class LinkRule:
    """A change that holds from the start, in both directions, between every node of `left` and every node of `right`."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    change: LinkChange


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """The network; later link rules win over earlier ones."""

    transport: Transport
    quality: LinkQuality
    links: tuple[LinkRule, ...] = ()


# ---------------------------------------------------------------- apps and nodes


@dataclass(frozen=True, slots=True)
class AppPlan:
    """An app that the scenario names."""

    key: str
    """Its name inside the scenario."""
    name: str
    """The descriptor's `name`."""
    app_id: str
    """What NodeConfig and TaskSpec call it."""
    image: str
    """`image:tag` of its prerequisites; empty when they name none."""
    descriptor: Path
    descriptor_text: str
    build: Path | None = None
    """Folder of its image recipe."""
    module: str = ""
    """`package.module:NAME` of the app object for process and inproc; empty: by the entry points `claynet.apps`."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a dishonest node differs, as chances; ports are wrapped, actors know nothing of it."""

    wrong_result: float = 0.0
    """Chance that a computed result is changed before it is reported."""
    fails: float = 0.0
    """Chance that computing a subtask ends in an error of the app."""

    @property
    def is_honest(self) -> bool:
        """Tell whether no port needs a wrapper."""
        return self.wrong_result == 0.0 and self.fails == 0.0


@dataclass(frozen=True, slots=True)
class NodePlan:
    """One node."""

    name: str
    group: str
    index: int
    role: Role
    env: str
    requestor: RequestorConfig | None
    provider: ProviderConfig | None
    behaviour: Behaviour = Behaviour()
    clock_offset: int = 0
    """How far its UTC is ahead (negative: behind), ns."""
    clock_drift: float = 0.0
    """Its clock runs 1 + drift as fast as time; 0.001 gains a millisecond a second."""
    balance: int = 1_000 * SECOND
    """Tokens it owns at the start (10^-9 token; SECOND happens to be 10^9)."""
    start_limit: int = 15 * SECOND
    retry_first: int = 500 * MILLISECOND
    retry_most: int = 30 * SECOND
    whitelist: tuple[str, ...] | None = None
    """Sources whose images it runs; None: those of the scenario's own apps."""
    options: msgspec.Struct | None = None
    """What its environment is told, of that kind's own type; None: nothing, all as by default."""

    @property
    def price(self) -> int:
        """Asked price per hour; 0 for a node that rents out nothing."""
        return self.provider.price if self.provider else 0


# ---------------------------------------------------------------- tasks


@dataclass(frozen=True, slots=True)
class InputPlan:
    """An input file, read at validation: what it is called in `task_inputs/`, and its bytes."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """One entry of `tasks:`. Each node of `by` makes `repeat` tasks of it."""

    name: str
    by: tuple[str, ...]
    app: str
    """Key into `Plan.apps`."""
    params_json: str
    inputs: tuple[InputPlan, ...]
    subtasks: int
    max_price: int
    """Tokens per hour."""
    task_timeout: int
    subtask_timeout: int
    start: int
    """Virtual time of the first one."""
    repeat: int = 1
    every: int = 0
    """Gap between the repeats of one node; 0: all at `start`."""


@dataclass(frozen=True, slots=True)
class TaskInstance:
    """One task that one node creates at one time."""

    plan: TaskPlan
    node: str
    nth: int
    """Counts the repeats of this entry on this node, from 0."""
    at: int


# ---------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class At:
    """At a virtual time."""

    at: int


@dataclass(frozen=True, slots=True)
class When:
    """As soon as the first task of that name has so many such subtasks; fires once."""

    task: str
    progress: Progress
    count: int


Trigger: TypeAlias = At | When


@dataclass(frozen=True, slots=True)
class PartitionEvent:
    """Nodes of different sides cannot reach each other; nodes on no side reach all."""

    trigger: Trigger
    sides: tuple[tuple[str, ...], ...]
    lasts: int | None
    """None: until the end of the run."""


@dataclass(frozen=True, slots=True)
class CrashEvent:
    """Nodes stop without a word and lose what their stores had not committed."""

    trigger: Trigger
    nodes: tuple[str, ...]
    restart_after: int | None
    """None: they stay down."""


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """Links change, in both directions; with `lasts` they change back."""

    trigger: Trigger
    left: tuple[str, ...]
    right: tuple[str, ...]
    change: LinkChange
    lasts: int | None


@dataclass(frozen=True, slots=True)
class PauseEvent:
    """Nodes do nothing and hear nothing, as when their process is stopped; then they take up all that has come for them."""

    trigger: Trigger
    nodes: tuple[str, ...]
    lasts: int | None
    """None: until the end of the run."""


EventPlan: TypeAlias = PartitionEvent | CrashEvent | LinkEvent | PauseEvent


# ---------------------------------------------------------------- expectations


@dataclass(frozen=True, slots=True)
class TasksExpected:
    """Tasks of this name end in this state, each within `within` of its own creation (None: by the end of the run)."""

    label: str
    task: str
    state: str
    count: int | None
    """How many at least; None: all."""
    total: int
    """How many the plan makes."""
    within: int | None


@dataclass(frozen=True, slots=True)
class MetricExpected:
    """A number counted over the whole run (see `sim/watch/metrics.py`)."""

    label: str
    metric: str
    relation: Literal["equals", "at_least", "at_most"]
    value: int


@dataclass(frozen=True, slots=True)
class WhyExpected:
    """So many of these providers are known not to have taken the task because of this rule."""

    label: str
    task: str
    providers: tuple[str, ...]
    rule: str
    count: int | None
    """How many at least; None: all of `providers`."""


@dataclass(frozen=True, slots=True)
class LeftoversExpected:
    """No container, network or process of this run is left at its end."""

    label: str


Expectation: TypeAlias = TasksExpected | MetricExpected | WhyExpected | LeftoversExpected


# ---------------------------------------------------------------- the whole


@dataclass(frozen=True, slots=True)
class Plan:
    """A scenario that can be run as it is."""

    file: Path
    name: str
    seed: int
    seed_given: bool
    """False: neither the file nor the command line names a seed, so it is 0."""
    mode: Mode
    until: int | None
    """Virtual time at which the run ends; None: as soon as every task is final and its payments acknowledged."""
    at_most: int
    """Virtual time at which the run ends in any case."""
    network: NetworkPlan
    apps: Mapping[str, AppPlan]
    nodes: tuple[NodePlan, ...]
    tasks: tuple[TaskPlan, ...]
    events: tuple[EventPlan, ...]
    expectations: tuple[Expectation, ...]
    durations: Mapping[str, Distribution]
    """Virtual durations by job kind, as far as the file gives them."""
    measured: frozenset[str] = frozenset()
    """Kinds of jobs whose virtual duration is the real one."""
    source_digest: str = ""
    """Hex BLAKE2b-256 of the file's bytes, of every file it names, and of the seed, mode and environments in effect."""
    isolate: Isolation = "none"
    """Whether each node is a process of its own."""
    env_override: str = ""
    """The environment that the command line gave all nodes; empty: the file's own."""
    notes: tuple[str, ...] = field(default=())
    """What was assumed, one line each, for people."""
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)
    """Where the file has each `apps: KEY` and each `nodes: GROUP`, for what is found wrong with them later."""

    def digest(self) -> str:
        """Return the hex BLAKE2b-256 that names exactly this plan: file, referenced files, seed, mode and environments."""
        return self.source_digest

    def instances(self) -> Iterator[TaskInstance]:
        """Yield every task that will be made, in the order of the file, then of nodes, then of repeats."""
        for plan in self.tasks:
            for node in plan.by:
                for nth in range(plan.repeat):
                    yield TaskInstance(plan, node, nth, plan.start + nth * plan.every)

    def environments(self) -> tuple[str, ...]:
        """Return the names of the environments that nodes use, sorted."""
        return tuple(sorted({node.env for node in self.nodes}))

    def groups(self) -> Mapping[str, tuple[NodePlan, ...]]:
        """Return the nodes of each group, in the order of the file."""
        found: dict[str, list[NodePlan]] = {}
        for node in self.nodes:
            found.setdefault(node.group, []).append(node)
        return {group: tuple(nodes) for group, nodes in found.items()}
