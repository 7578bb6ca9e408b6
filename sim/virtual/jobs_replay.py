"""The Jobs port of a replay: every outcome comes from a tape, in its order and at its virtual times; no work is run or killed.

Knows tapes and virtual time. Must not know what is written on a tape besides outcomes, nor how.
"""

from __future__ import annotations

from claynet.actors.ports import Entropy, Outcome
from claynet.sim.durations import Durations
from claynet.sim.virtual.jobs import CANCELLED, JobObserver, Pending, VirtualJobs
from claynet.sim.virtual.system import VirtualSystem
from claynet.sim.virtual.tape import BlobsOf, DivergenceError, Tape, TapeHeader


class ReplayJobs(VirtualJobs):
    """Raises TapeError when the tape is of another run. Whatever is not as on the tape ends the run with DivergenceError."""

    def __init__(
        self,
        system: VirtualSystem,
        durations: Durations,
        entropy: Entropy,
        tape: Tape,
        header: TapeHeader,
        observer: JobObserver | None = None,
        blobs_of: BlobsOf | None = None,
    ) -> None:
        tape.check(header)
        super().__init__(system, durations, entropy, observer)
        self._tape = tape
        self._blobs_of = blobs_of
        self._told_so_far = 0
        self._divergence: DivergenceError | None = None

    def run_ended(self) -> None:
        """Raises DivergenceError when the recorded run went on, or differed in what came after its end."""
        self._raise()
        if self._told_so_far < len(self._tape):
            raise DivergenceError(f"the replay diverged: it ended, and on the tape comes {self._expected()}")

    def _begin(self, job: Pending) -> None:
        pass

    def _is_over(self, job: Pending, elapsed: int) -> bool:
        # One that is not on the tape, or cancelled there, was never over: the recorded run or its node ended first, as this one will.
        entry = self._tape.find(job.job_id)
        return entry is not None and entry.outcome != CANCELLED and job.start + elapsed >= entry.at

    def _outcome(self, job: Pending) -> Outcome:
        # Looked up at the end only: the recorded run may have ended, or its node crashed, before this job did.
        entry = self._tape.find(job.job_id)
        if entry is None:
            raise DivergenceError(
                f"the replay diverged at {_seconds(self._system.now)}: the tape has no outcome of job {job.job_id!r} ({job.kind})"
            )
        return entry.outcome

    def _told(self, job: Pending, outcome: Outcome) -> None:
        entry = self._tape.find(job.job_id)
        at = self._told_so_far
        if (
            at >= len(self._tape)
            or entry is not self._tape.entries[at]
            or (entry.kind, entry.outcome, entry.at)
            != (
                *(job.kind, outcome),
                self._system.now,
            )
        ):
            came = f"{job.job_id!r} ({job.kind}) {outcome.status} at {_seconds(self._system.now)}"
            self._diverge(DivergenceError(f"the replay diverged: job {came} came, and on the tape comes {self._expected()}"))
            return
        self._told_so_far += 1
        if self._blobs_of is not None and outcome.files:
            with self._system.fence.lifted():
                for file in outcome.files:
                    self._blobs_of(job.job_id).put(self._tape.content(file))

    def _abandon(self, job: Pending) -> None:
        pass

    def _diverge(self, error: DivergenceError) -> None:
        """End the run from its own loop: here an actor may be calling (it cancels a job), and what it raises would be its failure."""
        if self._divergence is None:
            self._divergence = error
            self._system.schedule(self._system.now, self._raise)

    def _raise(self) -> None:
        if self._divergence is not None:
            raise self._divergence

    def _expected(self) -> str:
        """Describe the tape's next outcome."""
        if self._told_so_far >= len(self._tape):
            return "nothing more"
        entry = self._tape.entries[self._told_so_far]
        return f"job {entry.job_id!r} ({entry.kind}) {entry.outcome.status} at {_seconds(entry.at)}"


def _seconds(ns: int) -> str:
    return f"{ns / 1e9:.6f} s"
