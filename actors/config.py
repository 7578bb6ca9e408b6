"""What a node is told when it is built: frozen values, no behaviour.

Knows units (ns, bytes, 10^-9 token). Must not know where the values were read from.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from claynet.actors.ports import MILLISECOND, SECOND, FileRef


@dataclass(frozen=True, slots=True)
class RequestorConfig:
    """How this node rents computing power."""

    env: str
    """Environment that runs the requestor side of apps here."""
    pool_time: int = 1 * SECOND
    """How long offers are gathered after the first one before the best are chosen."""
    verify_limit: int = 300 * SECOND
    """Wall limit of one Verify."""
    call_limit: int = 60 * SECOND
    """Wall limit of every other Task API call."""
    give_up_after: int = 3
    """A task fails when so many subtasks in a row failed on that many distinct providers with no success between."""
    announce_first: int = 10 * SECOND
    """First gap between announcements of a header; it doubles up to `announce_most`. Nothing is announced while no subtask is pending."""
    announce_most: int = 60 * SECOND


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """How this node rents out computing power."""

    env: str
    price: int = 0
    """Asked price per hour."""
    slots: int = 1
    """Subtasks computed at once."""
    offers_per_slot: int = 1
    """Cap of open offers per free slot."""
    memory_mib: float = 4096.0
    offer_lifetime: int = 30 * SECOND
    cool_down: int = 5 * SECOND
    """How long a task whose requestor declined an offer is left alone (doubles, up to a minute)."""
    idle_cool_down: int = 60 * SECOND
    """The same when nothing of the task was pending: its requestor announces it again as soon as something is."""
    decline_gap: int = 60 * SECOND
    """At most one Decline per task in this time."""
    whitelist: tuple[str, ...] = ()
    """Sources whose images may run here (docker: the image's name without its last part, `golem` for `golem/blender:1.0`). What the
    operator installed here has no source and needs none."""


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """One node."""

    name: str
    """Readable, unique in its world: prefix of its actors' addresses."""
    life: int = 1
    """Counts restarts, so that an address is never reused."""
    requestor: RequestorConfig | None = None
    provider: ProviderConfig | None = None
    descriptors: tuple[tuple[str, str], ...] = ()
    """App descriptors: (file name, JSON text)."""
    disabled_apps: frozenset[str] = frozenset()
    """App ids that are known and not enabled."""
    start_limit: int = 15 * SECOND
    """Wall limit of a service's start until SERVING."""
    retry_first: int = 500 * MILLISECOND
    """First wait before unanswered messages to a lost peer are sent again; doubles up to `retry_most`."""
    retry_most: int = 30 * SECOND
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """A task as a user asks for it."""

    name: str
    app_id: str
    params_json: str
    subtasks: int
    """max_subtasks_count of CreateTask."""
    max_price: int
    """Tokens per hour."""
    task_timeout: int
    subtask_timeout: int
    inputs: tuple[FileRef, ...] = ()
    """Blobs of the node's Blobs port, placed as task_inputs/NAME before CreateTask."""
