"""What all Jobs of virtual time share: a job starts, its duration passes in virtual time, its outcome is told at the end.

A job of a measured kind has no duration beforehand: it is looked at again and again, at virtual times that depend on its start alone, until
its real duration has passed. A replay looks at the same times, so that even jobs that end together keep their order.
Knows virtual time, duration models and who listens. Must not know where outcomes come from: subclasses run the work at submit
(jobs_direct), beside the virtual world (jobs_paced), or read a tape (tape).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

from claynet.actors.ports import MILLISECOND, Address, Entropy, JobDone, Outcome, Work
from claynet.sim.durations import Durations
from claynet.sim.virtual.system import VirtualSystem

CANCELLED = Outcome(status="cancelled")
TIMED_OUT = Outcome(status="timed_out")


class JobObserver(Protocol):
    """Hears what enters the trace. Times are virtual ns."""

    def job_submitted(self, job_id: str, kind: str, at: int, duration: int) -> None:
        """Hear of a job that starts now."""

    def job_done(self, job_id: str, kind: str, outcome: Outcome, at: int) -> None:
        """Hear of an outcome that is about to be told."""


class Unobserved:
    """A JobObserver for nobody."""

    def job_submitted(self, job_id: str, kind: str, at: int, duration: int) -> None:
        """Do nothing."""

    def job_done(self, job_id: str, kind: str, outcome: Outcome, at: int) -> None:
        """Do nothing."""


RealDurations = Callable[[str, str, int], None]
"""The side log: (job id, kind, real nanoseconds) of each job that really ran. Called between handlers, in virtual order."""


class Pending:
    """A job whose outcome is still to come."""

    __slots__ = ("duration", "job_id", "kind", "reply_to", "start", "wall_limit", "work")

    def __init__(self, job_id: str, kind: str, work: Work, wall_limit: int, reply_to: Address, start: int, duration: int) -> None:
        self.job_id = job_id
        self.kind = kind
        self.work = work
        self.wall_limit = wall_limit
        self.reply_to = reply_to
        self.start = start
        self.duration = duration
        """0 for one that is measured."""


def next_look(elapsed: int) -> int:
    """Return how far into a measured job it is looked at after `elapsed` ns: a measured duration is rounded up by 1/64, at least 1 ms."""
    return elapsed + max(MILLISECOND, elapsed // 64)


class VirtualJobs(ABC):
    """Implements `ports.Jobs` but for where outcomes come from: `_begin`, `_is_over`, `_outcome` and `_abandon`."""

    def __init__(self, system: VirtualSystem, durations: Durations, entropy: Entropy, observer: JobObserver | None = None) -> None:
        self._system = system
        self._durations = durations
        self._entropy = entropy
        self._observer: JobObserver = Unobserved() if observer is None else observer
        self._used: set[str] = set()
        self._pending: dict[str, Pending] = {}

    @property
    def pending(self) -> int:
        """How many jobs have no outcome yet."""
        return len(self._pending)

    def submit(self, job_id: str, kind: str, work: Work, wall_limit: int, reply_to: Address) -> None:
        """Start a job now; its JobDone goes to `reply_to` after its virtual duration. Raises ValueError when the id was used before."""
        if job_id in self._used:
            raise ValueError(f"job id {job_id!r} was used before")
        self._used.add(job_id)
        measured = self._durations.is_measured(kind)
        duration = 0 if measured else self._durations.of(kind).sample(self._entropy.stream(job_id))
        start = self._system.now
        job = Pending(job_id, kind, work, wall_limit, reply_to, start, duration)
        self._pending[job_id] = job
        self._observer.job_submitted(job_id, kind, start, duration)
        with self._system.fence.lifted():
            declare = getattr(work, "declare", None)
            if declare is not None:
                declare(self._durations.of(kind).typical if measured else duration)
            self._begin(job)
        if measured:
            self._look_at(job, next_look(0))
        else:
            self._system.schedule(start + duration, lambda: self._due(job))

    def cancel(self, job_id: str) -> None:
        """Kill a job: `cancelled` is told now. One whose outcome was told, or an unknown id, is ignored."""
        job = self._pending.get(job_id)
        if job is None:
            return
        with self._system.fence.lifted():
            self._abandon(job)
        self._finish(job, CANCELLED)

    def lose(self, prefix: str) -> None:
        """Kill every job whose outcome would go to an address of this prefix and tell nobody: a crash of a node's life."""
        for job in [job for job in self._pending.values() if job.reply_to.startswith(prefix)]:
            del self._pending[job.job_id]
            with self._system.fence.lifted():
                self._abandon(job)

    def run_ended(self) -> None:  # noqa: B027 - a hook: most have nothing to do
        """The run reached its end: nothing was interrupted, nothing failed. Call it before `close`, once everything has stopped."""

    def close(self) -> None:
        """Kill what is pending, tell nobody, and leave nothing behind. Call it when the run is over."""
        self.lose("")

    def _due(self, job: Pending) -> None:
        if self._pending.get(job.job_id) is not job:
            return  # cancelled or lost
        with self._system.fence.lifted():
            outcome = self._outcome(job)
        self._finish(job, outcome)

    def _look_at(self, job: Pending, elapsed: int) -> None:
        """Look whether a measured job is over once `elapsed` ns of virtual time have passed since its start."""

        def look() -> None:
            if self._pending.get(job.job_id) is not job:
                return  # cancelled or lost
            with self._system.fence.lifted():
                is_over = self._is_over(job, elapsed)
            if is_over:
                self._due(job)
            else:
                self._look_at(job, next_look(elapsed))

        self._system.schedule(job.start + elapsed, look)

    def _finish(self, job: Pending, outcome: Outcome) -> None:
        del self._pending[job.job_id]
        self._told(job, outcome)
        self._observer.job_done(job.job_id, job.kind, outcome, self._system.now)
        self._system.tell(job.reply_to, JobDone(job.job_id, job.kind, outcome))

    @abstractmethod
    def _begin(self, job: Pending) -> None:
        """Start the work. Runs with the fence lifted."""

    @abstractmethod
    def _is_over(self, job: Pending, elapsed: int) -> bool:
        """Tell whether a measured job takes no longer than `elapsed` ns. Runs with the fence lifted; may wait that long."""

    @abstractmethod
    def _outcome(self, job: Pending) -> Outcome:
        """Give the outcome; the virtual time of its end is now. Runs with the fence lifted; may wait."""

    @abstractmethod
    def _abandon(self, job: Pending) -> None:
        """Nobody wants the outcome: stop the work. Runs with the fence lifted."""

    def _told(self, job: Pending, outcome: Outcome) -> None:  # noqa: B027 - a hook: most have nothing to do
        """An outcome is about to be told."""


def run_safely(work: Work) -> Outcome:
    """Run a work; what it raises against its promise becomes an error outcome, so that one bad app cannot stop a world."""
    try:
        return work.run()
    except Exception as error:
        return Outcome(status="error", code="raised", detail=type(error).__name__)
