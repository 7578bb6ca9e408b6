"""Provider side of the negotiation: one machine per announced task.

All changes of its status are in this file. It does not know other tasks (the cap on open offers is its owner's) nor the network.
Not persisted: an offer that a crash forgot is refused when it is taken up, and the header comes again.
"""

from __future__ import annotations

from claynet.actors.core.machine import State, move
from claynet.actors.core.records import Header
from claynet.actors.ports import TEN_YEARS, NodeId

TABLE = {
    ("heard", "unfit"): "unfit",
    ("heard", "offered"): "offered",
    ("heard", "ended"): "gone",
    ("unfit", "reconsidered"): "heard",
    ("unfit", "ended"): "gone",
    ("offered", "assigned"): "heard",
    ("offered", "declined"): "cooling",
    ("offered", "lapsed"): "cooling",
    ("offered", "ended"): "gone",
    ("cooling", "cooled"): "heard",
    ("cooling", "ended"): "gone",
}
FINAL = frozenset({"gone"})
LONGEST = TEN_YEARS
"""Of a subtask, and until a task's end, ns."""
INITIAL = "heard"


class OfferingState(State, frozen=True, kw_only=True, tag="offering"):
    """One announced task and what we said to it."""

    header: Header
    body: bytes
    """The sealed header, to be nested in offers."""
    offer_id: str = ""
    offer_body: bytes = b""
    """The sealed offer that is open, or was last."""
    closing: bool = False
    """Its requestor takes no more offers; ours, still open, may be taken up all the same."""
    cool_down: int = 0
    """The wait after the last decline (ns); doubles."""
    digest: str = ""
    """What exactly the offer says would run."""

    @property
    def name(self) -> str:
        """What tells it from every other."""
        return name_of(self.header)

    @property
    def requestor(self) -> NodeId:
        """Who announced it."""
        return self.header.requestor


def name_of(header: Header) -> str:
    """Return what names an announced task: its id alone could be taken by another requestor that heard it first."""
    return f"{header.task_id}@{header.requestor}"


def step(state: OfferingState, name: str, **changes: object) -> OfferingState:
    """Return the state after a move. Raises InvalidTransition."""
    return move(TABLE, f"offering/{state.name}", state, name, **changes)


def unfit_reason(header: Header, now: int, price: int, memory_mib: float) -> tuple[str, str] | None:
    """Return (rule, detail) when a provider with this price (per hour) and memory does not take a task; None when it may."""
    if header.deadline <= now:
        return "deadline", "the task's deadline has passed"
    if not 0 < header.subtask_timeout <= LONGEST or header.deadline - now > LONGEST:
        return "timeout", "a subtask has more than no time and at most ten years, and a task ends within ten years"
    if header.max_price < price:
        return "price", f"the task pays at most {header.max_price} per hour, this provider asks {price}"
    if header.min_memory_mib > memory_mib:
        return "memory", f"the task needs {header.min_memory_mib:g} MiB of memory, this provider has {memory_mib:g}"
    return None
