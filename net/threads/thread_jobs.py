"""The Jobs port on threads of this process.

Knows threads, real time limits and the ActorSystem port. Must not know what any work does.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from claynet.actors.ports import SECOND, ActorSystem, Address, JobDone, Outcome, Work
from claynet.net.threads.alarms import Alarms

logger = logging.getLogger(__name__)

EXPRESS = frozenset({"stop", "shutdown", "abort_task", "abort_subtask"})
"""Kinds that get a thread of their own, since they free what others wait for."""

GRACE = 10 * SECOND
"""How long a killed work may take to return before its outcome is told without it (ns)."""

_NO_THREAD = Outcome("error", code="no_thread", detail="this node's system has no room for another thread")
REMEMBERED = 10_000
"""Ids of jobs that are over and not taken again. Owners count their jobs up and never come back to a number, so an id that comes twice is
an owner that counts wrong: it shows in that owner's next job, not weeks and thousands of jobs later."""


class JobObserver(Protocol):
    """Hears of every job; called from several threads."""

    def job_submitted(self, job_id: str, kind: str) -> None:
        """A job was taken in."""

    def job_done(self, job_id: str, kind: str, outcome: Outcome) -> None:
        """A job has its outcome; told just before its JobDone."""


@dataclass(frozen=True, slots=True)
class JobDuration:
    """What a job really took, in ns: for side logs, never for outcomes."""

    job_id: str
    kind: str
    status: str
    waited: int
    ran: int


@dataclass(slots=True, eq=False)
class _Job:
    job_id: str
    kind: str
    work: Work
    wall_limit: int
    reply_to: Address
    submitted: int
    started: int = 0
    alarm: int = 0
    verdict: Literal["", "timed_out", "cancelled"] = ""
    done: bool = False
    abandoned: bool = False


class ThreadJobs:
    """Runs work on a bounded pool; kills and express kinds never wait behind it (`ports.Jobs`)."""

    def __init__(
        self,
        system: ActorSystem,
        workers: int | None = None,
        observer: JobObserver | None = None,
        side_log: Callable[[JobDuration], None] | None = None,
        grace: int = GRACE,
        remembered: int = REMEMBERED,
    ) -> None:
        """`workers` bounds the pool (twice the cores, at least 4); `side_log` hears real durations, from several threads."""
        self._system = system
        self._workers = workers or max(4, 2 * (os.cpu_count() or 1))
        self._observer = observer
        self._side_log = side_log
        self._grace = grace
        self._condition = threading.Condition()
        self._queue: deque[_Job] = deque()
        self._jobs: dict[str, _Job] = {}
        self._remembered = remembered
        self._over: OrderedDict[str, None] = OrderedDict()
        """Ids of jobs that are over, the oldest first."""
        self._threads: set[threading.Thread] = set()
        self._pool_size = 0
        self._idle = 0
        self._alarms = Alarms("claynet-job-limits")
        self._closed = False

    def submit(self, job_id: str, kind: str, work: Work, wall_limit: int, reply_to: Address) -> None:
        """Run `work`; its JobDone goes to `reply_to`. After `wall_limit` ns of running it is killed: `timed_out`.

        After close it is `cancelled` at once. Raises ValueError when `job_id` is in use or was lately.
        """
        job = _Job(job_id, kind, work, wall_limit, reply_to, time.monotonic_ns())
        with self._condition:
            if job_id in self._jobs or job_id in self._over:
                raise ValueError(f"job id used before: {job_id}")
            self._jobs[job_id] = job
        if self._observer is not None:
            self._observer.job_submitted(job_id, kind)
        with self._condition:
            closed = self._closed
            if not closed and not job.done:
                self._schedule(job)
        if closed:
            self._finish(job, Outcome("cancelled"))

    def cancel(self, job_id: str) -> None:
        """Kill a job: its outcome is `cancelled`, at once when it had not begun. Unknown ids are ignored."""
        with self._condition:
            job = self._jobs.get(job_id)
            if job is None or job.verdict:
                return
            job.verdict = "cancelled"
            waiting = not job.started
        self._kill(job)
        if waiting:
            self._finish(job, Outcome("cancelled"))

    def close(self) -> None:
        """Cancel everything and join the threads; work that does not return in the grace time is left behind. Idempotent."""
        with self._condition:
            self._closed = True
            self._queue.clear()
            jobs = list(self._jobs)
            self._condition.notify_all()
        for job_id in jobs:
            self.cancel(job_id)
        deadline = time.monotonic_ns() + self._grace + SECOND
        while True:
            with self._condition:
                threads = [thread for thread in self._threads if thread is not threading.current_thread()]
            if not threads or time.monotonic_ns() > deadline:
                break
            threads[0].join(max(0.0, (deadline - time.monotonic_ns()) / 1e9))
        self._alarms.close()

    def _schedule(self, job: _Job) -> None:
        if job.kind in EXPRESS:
            if not self._start_thread(lambda: self._execute(job), f"job-{job.job_id}"):
                self._finish(job, _NO_THREAD)
            return
        self._queue.append(job)
        if self._idle >= len(self._queue):
            self._condition.notify()
        elif self._pool_size < self._workers and not self._grow() and not self._pool_size:
            self._queue.remove(job)  # nobody would ever come to it
            self._finish(job, _NO_THREAD)

    def _grow(self) -> bool:
        started = self._start_thread(self._serve, "job-pool")
        self._pool_size += started
        return started

    def _start_thread(self, target: Callable[[], object], name: str) -> bool:
        """Tell whether the system had room for it."""

        def run() -> None:
            try:
                target()
            finally:
                with self._condition:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError as error:
            logger.warning("%s could not begin: %s", name, error)
            self._threads.discard(thread)
            return False
        return True

    def _serve(self) -> None:
        while True:
            with self._condition:
                self._idle += 1
                while not self._queue and not self._closed:
                    self._condition.wait()
                self._idle -= 1
                if self._closed:
                    return
                job = self._queue.popleft()
            self._execute(job)
            if job.abandoned:
                return  # another thread has taken this one's place

    def _execute(self, job: _Job) -> None:
        with self._condition:
            if job.done or job.verdict:
                return
            job.started = time.monotonic_ns()
        # Outside the lock: alarms call back under their own lock and take ours.
        job.alarm = self._alarms.set(job.started + job.wall_limit, lambda: self._on_limit(job))
        try:
            result: object = job.work.run()
            if not isinstance(result, Outcome):
                raise TypeError(f"run() returned {type(result).__name__}, not Outcome")
            outcome = result
        except Exception as error:
            logger.exception("job %s (%s) raised", job.job_id, job.kind)
            text = " ".join(str(error).split())
            outcome = Outcome("error", code="harness", detail=f"{type(error).__name__}: {text}")
        self._finish(job, outcome)

    def _on_limit(self, job: _Job) -> None:
        with self._condition:
            if job.done or job.verdict:
                return
            job.verdict = "timed_out"
        self._kill(job)

    def _kill(self, job: _Job) -> None:
        # On a thread of its own: a kill may take a while, and neither actors nor the limits of others may wait for it.
        def kill() -> None:
            try:
                job.work.kill()
            except Exception:
                logger.exception("job %s (%s): kill raised", job.job_id, job.kind)

        with self._condition:
            self._start_thread(kill, f"kill-{job.job_id}")
        if job.started:
            self._alarms.set(time.monotonic_ns() + self._grace, lambda: self._on_grace_over(job))

    def _on_grace_over(self, job: _Job) -> None:
        started = False
        with self._condition:
            if not job.done:
                started = self._start_thread(lambda: self._abandon(job), f"abandon-{job.job_id}")
        if not job.done and not started:
            self._abandon(job)

    def _abandon(self, job: _Job) -> None:
        with self._condition:
            if job.done:
                return
            job.abandoned = True
            if job.kind not in EXPRESS:
                self._pool_size -= 1
                if self._queue and not self._closed:
                    self._grow()
        logger.error("job %s (%s) was killed and does not return; its thread is left behind", job.job_id, job.kind)
        self._finish(job, Outcome("cancelled"))

    def _finish(self, job: _Job, outcome: Outcome) -> None:
        now = time.monotonic_ns()
        with self._condition:
            if job.done:
                return
            job.done = True
            self._jobs.pop(job.job_id, None)
            self._over[job.job_id] = None
            while len(self._over) > self._remembered:
                self._over.popitem(last=False)
            if job.verdict:
                outcome = Outcome(job.verdict)
            alarm = job.alarm
        if alarm:
            self._alarms.cancel(alarm)
        if self._side_log is not None:
            started = job.started or now
            self._side_log(JobDuration(job.job_id, job.kind, outcome.status, started - job.submitted, now - started))
        if self._observer is not None:
            self._observer.job_done(job.job_id, job.kind, outcome)
        self._system.tell(job.reply_to, JobDone(job.job_id, job.kind, outcome))
