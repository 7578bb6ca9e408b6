"""The Jobs port of `virtual` mode: a job is computed when it is submitted, and its outcome arrives when its virtual duration is over.

Knows how to run work on the virtual thread with the fence lifted. Must not know what the work does.
"""

from __future__ import annotations

import time

from claynet.actors.ports import Entropy, Outcome
from claynet.sim.durations import Durations
from claynet.sim.virtual.jobs import TIMED_OUT, JobObserver, Pending, RealDurations, VirtualJobs, run_safely
from claynet.sim.virtual.system import VirtualSystem
from claynet.sim.virtual.watchdog import Watchdog


class DirectJobs(VirtualJobs):
    """A work that has a method `declare(duration_ns)` is told its virtual duration before it runs.

    A work that outlasts its wall limit is killed from another thread (one that does not heed `kill` cannot be helped here) and has
    `timed_out`: the only way in which the speed of this machine can show.
    """

    def __init__(
        self,
        system: VirtualSystem,
        durations: Durations,
        entropy: Entropy,
        observer: JobObserver | None = None,
        real_durations: RealDurations | None = None,
    ) -> None:
        super().__init__(system, durations, entropy, observer)
        self._real_durations = real_durations
        self._watchdog = Watchdog()
        self._outcomes: dict[str, Outcome] = {}
        self._took: dict[str, int] = {}

    def close(self) -> None:
        """Forget what is pending and end the watchdog."""
        super().close()
        self._watchdog.close()

    def _begin(self, job: Pending) -> None:
        watch = self._watchdog.watch(job.work, job.wall_limit)
        started = time.monotonic_ns()
        outcome = run_safely(job.work)
        took = time.monotonic_ns() - started
        self._took[job.job_id] = took
        self._outcomes[job.job_id] = TIMED_OUT if self._watchdog.release(watch) else outcome
        if self._real_durations is not None:
            self._real_durations(job.job_id, job.kind, took)

    def _is_over(self, job: Pending, elapsed: int) -> bool:
        return self._took[job.job_id] <= elapsed

    def _outcome(self, job: Pending) -> Outcome:
        self._took.pop(job.job_id)
        return self._outcomes.pop(job.job_id)

    def _abandon(self, job: Pending) -> None:
        self._took.pop(job.job_id, None)
        self._outcomes.pop(job.job_id, None)
        job.work.kill()
