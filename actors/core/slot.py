"""The machine of one assignment as its provider sees it: a compute slot from taking the work to being paid.

All changes of its status are in this file. It does not know containers, the network, or how frames are signed.

Money: `accepted` waits for the payment, `paid` has it. Nothing here trusts the requestor for more than one subtask.
"""

from __future__ import annotations

from claynet.actors.core.machine import Compute, Effects, Fetch, Send, SetTimer, State, Step, move
from claynet.actors.ports import FileRef, NodeId

TABLE = {
    ("fetching", "fetched"): "computing",
    ("fetching", "failed"): "failed",
    ("fetching", "expired"): "timed_out",
    ("fetching", "cancelled"): "cancelled",
    ("computing", "computed"): "reported",
    ("computing", "failed"): "failed",
    ("computing", "expired"): "timed_out",
    ("computing", "cancelled"): "cancelled",
    ("reported", "accepted"): "accepted",
    ("reported", "rejected"): "rejected",
    ("reported", "cancelled"): "cancelled",
    ("reported", "unanswered"): "unanswered",
    ("accepted", "paid"): "paid",
    ("accepted", "unanswered"): "unpaid",
    ("unanswered", "accepted"): "accepted",
    ("unanswered", "rejected"): "rejected",
    ("unanswered", "cancelled"): "cancelled",
    ("unpaid", "paid"): "paid",
}
BUSY = frozenset({"fetching", "computing"})
"""States in which the slot is taken; a reported result waits without one."""
LATE = frozenset({"unanswered", "unpaid"})
"""Given up waiting, yet a late answer is still welcome."""
FINAL = frozenset({"failed", "timed_out", "cancelled", "rejected", "paid"})
INITIAL = "fetching"


class SlotState(State, frozen=True, kw_only=True, tag="slot"):
    """One assignment; times are UTC ns, amounts 10^-9 token."""

    id: str
    task_id: str
    requestor: NodeId
    env_id: str
    prerequisites_json: str
    params_json: str
    inputs: tuple[FileRef, ...]
    amount: int
    assignment: bytes
    deadline: int
    report: bytes = b""
    result: FileRef | None = None
    acceptance: bytes = b""
    rule: str = ""
    digest: str = ""
    """What exactly runs, as the offer said."""

    @property
    def is_busy(self) -> bool:
        """Tell whether it takes up computing power."""
        return self.status in BUSY


def key(subtask_id: str) -> str:
    """Return the store key of a slot."""
    return f"slot/{subtask_id}"


def new(state: SlotState) -> Step[SlotState]:
    """Take an assignment: get its inputs, within its time."""
    effects: Effects = (("fetch", Fetch(state.requestor, state.inputs)), ("timer", SetTimer(state.deadline)))
    return state, effects, ()


def fetched(state: SlotState) -> Step[SlotState]:
    """The inputs are here."""
    return move(TABLE, key(state.id), state, "fetched"), (("work", Compute()),), ("fetch",)


def computed(state: SlotState, report: bytes, result: FileRef, wait_until: int) -> Step[SlotState]:
    """The result is stored and reported; the verdict is waited for until `wait_until`."""
    after = move(TABLE, key(state.id), state, "computed", report=report, result=result)
    return after, (("send", Send(state.requestor, report)), ("timer", SetTimer(wait_until))), ("work",)


def failed(state: SlotState, rule: str, reason: str, message: bytes) -> Step[SlotState]:
    """It came to nothing here; the requestor hears why."""
    after = move(TABLE, key(state.id), state, "failed", rule=rule, reason=reason)
    return after, (("send", Send(state.requestor, message)),), ("work", "fetch", "timer")


def expired(state: SlotState, message: bytes) -> Step[SlotState]:
    """Its time is over: work is killed, the requestor hears it."""
    after = move(TABLE, key(state.id), state, "expired", rule="timed_out", reason="the subtask's time is over")
    return after, (("send", Send(state.requestor, message)),), ("work", "fetch", "timer")


def cancelled(state: SlotState, reason: str) -> Step[SlotState]:
    """The requestor no longer wants it."""
    after = move(TABLE, key(state.id), state, "cancelled", rule="cancelled", reason=reason)
    return after, (), ("work", "fetch", "timer", "send")


def accepted(state: SlotState, acceptance: bytes, wait_until: int) -> Step[SlotState]:
    """The requestor owes the amount; its note is waited for until `wait_until`."""
    after = move(TABLE, key(state.id), state, "accepted", acceptance=acceptance)
    return after, (("timer", SetTimer(wait_until)),), ("send",)


def rejected(state: SlotState, rule: str, reason: str) -> Step[SlotState]:
    """The requestor does not accept the result."""
    after = move(TABLE, key(state.id), state, "rejected", rule=rule, reason=reason)
    return after, (), ("send", "timer")


def paid(state: SlotState) -> Step[SlotState]:
    """The note is booked."""
    return move(TABLE, key(state.id), state, "paid"), (), ("timer",)


def unanswered(state: SlotState) -> Step[SlotState]:
    """No verdict, or no payment, in all the time given."""
    after = move(TABLE, key(state.id), state, "unanswered", reason="the requestor stayed silent")
    return after, (), ("timer", "send")
