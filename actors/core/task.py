"""The machine of one requested task.

All changes of a task's status are in this file. It does not know who computes, over what network, or what the app is.

The node knows subtasks, never parts. So a task fails when `give_up_after` subtasks in a row failed on that many distinct
providers with no success between; it is finished when HasPendingSubtasks is false after a verdict and no subtask is open.
"""

from __future__ import annotations

from claynet.actors.config import TaskSpec
from claynet.actors.core.machine import CallApp, Effects, SetTimer, State, Step, move
from claynet.actors.ports import NodeId

TABLE = {
    ("creating", "created"): "waiting",
    ("creating", "create_failed"): "failed_to_create",
    ("creating", "aborted"): "aborted",
    ("creating", "expired"): "timed_out",
    ("waiting", "pending_known"): "waiting",
    ("waiting", "assigned"): "computing",
    ("waiting", "try_failed"): "waiting",
    ("waiting", "gave_up"): "failed",
    ("waiting", "aborted"): "aborted",
    ("waiting", "expired"): "timed_out",
    ("computing", "pending_known"): "computing",
    ("computing", "assigned"): "computing",
    ("computing", "succeeded"): "computing",
    ("computing", "try_failed"): "computing",
    ("computing", "gave_up"): "failed",
    ("computing", "completed"): "finished",
    ("computing", "aborted"): "aborted",
    ("computing", "expired"): "timed_out",
}
FINAL = frozenset({"failed_to_create", "finished", "failed", "aborted", "timed_out"})
INITIAL = "creating"


class TaskState(State, frozen=True, kw_only=True, tag="task"):
    """One task; times are UTC ns."""

    id: str
    spec: TaskSpec
    deadline: int
    env_id: str = ""
    prerequisites_json: str = ""
    min_memory_mib: float = 0.0
    streak: tuple[NodeId, ...] = ()
    """Providers of the failed tries since the last success, in order."""
    failed_providers: frozenset[NodeId] = frozenset()
    """They come last when offers are chosen; none is barred."""
    pending: bool | None = None
    """The last answer of HasPendingSubtasks; None while it must be asked."""
    verdicts: int = 0

    @property
    def is_final(self) -> bool:
        """Tell whether nothing can happen to it any more."""
        return self.status in FINAL


def key(task_id: str) -> str:
    """Return the store key of a task."""
    return f"task/{task_id}"


def new(task_id: str, spec: TaskSpec, now: int) -> Step[TaskState]:
    """Make a task: CreateTask is called, its whole time limit runs."""
    deadline = now + spec.task_timeout
    state = TaskState(status=INITIAL, id=task_id, spec=spec, deadline=deadline)
    return state, (("app", CallApp("create")), ("timer", SetTimer(deadline))), ()


def created(state: TaskState, env_id: str, prerequisites_json: str, min_memory_mib: float) -> Step[TaskState]:
    """CreateTask answered: the task waits for offers."""
    after = move(
        TABLE,
        key(state.id),
        state,
        "created",
        env_id=env_id,
        prerequisites_json=prerequisites_json,
        min_memory_mib=min_memory_mib,
    )
    return after, (("app", CallApp("pending")),), ("app",)


def create_failed(state: TaskState, reason: str) -> Step[TaskState]:
    """CreateTask failed or stayed unanswered: AbortTask, and the task never existed."""
    return _end(state, "create_failed", reason)


def pending_known(state: TaskState, pending: bool, open_subtasks: int) -> Step[TaskState]:
    """HasPendingSubtasks answered; with none pending, none open and a verdict given, the task is finished."""
    if not pending and open_subtasks == 0 and state.verdicts and state.status == "computing":
        after = move(TABLE, key(state.id), state, "completed", pending=False)
        return after, (("app", CallApp("outputs")),), ("app", "timer")
    return move(TABLE, key(state.id), state, "pending_known", pending=pending), (), ("app",)


def assigned(state: TaskState) -> Step[TaskState]:
    """A subtask went to a provider. Whether more are pending must be asked again."""
    return move(TABLE, key(state.id), state, "assigned", pending=None), (("app", CallApp("pending")),), ()


def succeeded(state: TaskState) -> Step[TaskState]:
    """A result was accepted."""
    after = move(TABLE, key(state.id), state, "succeeded", streak=(), verdicts=state.verdicts + 1, pending=None)
    return after, (("app", CallApp("pending")),), ()


def try_failed(state: TaskState, provider: NodeId, blames: bool, give_up_after: int, reason: str) -> Step[TaskState]:
    """A try came to nothing. `blames`: it says something against the provider (INCONCLUSIVE does not)."""
    streak = (*state.streak, provider)[-64:]
    failed = state.failed_providers | {provider} if blames else state.failed_providers
    if len(streak) >= give_up_after and len(set(streak[-give_up_after:])) >= give_up_after:
        text = f"{give_up_after} subtasks in a row failed on as many providers; the last: {reason}"
        return _end(state, "gave_up", text, streak=streak, failed_providers=failed, verdicts=state.verdicts + 1)
    after = move(
        TABLE,
        key(state.id),
        state,
        "try_failed",
        streak=streak,
        failed_providers=failed,
        verdicts=state.verdicts + 1,
        pending=None,
    )
    return after, (("app", CallApp("pending")),), ()


def aborted(state: TaskState, reason: str) -> Step[TaskState]:
    """The user gave it up."""
    return _end(state, "aborted", reason)


def expired(state: TaskState) -> Step[TaskState]:
    """Its whole time limit is over."""
    return _end(state, "expired", "the task's time limit is over")


def _end(state: TaskState, name: str, reason: str, **changes: object) -> Step[TaskState]:
    effects: Effects = (("app", CallApp("abort_task")),)
    return move(TABLE, key(state.id), state, name, reason=reason, **changes), effects, ("app", "timer")
