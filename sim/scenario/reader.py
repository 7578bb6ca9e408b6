"""Reads a scenario file: everything in it is checked before anything starts.

Knows the file's outline (schema 1) and its order: nodes before what names them. Must not know how a plan is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from claynet.actors import units
from claynet.actors.nearest import nearest
from claynet.sim.scenario import environment_names
from claynet.sim.scenario.fields import Item, Section, kind_of, name, one_of, positive_duration, whole
from claynet.sim.scenario.files import Files
from claynet.sim.scenario.plan import ISOLATIONS, MODES, TRANSPORTS, Isolation, Mode, NetworkPlan, NodePlan, Plan
from claynet.sim.scenario.problems import Problems, ScenarioErrors
from claynet.sim.scenario.read_events import EventReader, check_times
from claynet.sim.scenario.read_expect import ExpectReader
from claynet.sim.scenario.read_network import JOB_KINDS, read_durations, read_network
from claynet.sim.scenario.read_nodes import read_apps, read_nodes
from claynet.sim.scenario.read_tasks import read_tasks
from claynet.sim.scenario.selectors import Selectors
from claynet.sim.scenario.yamltree import MOST_BYTES, Mapping, parse

__all__ = ["SCHEMA", "Overrides", "ScenarioErrors", "load"]

SCHEMA = 1
MOST_SEED = 2**63 - 1
DEFAULT_AT_MOST = units.DURATIONS["h"]
MOST_P2P_NODES = 64
"""Each has a link, and four threads, for each other one."""
MOST_PROCESSES = 32
"""Each is a Python of its own, with a link to each other one."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says instead of the file; None leaves the file's."""

    seed: int | None = None
    mode: str | None = None
    env: str | None = None
    transport: str | None = None
    isolate: str | None = None
    """`process` brings mode `real` and transport `p2p` with it, unless the command line says otherwise: that is then refused."""


def load(path: Path | str, overrides: Overrides | None = None) -> Plan:
    """Read and check a scenario. Raises ScenarioErrors with every finding, never anything else for a file's content."""
    file = Path(path)
    given = overrides or Overrides()
    problems = Problems(str(file))
    _check_overrides(given, problems)
    problems.raise_if_any()
    data = _read(file, problems)
    problems.raise_if_any()
    tree = parse(data, problems)
    if tree is not None and not isinstance(tree, Mapping):
        problems.add(tree.line, "", f"a scenario is a mapping of keys, not a {kind_of(tree)}", "it begins with 'schema: 1'")
    if isinstance(tree, Mapping):
        plan = _Reader(file, data, given, problems).read(Section(problems, "", tree, tree.line))
        problems.raise_if_any()
        return plan
    problems.raise_if_any()
    raise AssertionError("a file without a tree has a finding")


def _check_overrides(given: Overrides, problems: Problems) -> None:
    if given.seed is not None and not 0 <= given.seed <= MOST_SEED:
        problems.add(0, "--seed", f"must be from 0 to {MOST_SEED}, not {given.seed}")
    if given.mode is not None and given.mode not in MODES:
        problems.add(0, "--mode", f"unknown mode {given.mode!r}", nearest(given.mode, MODES))
    if given.env is not None and given.env not in environment_names.known():
        problems.add(0, "--env", f"unknown environment {given.env!r}", nearest(given.env, environment_names.known()))
    if given.transport is not None and given.transport not in TRANSPORTS:
        problems.add(0, "--transport", f"unknown transport {given.transport!r}", nearest(given.transport, TRANSPORTS))
    if given.isolate is not None and given.isolate not in ISOLATIONS:
        problems.add(0, "--isolate", f"unknown isolation {given.isolate!r}", nearest(given.isolate, ISOLATIONS))


def _read(file: Path, problems: Problems) -> bytes:
    try:
        if not file.exists():
            problems.add(0, "", "no such file", _neighbour(file))
        elif not file.is_file():
            problems.add(0, "", "not a file")
        else:
            with file.open("rb") as stream:
                return stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        problems.add(0, "", f"cannot be read: {getattr(error, 'strerror', None) or error}")
    return b""


def _neighbour(file: Path) -> str:
    names = [entry.name for entry in file.parent.glob("*.y*ml")] if file.parent.is_dir() else []
    close = nearest(file.name, names)
    return close if close.startswith("did you mean") else ""


class _Reader:
    """One reading of one file."""

    def __init__(self, file: Path, data: bytes, given: Overrides, problems: Problems) -> None:
        self._file, self._data, self._given, self._problems = file, data, given, problems
        self._files = Files(file)

    def read(self, top: Section) -> Plan:
        """Read every key; what is wrong is in the problems, and the plan is of use only when there are none."""
        self._schema(top)
        title = top.value("name", name, self._file.stem)
        seed_in_file = top.optional("seed", whole(0, MOST_SEED))
        seed = self._given.seed if self._given.seed is not None else seed_in_file
        isolate, mode = self._way(top)
        until = top.value("until", _until, 0)
        at_most = top.value("at_most", positive_duration, until or DEFAULT_AT_MOST)
        apps_section = top.section("apps")
        apps = read_apps(apps_section, self._files)
        needed = top.required("nodes")
        node_items = needed.items() if needed else []
        if needed and not node_items:
            needed.wrong("names no group of nodes")
        nodes, group_lines = read_nodes(node_items, mode, self._given.env)
        selectors = Selectors(nodes)
        _check_clocks(node_items, nodes, isolate, mode)
        network = self._network(top, selectors)
        self._check_transport(top, network, mode, len(nodes))
        self._check_isolation(top, isolate, network, mode, len(nodes))
        task_items = top.items("tasks")
        tasks, task_names = read_tasks(task_items, selectors, set(apps_section.names()) if apps_section else set(), self._files)
        if not until and not task_items:
            top.wrong("there are no tasks to be done", "give tasks:, or until: a duration", key="until")
        event_items = top.items("events")
        whose = "isolate process" if isolate == "process" else "transport p2p" if network.transport == "p2p" else ""
        events = EventReader(selectors, task_names, whose).read(event_items)
        check_times([*task_items, *event_items], at_most)
        expectations = ExpectReader(selectors, tasks).read(top.items("expect"))
        durations, measured = read_durations(top.item("durations"), mode)
        self._close(top)
        return Plan(
            file=self._file,
            name=title,
            seed=seed or 0,
            seed_given=seed is not None,
            mode=mode,
            until=until or None,
            at_most=at_most,
            network=network,
            apps=apps,
            nodes=tuple(nodes),
            tasks=tuple(tasks),
            events=tuple(events),
            expectations=tuple(expectations),
            durations=durations,
            measured=measured,
            isolate=isolate,
            source_digest=self._files.digest(self._data, _effective(seed or 0, mode, nodes)),
            env_override=self._given.env or "",
            notes=_notes(seed is not None, measured if mode == "paced" else frozenset()),
            lines=_lines(apps_section, group_lines),
        )

    def _way(self, top: Section) -> tuple[Isolation, Mode]:
        """Read how the nodes run."""
        given = self._given
        isolate = cast(Isolation, given.isolate or top.value("isolate", one_of(ISOLATIONS, "isolation"), "none"))
        top.item("isolate")
        mode_in_file = top.value("mode", one_of(MODES, "mode"), "real" if isolate == "process" else "paced")
        mode = cast(Mode, given.mode or ("real" if given.isolate == "process" else mode_in_file))
        self._check_env(mode)
        return isolate, mode

    def _network(self, top: Section, selectors: Selectors) -> NetworkPlan:
        network, given = read_network(top.section("network"), selectors), self._given
        if given.transport == "p2p" or (given.isolate == "process" and given.transport is None):
            return NetworkPlan("p2p", network.quality)  # the host's network has qualities of its own
        return replace(network, transport="simulated") if given.transport == "simulated" else network

    def _schema(self, top: Section) -> None:
        item = top.required("schema")
        number = item.parsed(whole(0)) if item else None
        if item is not None and number is not None and number != SCHEMA:
            item.wrong(f"schema {number} is not supported", f"this version reads schema {SCHEMA}")

    def _check_env(self, mode: Mode) -> None:
        refused = environment_names.refusal(self._given.env, mode) if self._given.env else None
        if refused:
            self._problems.add(0, "--env", *refused)

    def _check_transport(self, top: Section, network: NetworkPlan, mode: Mode, nodes: int) -> None:
        if network.transport != "p2p":
            return
        key = "mode" if self._given.transport else "network"
        if mode != "real":
            top.wrong(f"transport p2p needs mode real, and the mode is {mode}", "use mode real, or transport simulated", key=key)
        if nodes > MOST_P2P_NODES:
            top.wrong(f"transport p2p takes at most {MOST_P2P_NODES} nodes, and there are {nodes}", "use transport simulated", key="nodes")

    def _check_isolation(self, top: Section, isolate: Isolation, network: NetworkPlan, mode: Mode, nodes: int) -> None:
        if isolate != "process":
            return
        if mode != "real":
            top.wrong(f"isolate process needs mode real, and the mode is {mode}", "leave the mode out", key="mode")
        if network.transport != "p2p":
            top.wrong("isolate process needs transport p2p: simulated links are of one process", "network: {transport: p2p}", key="network")
        if nodes > MOST_PROCESSES:
            top.wrong(f"isolate process takes at most {MOST_PROCESSES} nodes, and there are {nodes}", "use fewer", key="nodes")

    def _close(self, top: Section) -> None:
        for key in top.names():
            if key.startswith("x-"):
                top.item(key)  # a place for anchors that aliases use
        top.close()


def _lines(apps: Section | None, groups: dict[str, int]) -> dict[str, int]:
    entries = apps.node.entries if apps else {}
    return {f"apps: {key}": line for key, (line, _) in entries.items()} | {f"nodes: {group}": line for group, line in groups.items()}


def _notes(has_seed: bool, measured: frozenset[str]) -> tuple[str, ...]:
    notes = [] if has_seed else ["no seed is given, neither in the file nor by --seed: 0 is used"]
    if measured:
        kinds = "all kinds of jobs" if len(measured) == len(JOB_KINDS) else ", ".join(sorted(measured))
        notes.append(f"not reproducible: durations are measured ({kinds}); only its tape gives the same run again")
    return tuple(notes)


def _effective(seed: int, mode: Mode, nodes: list[NodePlan]) -> tuple[str, ...]:
    """Return what overrides can change, as it came out: an override that says what the file says changes nothing."""
    environments = dict.fromkeys(f"env {node.group}={node.env}" for node in nodes)
    return (f"seed={seed}", f"mode={mode}", *environments)


def _until(value: object) -> int:
    """Parse `until`: 0 stands for tasks_done."""
    return 0 if value == "tasks_done" else positive_duration(value)


def _check_clocks(items: Sequence[Item], nodes: Sequence[NodePlan], isolate: Isolation, mode: Mode) -> None:
    for item, node in zip(items, {node.group: node for node in nodes}.values(), strict=False):
        if mode == "real" and node.clock_drift:
            item.wrong("clock_drift needs virtual time, and the mode is real", "use --mode paced, or clock_offset")
        if isolate == "process" and node.clock_offset:
            item.wrong("clock_offset needs nodes of one process, and isolate is process", "leave it out: all have this machine's clock")
