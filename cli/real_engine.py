"""The engine of `real`: Pykka threads, wall time, jobs on a thread pool, for a network in real time.

Knows net's parts and sim's Engine: the one place where both meet. Must not know nodes or scenarios.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from claynet.actors.ports import Address, Blobs, Clock, Outcome, TimerId
from claynet.cli.loopback import LoopbackWiring
from claynet.cli.process_world import ProcessWorld
from claynet.envs.guard import Guard, no_guard
from claynet.net.threads.thread_jobs import ThreadJobs
from claynet.net.threads.threads_system import ThreadsSystem
from claynet.net.threads.wall_clock import WallClock
from claynet.sim.real_parts import RealParts
from claynet.sim.scenario.plan import Plan
from claynet.sim.watch.recorder import Recorder
from claynet.sim.wire.scheduler import ClockScheduler
from claynet.sim.wire.wiring import Wiring

LOOK_EVERY = 0.05
"""Seconds between looks at whether a run is over."""


class _Shifted:
    """A node's clock that is ahead (or behind) of the world's."""

    def __init__(self, clock: Clock, offset: int) -> None:
        self._clock = clock
        self._offset = offset
        self.monotonic = clock.monotonic
        self.cancel = clock.cancel

    def utc(self) -> int:
        """Nanoseconds since 1970 as this node believes."""
        return self._clock.utc() + self._offset

    def call_at(self, at: int, address: Address, message: object) -> TimerId:
        """Pass on: monotonic time is not shifted."""
        return self._clock.call_at(at, address, message)


class _JobsHeard:
    """Passes jobs on to the recorder, with the time of the run; real durations are none of the trace's business."""

    def __init__(self, recorder: Recorder, now: Callable[[], int]) -> None:
        self._recorder = recorder
        self._now = now

    def job_submitted(self, job_id: str, kind: str) -> None:
        """A job was taken in."""
        self._recorder.job_submitted(job_id, kind, self._now(), 0)

    def job_done(self, job_id: str, kind: str, outcome: Outcome) -> None:
        """A job has its outcome."""
        self._recorder.job_done(job_id, kind, outcome, self._now())


class RealEngine:
    """Implements sim's Engine in real time."""

    def __init__(self, plan: Plan, recorder: Recorder) -> None:
        self._plan = plan
        self._recorder = recorder
        self._system = ThreadsSystem()
        self._clock = WallClock(self._system)
        self._began = self._clock.monotonic()
        self._jobs = ThreadJobs(self._system, observer=_JobsHeard(recorder, self.now))
        self._woken = threading.Event()

    @property
    def system(self) -> ThreadsSystem:
        """Pykka threads."""
        return self._system

    @property
    def clock(self) -> WallClock:
        """Wall time."""
        return self._clock

    @property
    def jobs(self) -> ThreadJobs:
        """A thread pool."""
        return self._jobs

    @property
    def deliveries(self) -> int:
        """Messages that reached an actor so far."""
        return self._system.deliveries

    def begin(self) -> None:
        """The run's time begins now."""
        self._began = self._clock.monotonic()

    def now(self) -> int:
        """Nanoseconds since the run began."""
        return self._clock.monotonic() - self._began

    def scheduler(self) -> ClockScheduler:
        """Call the network back from a timer."""
        return ClockScheduler(self._system, self._clock)

    def wiring(self, simulated: Callable[[], Wiring]) -> Wiring:
        """The host's network where the plan says so."""
        if self._plan.network.transport == "p2p":
            return LoopbackWiring(self._system, self._recorder, self.now)
        return simulated()

    def guard(self, node: str) -> Guard:  # noqa: ARG002 - the shape of an Engine
        """Fence nothing: time is real."""
        return no_guard

    def clock_of(self, offset: int, drift_ppm: int) -> Clock:
        """Return a node's clock. Raises ValueError for a drift: real time does not."""
        if drift_ppm:
            raise ValueError("clock_drift needs virtual time")
        return _Shifted(self._clock, offset) if offset else self._clock

    def know_blobs(self, node: str, blobs: Blobs) -> None:
        """There is no tape in real time."""

    def lose_jobs(self, prefix: str) -> None:
        """Outcomes for actors that are gone are dropped by the actor system; their work ends with the node's environment."""

    def lifted(self) -> AbstractContextManager[object]:
        """Nothing is fenced."""
        return nullcontext()

    def run(self, until: int, stop: Callable[[], bool], tick: Callable[[], None]) -> None:
        """Let real time pass."""
        deadline = time.monotonic() + (until - self.now()) / 1e9
        while not stop() and time.monotonic() < deadline:
            self._woken.wait(LOOK_EVERY)
            tick()

    def close(self) -> None:
        """End jobs, timers and actors."""
        self._jobs.close()
        self._system.shutdown()
        self._clock.close()


REAL_PARTS = RealParts(RealEngine, ProcessWorld)
"""What runs of real time are made of."""
