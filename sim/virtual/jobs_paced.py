"""The Jobs port of `paced` mode: a job really runs while its virtual duration passes; the virtual clock waits only at its end.

Knows threads and the virtual clock's way to wait. Must not know what the work does. Outcomes are told in virtual order, never in the
order in which real work ends; only what they hold (a wall limit passed, and what measured kinds took) comes from outside, and the tape
keeps that.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import Future
from typing import Final

from claynet.actors.ports import MILLISECOND, SECOND, Entropy, Outcome
from claynet.sim.durations import Durations
from claynet.sim.virtual.jobs import TIMED_OUT, JobObserver, Pending, RealDurations, VirtualJobs, run_safely
from claynet.sim.virtual.system import VirtualSystem
from claynet.sim.virtual.tape import BlobsOf, TapeWriter
from claynet.sim.virtual.watchdog import Watchdog
from claynet.sim.virtual.workers import Workers

EXPRESS: Final = frozenset({"stop", "shutdown", "abort_task", "abort_subtask"})
"""Kinds that get a thread of their own: they free what others wait for, so they never wait behind a full pool."""

HEED: Final = 5 * SECOND
"""How long killed work may take to return before its thread is given up, ns of real time."""


class PacedJobs(VirtualJobs):
    """A wall limit counts from when a work really starts; past it the work is killed and its outcome is `timed_out`."""

    def __init__(
        self,
        system: VirtualSystem,
        durations: Durations,
        entropy: Entropy,
        tape: TapeWriter | None = None,
        observer: JobObserver | None = None,
        real_durations: RealDurations | None = None,
        workers: int | None = None,
        blobs_of: BlobsOf | None = None,
        heed: int = HEED,
    ) -> None:
        """`blobs_of` finds where a job's files are, for the tape; `workers` bounds the work that runs at once.

        (By default twice the processors, at least 4.)
        """
        super().__init__(system, durations, entropy, observer)
        self._tape = tape
        self._real_durations = real_durations
        self._blobs_of = blobs_of
        self._workers = Workers(workers or max(4, 2 * (os.cpu_count() or 1)), "paced")
        self._watchdog = Watchdog()
        self._running: dict[str, Future[tuple[Outcome, int]]] = {}
        self._started: dict[str, int] = {}
        self._heed = heed

    def close(self) -> None:
        """Kill what is pending, wait a little for its threads, finish the tape."""
        super().close()
        self._workers.close(self._heed)
        self._watchdog.close()
        if self._tape is not None:
            self._tape.close()

    def run_ended(self) -> None:
        """Seal the tape: only what is sealed can be replayed."""
        if self._tape is not None:
            self._tape.seal()

    def _begin(self, job: Pending) -> None:
        future: Future[tuple[Outcome, int]] = Future()
        self._running[job.job_id] = future
        self._workers.run(lambda: self._perform(job, future), urgent=job.kind in EXPRESS)

    def _perform(self, job: Pending, future: Future[tuple[Outcome, int]]) -> None:
        """Do the work, on a thread of the pool."""
        if not future.set_running_or_notify_cancel():
            return
        watch = self._watchdog.watch(job.work, job.wall_limit)
        started = self._started[job.job_id] = time.monotonic_ns()
        outcome = run_safely(job.work)
        took = time.monotonic_ns() - started
        future.set_result((TIMED_OUT if self._watchdog.release(watch) else outcome, took))

    def _is_over(self, job: Pending, elapsed: int) -> bool:
        """Let virtual time pass only when as much real time has: the clock of a run with measured jobs is never ahead of them."""
        future = self._running[job.job_id]
        while True:
            started = self._started.get(job.job_id)
            took = 0 if started is None else time.monotonic_ns() - started
            if not future.done() and started is not None and took > elapsed:
                # `_outcome` gives work up that does not heed its kill; until then it is not over.
                return took > job.wall_limit + self._heed
            try:
                _, needed = future.result(timeout=max(elapsed - took, MILLISECOND) / SECOND)
            except TimeoutError:
                continue
            return needed <= elapsed

    def _outcome(self, job: Pending) -> Outcome:
        future = self._running[job.job_id]  # it is there until this is over: an interruption in between has it given up
        while True:
            try:
                outcome, took = future.result(timeout=min(self._heed, SECOND) / SECOND)
                break
            except TimeoutError:  # its turn may not have come (all before it have limits), or it does not heed being killed
                started = self._started.get(job.job_id)
                took = 0 if started is None else time.monotonic_ns() - started
                if took > job.wall_limit + self._heed:
                    self._workers.give_up_one()
                    outcome = TIMED_OUT
                    break
        del self._running[job.job_id]
        self._started.pop(job.job_id, None)
        if self._real_durations is not None and outcome != TIMED_OUT:  # that would measure the limit, not the job
            self._real_durations(job.job_id, job.kind, took)
        return outcome

    def _abandon(self, job: Pending) -> None:
        future = self._running.pop(job.job_id)
        if not future.cancel():
            job.work.kill()
        self._started.pop(job.job_id, None)

    def _told(self, job: Pending, outcome: Outcome) -> None:
        if self._tape is not None:
            with self._system.fence.lifted():
                blobs = self._blobs_of(job.job_id) if self._blobs_of is not None and outcome.files else None
                self._tape.record(job.job_id, job.kind, outcome, self._system.now, blobs)
