"""The machine of one subtask as its requestor sees it: one try, on one provider.

All changes of its status are in this file. It does not know the app's parts, the network, or how frames are signed: evidence
arrives sealed, as bytes.

`finished` is settled: only the user's restart leaves it, and its payment stays paid. The other final states have no exit.
"""

from __future__ import annotations

from claynet.actors.core.machine import CallApp, Effects, Fetch, Send, SetTimer, State, Step, move
from claynet.actors.ports import FileRef, NodeId

TABLE = {
    ("requested", "given"): "requested",
    ("requested", "withheld"): "refused",
    ("requested", "assigned"): "assigned",
    ("requested", "failed"): "failed",
    ("requested", "cancelled"): "cancelled",
    ("assigned", "taken"): "computing",
    ("assigned", "refused"): "refused",
    ("assigned", "reported"): "fetching",
    ("assigned", "failed"): "failed",
    ("assigned", "expired"): "timed_out",
    ("assigned", "cancelled"): "cancelled",
    ("assigned", "restarted"): "restarted",
    ("computing", "reported"): "fetching",
    ("computing", "failed"): "failed",
    ("computing", "expired"): "timed_out",
    ("computing", "cancelled"): "cancelled",
    ("computing", "restarted"): "restarted",
    ("fetching", "fetched"): "verifying",
    ("fetching", "failed"): "failed",
    ("fetching", "cancelled"): "cancelled",
    ("fetching", "restarted"): "restarted",
    ("verifying", "accepted"): "finished",
    ("verifying", "failed"): "failed",
    ("verifying", "awaits"): "awaiting_data",
    ("verifying", "cancelled"): "cancelled",
    ("verifying", "restarted"): "restarted",
    ("awaiting_data", "asked_again"): "verifying",
    ("awaiting_data", "failed"): "failed",
    ("awaiting_data", "cancelled"): "cancelled",
    ("awaiting_data", "restarted"): "restarted",
    ("finished", "restarted"): "restarted",
}
FINAL = frozenset({"failed", "timed_out", "cancelled", "restarted", "refused"})
SETTLED = FINAL | {"finished"}
INITIAL = "requested"
_KNOWN_TO_PROVIDER = frozenset({"assigned", "computing", "fetching", "verifying", "awaiting_data"})


class SubtaskState(State, frozen=True, kw_only=True, tag="subtask"):
    """One subtask; times are UTC ns, amounts 10^-9 token."""

    id: str
    task_id: str
    provider: NodeId
    offer: bytes
    price: int
    amount: int
    params_json: str = ""
    resources: tuple[str, ...] = ()
    assignment: bytes = b""
    report: bytes = b""
    inputs: tuple[FileRef, ...] = ()
    result: FileRef | None = None
    rule: str = ""
    """With `failed` and its like: a short code (`verification`, `inconclusive`, `unsafe_path`, ...)."""

    @property
    def is_open(self) -> bool:
        """Tell whether something is still to come of it."""
        return self.status not in SETTLED


def key(subtask_id: str) -> str:
    """Return the store key of a subtask."""
    return f"subtask/{subtask_id}"


def new(subtask_id: str, task_id: str, provider: NodeId, offer: bytes, price: int, amount: int) -> Step[SubtaskState]:
    """The app is asked for a subtask for this provider; the price is fixed here."""
    state = SubtaskState(status=INITIAL, id=subtask_id, task_id=task_id, provider=provider, offer=offer, price=price, amount=amount)
    return state, (("app", CallApp("next")),), ()


def given(state: SubtaskState, params_json: str, resources: tuple[str, ...]) -> Step[SubtaskState]:
    """NextSubtask gave a subtask: its files are to be stored."""
    after = move(TABLE, key(state.id), state, "given", params_json=params_json, resources=resources)
    return after, (("app", CallApp("inputs")),), ("app",)


def withheld(state: SubtaskState, reason: str) -> Step[SubtaskState]:
    """NextSubtask gave none: the app refuses this node for now."""
    return move(TABLE, key(state.id), state, "withheld", reason=reason, rule="app_refused"), (), ("app",)


def assigned(state: SubtaskState, assignment: bytes, inputs: tuple[FileRef, ...], now: int, timeout: int) -> Step[SubtaskState]:
    """The sealed assignment goes out; the subtask's time runs."""
    after = move(TABLE, key(state.id), state, "assigned", assignment=assignment, inputs=inputs)
    return after, (("send", Send(state.provider, assignment)), ("timer", SetTimer(now + timeout))), ("app",)


def taken(state: SubtaskState) -> Step[SubtaskState]:
    """The provider has it."""
    return move(TABLE, key(state.id), state, "taken"), (), ("send",)


def refused(state: SubtaskState, rule: str, detail: str) -> Step[SubtaskState]:
    """The provider does not take it: nothing was computed."""
    after = move(TABLE, key(state.id), state, "refused", rule=rule, reason=detail)
    return after, (("app", CallApp("cleanup")),), ("send", "timer")


def reported(state: SubtaskState, report: bytes, result: FileRef, now: int, limit: int) -> Step[SubtaskState]:
    """A result is announced: the subtask's timer stops, fetching it has a limit of its own."""
    after = move(TABLE, key(state.id), state, "reported", report=report, result=result)
    effects: Effects = (("fetch", Fetch(state.provider, (result,))), ("timer", SetTimer(now + limit)))
    return after, effects, ("send", "timer")


def fetched(state: SubtaskState) -> Step[SubtaskState]:
    """The result is here; it is placed and verified."""
    return move(TABLE, key(state.id), state, "fetched"), (("app", CallApp("verify")),), ("fetch", "timer")


def accepted(state: SubtaskState, acceptance: bytes) -> Step[SubtaskState]:
    """Verify: SUCCESS."""
    return move(TABLE, key(state.id), state, "accepted"), (("verdict", Send(state.provider, acceptance)),), ("app",)


def awaits(state: SubtaskState) -> Step[SubtaskState]:
    """Verify: AWAITING_DATA."""
    return move(TABLE, key(state.id), state, "awaits"), (), ("app",)


def asked_again(state: SubtaskState) -> Step[SubtaskState]:
    """Another result arrived, or nothing else is open: Verify is asked again."""
    return move(TABLE, key(state.id), state, "asked_again"), (("app", CallApp("verify_again")),), ()


def failed(state: SubtaskState, rule: str, reason: str, rejection: bytes = b"") -> Step[SubtaskState]:
    """The try came to nothing. A sealed rejection, if there is one, goes to the provider.

    The app puts the part back by itself after its own FAILURE verdict; in every other case it is told to.
    """
    after = move(TABLE, key(state.id), state, "failed", rule=rule, reason=reason)
    effects: Effects = (("verdict", Send(state.provider, rejection)),) if rejection else ()
    if (state.status, rule) != ("verifying", "verification"):  # a provider may call its own trouble by that name
        effects = (*effects, ("app", CallApp("cleanup")))
    return after, effects, ("app", "send", "timer", "fetch")


def expired(state: SubtaskState, cancel: bytes) -> Step[SubtaskState]:
    """Its time is over and no report came."""
    after = move(TABLE, key(state.id), state, "expired", rule="timed_out", reason="no result within the subtask's time")
    effects: Effects = (("send", Send(state.provider, cancel)), ("app", CallApp("cleanup")))
    return after, effects, ("timer",)


def cancelled(state: SubtaskState, reason: str, cancel: bytes) -> Step[SubtaskState]:
    """The task ended without it. (AbortTask tells the app.)"""
    return _given_up(state, "cancelled", reason, cancel)


def restarted(state: SubtaskState, reason: str, cancel: bytes, discard: bool) -> Step[SubtaskState]:
    """Its part is handed out again under a new id; `discard`: the app does not know yet."""
    after, effects, done = _given_up(state, "restarted", reason, cancel)
    return after, (*effects, ("app", CallApp("discard"))) if discard else effects, done


def _given_up(state: SubtaskState, name: str, reason: str, cancel: bytes) -> Step[SubtaskState]:
    after = move(TABLE, key(state.id), state, name, reason=reason, rule=name)
    told = state.status in _KNOWN_TO_PROVIDER
    effects: Effects = (("send", Send(state.provider, cancel)),) if told else ()
    return after, effects, ("app", "timer", "fetch", "send")
