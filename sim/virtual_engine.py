"""The engine of `virtual` and `paced`: one thread, virtual time; which Jobs it has decides whether anything really runs.

Knows the virtual system, clock and jobs. Must not know nodes.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import claynet
from claynet.actors.ports import Blobs, Entropy
from claynet.envs.guard import Guard
from claynet.sim.durations import Durations
from claynet.sim.options import RunOptions
from claynet.sim.scenario.plan import Plan
from claynet.sim.side_logs import DurationsLog
from claynet.sim.virtual.app_fence import app_fence
from claynet.sim.virtual.clock import VirtualClock
from claynet.sim.virtual.jobs import VirtualJobs
from claynet.sim.virtual.jobs_direct import DirectJobs
from claynet.sim.virtual.jobs_paced import PacedJobs
from claynet.sim.virtual.jobs_replay import ReplayJobs
from claynet.sim.virtual.system import VirtualSystem
from claynet.sim.virtual.tape import Tape, TapeHeader, TapeWriter, this_platform
from claynet.sim.watch.recorder import Recorder
from claynet.sim.wire.scheduler import VirtualScheduler
from claynet.sim.wire.wiring import Wiring


class VirtualEngine:
    """`virtual` and `paced`: one thread, virtual time; the jobs given decide whether anything really runs."""

    TICK_EVERY = 64
    """Instants between ticks."""

    def __init__(self, system: VirtualSystem, jobs: VirtualJobs, entropy: Entropy, blobs: dict[str, Blobs]) -> None:
        """`blobs` is filled with every node's, by name, as the world makes them."""
        self.system = system
        self.jobs = jobs
        self.clock = VirtualClock(system)
        self._entropy = entropy
        self._blobs = blobs
        self._count = 0
        self._is_ended = False

    @property
    def deliveries(self) -> int:
        """Messages that reached an actor so far."""
        return self.system.deliveries

    def begin(self) -> None:
        """Nothing has passed yet: virtual time stands."""

    def now(self) -> int:
        """Virtual nanoseconds since the run began."""
        return self.system.now

    def scheduler(self) -> VirtualScheduler:
        """Call the network back from the kernel itself."""
        return VirtualScheduler(self.system)

    def wiring(self, simulated: Callable[[], Wiring]) -> Wiring:
        """Virtual time has the simulated one only."""
        return simulated()

    def guard(self, node: str) -> Guard:
        """Give an app seeded chance, a clock of its declared duration, and only its own work dir."""
        stream = self._entropy.stream(f"app/{node}")
        return lambda call_id, work_dir, duration: app_fence(stream.stream(call_id), work_dir, self.clock.utc(), duration)

    def clock_of(self, offset: int, drift_ppm: int) -> VirtualClock:
        """Return a node's clock."""
        return VirtualClock(self.system, offset, drift_ppm)

    def know_blobs(self, node: str, blobs: Blobs) -> None:
        """Remember where a node's files are: a tape keeps what its jobs bring."""
        self._blobs[node] = blobs

    def lose_jobs(self, prefix: str) -> None:
        """Kill jobs whose outcomes would go to addresses of this prefix."""
        self.jobs.lose(prefix)

    def lifted(self) -> AbstractContextManager[object]:
        """Lift the fence."""
        return self.system.fence.lifted()

    def run(self, until: int, stop: Callable[[], bool], tick: Callable[[], None]) -> None:
        """Run in virtual time."""

        def between() -> None:
            self._count += 1
            if self._count % self.TICK_EVERY == 0:
                with self.system.fence.lifted():
                    tick()

        self.system.on_idle_instant(between)
        with _few_collections():
            self.system.run(until, stop)
        self._is_ended = True

    def close(self) -> None:
        """End jobs; actors need nothing."""
        try:
            if self._is_ended:
                self.jobs.run_ended()
        finally:
            self.jobs.close()


@contextmanager
def _few_collections() -> Iterator[None]:
    """A world of a thousand nodes is a large heap that stays: walking it often took 40 % of a run's time (measured), and found nothing."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 50)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def virtual_engine(plan: Plan, options: RunOptions, tape: Tape | None, entropy: Entropy, recorder: Recorder) -> VirtualEngine:
    """Make the engine that a plan and its options ask for; it replays `tape` if there is one. Raises TapeError when that does not fit."""
    system = VirtualSystem()
    calibration = options.calibration
    header = TapeHeader(plan.digest(), plan.seed, claynet.__version__, this_platform(), calibration.to_json() if calibration else {})
    durations = Durations({**(calibration.durations() if calibration else {}), **plan.durations}, plan.measured)
    stream = entropy.stream("jobs")
    blobs: dict[str, Blobs] = {}

    def blobs_of(job_id: str) -> Blobs:
        return blobs[job_id.partition("#")[0]]

    jobs: VirtualJobs
    if tape is not None:
        jobs = ReplayJobs(system, durations, stream, tape, header, recorder, blobs_of)
    elif plan.mode == "paced":
        writer = TapeWriter(options.out / "tape.msgpack", header) if options.out else None
        side_log = DurationsLog(options.out / "logs" / "durations.jsonl") if options.out else None
        jobs = PacedJobs(system, durations, stream, writer, recorder, side_log, blobs_of=blobs_of)
    else:
        jobs = DirectJobs(system, durations, stream, recorder)
    return VirtualEngine(system, jobs, entropy, blobs)
