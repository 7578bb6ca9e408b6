"""TaskManager: the requestor's shell. Drives the task, subtask and payment machines; performs their effects.

Knows the machines, the app dialogue and the pools. Must not know links, services or environments.
What happens to tasks and their results is in `task_flow.py`, `verification.py` and `forgetting.py`, mixed in here; this file is the way in.
"""

from __future__ import annotations

from claynet.actors.core import payment as payments
from claynet.actors.core import subtask as subtasks
from claynet.actors.core import task as tasks
from claynet.actors.core.machine import CallApp, Effect, Fetch
from claynet.actors.core.records import HeadersWanted
from claynet.actors.forgetting import Forgetting
from claynet.actors.ledger import Hold
from claynet.actors.messages import (
    AbortTask,
    BlobsFailed,
    BlobsFetched,
    CreateTask,
    DeleteTask,
    FetchBlobs,
    FromPeer,
    Grant,
    LeaveApp,
    OpDone,
    PeerLost,
    RestartSubtask,
    SetApps,
    TimerFired,
    UseApp,
)
from claynet.actors.ports import Outcome
from claynet.actors.shell import handles
from claynet.actors.task_flow import TaskFlow
from claynet.actors.verification import Verification


class TaskManager(TaskFlow, Verification, Forgetting):
    """All tasks that this node requests."""

    def on_start(self) -> None:
        """Take up where the last life ended."""
        resumed = []
        holds = []
        for key, state, effects in self.ports.store.load():
            if isinstance(state, Hold):
                holds.append(key.removeprefix("hold/"))
            elif isinstance(state, tasks.TaskState):
                self._tasks[state.id] = state
                resumed.append((key, effects))
            elif isinstance(state, subtasks.SubtaskState):
                self._subtasks[state.id] = state
                if state.is_open:
                    self._open.setdefault(state.task_id, {})[state.id] = None
                    if state.inputs:
                        self.tell(self._switchboard, Grant(state.provider, tuple(file.digest for file in state.inputs)))
                resumed.append((key, effects))
            elif isinstance(state, payments.PaymentState):
                self._payments[state.id] = state
                resumed.append((key, effects))
        for task in self._tasks.values():
            if not task.is_final:
                self.tell(self._app_manager, UseApp(task.spec.app_id, task.id))
        for key, effects in resumed:
            self._resume(key, effects)
        self._catch_up()
        self._resume_money()
        self._release_stale(holds)
        for task in list(self._tasks.values()):
            if task.status in ("waiting", "computing"):
                self._announce(task.id, first=True)
                self._ask_pending(task)

    def _resume(self, key: str, effects: tuple[tuple[str, Effect], ...]) -> None:
        """Perform again what is not done; calls that foreign apps may not hear twice are followed up instead."""
        for slot, effect in effects:
            what = effect.what if isinstance(effect, CallApp) else ""
            if what == "create":
                self._create_failed(self._tasks[key.partition("/")[2]], "the node stopped before CreateTask was answered")
                return  # its timer is over with it
            if what in ("next", "inputs"):
                self._fail(self._subtasks[key.partition("/")[2]], "restart", "the node stopped before it was assigned", counts=False)
            elif what != "pending":
                self._keeper.resume(key, ((slot, effect),))

    def _catch_up(self) -> None:
        """A crash between a task's step and the subtask's step that belongs to it left one behind the other."""
        for subtask in list(self._subtasks.values()):
            task = self._tasks[subtask.task_id]
            if task.status == "waiting" and subtask.assignment:
                task = self._task_step(task, tasks.assigned(task))
            if not task.is_final and not task.verdicts and subtask.status == "finished":
                self._task_step(task, tasks.succeeded(task))
        for task in self._tasks.values():
            if task.is_final:
                self._cancel_open(task)

    def _resume_money(self) -> None:
        """A crash between accepting a result and noting its payment must not lose the payment."""
        for subtask in self._subtasks.values():
            if subtask.status == "finished" and subtask.id not in self._payments:
                self._owe(subtask)

    def _release_stale(self, holds: list[str]) -> None:
        """A crash beside a subtask's step may have left tokens set aside for one that never was, or is over."""
        for name in holds:
            subtask = self._subtasks.get(name)
            if subtask is None or subtask.status in subtasks.FINAL:
                self.ports.ledger.release(name)

    @handles(CreateTask)
    def on_create(self, message: CreateTask) -> None:
        """A user asks for a task."""
        step = tasks.new(message.task_id, message.spec, self.ports.clock.utc())
        self.tell(self._app_manager, UseApp(message.spec.app_id, message.task_id))
        self._task_step(None, step)

    @handles(AbortTask)
    def on_abort(self, message: AbortTask) -> None:
        """A user gives a task up; one that is over stays as it is."""
        task = self._tasks.get(message.task_id)
        if task is not None and not task.is_final:
            self._end_task(task, tasks.aborted(task, message.reason))

    @handles(DeleteTask)
    def on_delete(self, message: DeleteTask) -> None:
        """A user wants a task forgotten."""
        self._delete(message.task_id)

    @handles(SetApps)
    def on_set_apps(self, message: SetApps) -> None:
        """Other descriptors count from now on."""
        self._use_descriptors(message.files)

    @handles(RestartSubtask)
    def on_restart(self, message: RestartSubtask) -> None:
        """A user wants a subtask again: its part is discarded in the app, dependents with it."""
        subtask = self._subtasks.get(message.subtask_id)
        if subtask is None or subtask.status in subtasks.FINAL or subtask.status == "requested":
            return  # nothing of it was handed out, or it is handed out again already
        task = self._tasks[subtask.task_id]
        if not task.is_final:
            self._restart(subtask, "restarted by the user", discard=True)
            self._ask_pending(task)  # what the app said before it discards counts no more

    @handles(OpDone)
    def on_op_done(self, message: OpDone) -> None:
        """An app answered."""
        question = self._dialogue.answered(message.call_id)
        if question is None:
            return
        kind, _, name = question.key.partition("/")
        if kind == "task":
            self._task_answer(self._tasks[name], question.what, message.outcome)
        else:
            self._subtask_answer(self._subtasks[name], question.what, message.outcome)
        task = self._tasks[question.task_id]
        if task.is_final and not self._dialogue.waits(task.id) and task.id not in self._uncollected:
            self.tell(self._app_manager, LeaveApp(task.spec.app_id, task.id))

    @handles(TimerFired)
    def on_timer(self, message: TimerFired) -> None:
        """Time passed."""
        if not message.key:
            if message.slot.startswith("retry/"):
                self._keeper.on_retry(message)
            return
        kind, _, name = message.key.partition("/")
        if name not in self._tasks and name not in self._subtasks:
            return  # deleted meanwhile
        if kind == "announce":
            self._announce(name)
        elif kind == "pending":
            self._ask_pending(self._tasks[name])
        elif kind == "pool":
            self._gathered(name)
        elif kind == "outputs":
            self._collect_again(self._tasks[name])
        elif kind == "verify":
            if self._subtasks[name].status == "verifying":
                self._subtask_call(self._subtasks[name], "verify")
        elif kind == "discard":
            subtask = self._subtasks[name]
            self._subtask_call(subtask, "discard" if subtask.status == "restarted" else "cleanup")
        elif kind == "fetch":
            self._fetch_again(self._subtasks[name])
        elif self._keeper.timer_fired(message):
            if kind == "task":
                task = self._tasks[name]
                self._end_task(task, tasks.expired(task))
            else:
                self._subtask_late(self._subtasks[name])

    @handles(BlobsFetched)
    def on_fetched(self, message: BlobsFetched) -> None:
        """A result is here."""
        subtask = self._subtasks.get(message.fetch_id.partition("/")[2])  # it may have been deleted meanwhile
        if subtask is not None and subtask.status == "fetching":
            self._subtask_step(subtask, subtasks.fetched(subtask))

    @handles(BlobsFailed)
    def on_fetch_failed(self, message: BlobsFailed) -> None:
        """A result could not be had; what a lost link took with it is asked for again when its loss is told (`on_peer_lost`)."""
        subtask = self._subtasks.get(message.fetch_id.partition("/")[2])
        if subtask is None or subtask.status != "fetching" or message.again:
            return
        own = message.rule == "disk"  # this node's: not the provider's fault
        if own and self._may_wait_for_room(subtask.id):
            self._keeper.call_after(self._config.retry_most, f"fetch/{subtask.id}", "again")
            return
        self._fail(subtask, message.rule, f"the result could not be fetched: {message.detail}", blames=not own)

    @handles(PeerLost)
    def on_peer_lost(self, message: PeerLost) -> None:
        """What a peer has not answered goes out again later, and what it has not delivered is asked for again."""
        self._keeper.on_peer_lost(message.peer)
        for names in self._open.values():
            for name in names:
                subtask = self._subtasks[name]
                if subtask.provider == message.peer and subtask.status == "fetching":
                    self._keeper.call_after(self._config.retry_first, f"fetch/{name}", "again")

    @handles(FromPeer)
    def on_peer(self, message: FromPeer) -> None:
        """A provider speaks."""
        self._keeper.on_peer_heard(message.peer)
        record = message.frame.record
        if isinstance(record, HeadersWanted):
            for task in self._tasks.values():
                if task.status in ("waiting", "computing"):
                    self._announce_to(task, message.peer)
            return
        self._provider_says(message.peer, message.frame)

    def _perform(self, key: str, _slot: str, effect: Effect) -> None:
        kind, _, name = key.partition("/")
        if isinstance(effect, CallApp):
            if kind == "task":
                self._task_call(self._tasks[name], effect.what)
            else:
                self._subtask_call(self._subtasks[name], effect.what)
        elif isinstance(effect, Fetch):
            self.tell(self._switchboard, FetchBlobs(key, effect.peer, effect.files, self.address))
        else:
            self._book(self._payments[name])

    def _fetch_again(self, subtask: subtasks.SubtaskState) -> None:
        if subtask.status == "fetching" and subtask.result is not None:
            fetch = FetchBlobs(subtasks.key(subtask.id), subtask.provider, (subtask.result,), self.address)
            self.tell(self._switchboard, fetch)

    def _subtask_answer(self, subtask: subtasks.SubtaskState, what: str, outcome: Outcome) -> None:
        if what == "next":
            self._next_answered(subtask, outcome)
        elif what == "inputs":
            self._inputs_stored(subtask, outcome)
        elif what == "place_result":
            self._result_placed(subtask, outcome)
        elif what == "verify":
            self._verified(subtask, outcome)
        elif what == "discard":
            self._discarded(subtask, outcome)
