"""Runtime: one per running app service. Runs its operations as jobs, in order, and ends it cleanly.

Knows the service's backend, the Jobs port and the runtime machine. Must not know what the operations are for.
Calls to one service queue in order; AbortTask and AbortSubtask pass them; stopping kills what is under way.
"""

from __future__ import annotations

import contextlib
from collections import deque

from claynet.actors.core import runtime as machine
from claynet.actors.environment import Runnable, RuntimeBackend
from claynet.actors.messages import Bounced, OpCall, OpCollect, OpDiscard, OpDone, OpPlace, RuntimeEnded, RuntimeOp, StopService
from claynet.actors.ports import Address, JobDone, Outcome, Side, Work
from claynet.actors.shell import Shell, handles, spawn_child
from claynet.actors.world import Ports

URGENT = {"AbortTask": "abort_task", "AbortSubtask": "abort_subtask", "Shutdown": "shutdown"}
KINDS = URGENT | {
    "CreateTask": "create_task",
    "NextSubtask": "next_subtask",
    "Verify": "verify",
    "DiscardSubtasks": "discard_subtasks",
    "RunBenchmark": "run_benchmark",
    "HasPendingSubtasks": "has_pending_subtasks",
    "Compute": "compute",
}
"""Task API method -> job kind."""
NO_ROOM = "out_of_disk"
DEAD = frozenset(
    {"exited", "not_serving", "closed", "UNAVAILABLE", "engine", "container_gone", "container_killed", "out_of_memory", NO_ROOM}
)
"""Outcome codes which say that the service is gone."""
FILES_LIMIT = 120_000_000_000
STOP_LIMIT = 30_000_000_000
CANCELLED = Outcome("cancelled", code="stopped", detail="the service was stopped")


class Runtime(Shell):
    """One life of one service."""

    def __init__(
        self,
        address: Address,
        parent: Address,
        ports: Ports,
        runtime_id: str,
        image: str,
        side: Side,
        backend: RuntimeBackend,
        start_limit: int,
    ) -> None:
        super().__init__(address, parent, ports)
        self._state = machine.RuntimeState(status=machine.INITIAL, id=runtime_id)
        self._image = image
        self._side = side
        self._backend = backend
        self._start_limit = start_limit
        self._queue: deque[RuntimeOp] = deque()
        self._current: str | None = None
        self._under_way: dict[str, RuntimeOp] = {}
        self._jobs = 0
        self._served = 0
        self._start_job = ""
        self._tidy_job = ""
        self._code = ""
        """Outcome code of what ended it."""

    def on_start(self) -> None:
        """Start the service."""
        self._emit(None)
        self._step("start")
        self._start_job = self._submit("start", self._backend.start(), self._start_limit)

    @handles(RuntimeOp)
    def on_op(self, message: RuntimeOp) -> None:
        """Queue an operation, or let it pass the queue."""
        if self._state.status in machine.FINAL:
            self.tell(self.parent, Bounced(self.address, message))
        elif self._state.status not in ("starting", "running"):
            self._queue.append(message)  # handed back as unsent when the service is gone
        elif self._state.status == "running" and isinstance(message.op, OpCall) and message.op.method in URGENT:
            self._perform(message)
        else:
            self._queue.append(message)
            self._next()

    @handles(StopService)
    def on_stop_service(self, message: StopService) -> None:
        """Kill what is under way, stop the service."""
        if self._state.status in ("starting", "running"):
            self._step("stop", message.reason)
            self._wind_down()

    @handles(JobDone)
    def on_job_done(self, message: JobDone) -> None:
        """What a job came to."""
        if message.kind == "start":
            self._started(message.outcome)
        elif message.kind == "stop" and self._side == "provider":
            # Its work dir was for one subtask, whose result is a blob by now. A requestor's holds all tasks of its app.
            self._tidy_job = self._submit("discard", self._backend.discard((".",)), FILES_LIMIT)
        elif message.kind == "stop" or message.job_id == self._tidy_job:
            if message.job_id == self._tidy_job:
                self._tell_what_stays(message.outcome)
            self._gone()
        else:
            self._op_done(message)

    def on_broken(self) -> None:
        """Whoever waits for an operation hears that it came to nothing; the service is ended as well as can be."""
        outcome = Outcome("error", code="harness", detail="the service's actor failed, which is a bug of claynet")
        for op in (*self._under_way.values(), *self._queue):
            self.tell(op.reply_to, OpDone(op.call_id, outcome))
        with contextlib.suppress(Exception):  # perhaps it is the Jobs port that failed; the environment's close ends it then
            self._submit("stop", self._backend.stop(), STOP_LIMIT)

    def _started(self, outcome: Outcome) -> None:
        if self._state.status != "starting":
            return
        if outcome.ok:
            self._step("started")
            self._next()
        else:
            self._failed(outcome, outcome.status)

    def _op_done(self, message: JobDone) -> None:
        op = self._under_way.pop(message.job_id, None)
        if op is None:
            return
        if self._current == message.job_id:
            self._current = None
        outcome = message.outcome
        self._served += outcome.ok
        if isinstance(op.op, OpDiscard):
            self._tell_what_stays(outcome)
        self.tell(op.reply_to, OpDone(op.call_id, outcome))
        is_call = isinstance(op.op, OpCall)
        gone = outcome.code in DEAD and (is_call or outcome.code != NO_ROOM)  # a file too large for the disk ended no service
        died = gone or (outcome.status == "timed_out" and is_call)
        if died and self._state.status == "running":
            self._failed(outcome, "an operation took too long and was killed")
        else:
            self._next()

    def _next(self) -> None:
        if self._state.status == "running" and self._current is None and self._queue:
            self._current = self._perform(self._queue.popleft())

    def _perform(self, message: RuntimeOp) -> str:
        op = message.op
        if isinstance(op, OpCall):
            job = self._submit(KINDS[op.method], self._backend.call(op.method, op.request), op.limit)
        elif isinstance(op, OpPlace):
            job = self._submit("place", self._backend.place(op.files, op.folders), FILES_LIMIT)
        elif isinstance(op, OpCollect):
            job = self._submit("collect", self._backend.collect(op.folder, op.names), FILES_LIMIT)
        else:
            job = self._submit("discard", self._backend.discard(op.paths), FILES_LIMIT)
        self._under_way[job] = message
        return job

    def _failed(self, outcome: Outcome, otherwise: str) -> None:
        self._code = outcome.code or outcome.status
        self._step("failed", outcome.detail or outcome.code or otherwise)
        self._wind_down()

    def _wind_down(self) -> None:
        self.ports.jobs.cancel(self._start_job)
        for job, op in self._under_way.items():
            self.ports.jobs.cancel(job)
            self.tell(op.reply_to, OpDone(op.call_id, CANCELLED))
        self._under_way.clear()
        self._submit("stop", self._backend.stop(), STOP_LIMIT)

    def _gone(self) -> None:
        self._step("gone")
        ended = RuntimeEnded(self.address, self._state.id, self._state.reason, tuple(self._queue), self._served, self._code)
        self._queue.clear()
        self.tell(self.parent, ended)

    def _tell_what_stays(self, outcome: Outcome) -> None:
        """Nobody else looks at what tidying up came to, and what it left fills the disk."""
        if not outcome.ok:
            problem = f"its files could not be removed: {outcome.detail or outcome.code or outcome.status}"
            self.ports.sink.emit("untidy", id=self._state.id, app=self._image, side=self._side, problem=problem)

    def _submit(self, kind: str, work: Work, limit: int) -> str:
        self._jobs += 1
        job_id = f"{self._state.id}/{self._jobs}-{kind}"
        self.ports.jobs.submit(job_id, kind, work, limit, self.address)
        return job_id

    def _step(self, name: str, reason: str = "") -> None:
        before = self._state.status
        self._state = machine.step(self._state, name, reason)
        self._emit(before)

    def _emit(self, before: str | None) -> None:
        state = self._state
        self.ports.sink.emit(
            "runtime",
            id=state.id,
            app=self._image,
            side=self._side,
            before=before,
            state=state.status,
            reason=state.reason,
        )


def start_runtime(ports: Ports, parent: Address, service: Runnable, side: Side, runtime_id: str, folder: str, start_limit: int) -> Address:
    """Spawn the Runtime of a new service, a child of `parent`; its id is its address, `folder` its work dir."""
    address = Address(runtime_id)
    backend = ports.environments[service.env].backend(service, side, runtime_id, folder)
    spawn_child(ports, parent, Runtime, runtime_id, service.image, side, backend, start_limit, address=address)
    return address
