"""What a world runs on: an actor system, a clock and jobs that fit together, and how time is made to pass.

Knows promises only: the engine of virtual time is in `virtual_engine.py`, that of `real` is made of net's parts and comes from above.
Must not know nodes or scenarios.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from claynet.actors.ports import ActorSystem, Blobs, Clock, Jobs
from claynet.envs.guard import Guard
from claynet.sim.wire.scheduler import Scheduler
from claynet.sim.wire.wiring import Wiring


class Engine(Protocol):
    """System, clock and jobs of one run."""

    @property
    def system(self) -> ActorSystem:
        """The actor system."""

    @property
    def clock(self) -> Clock:
        """The world's own clock: what the network and the director go by."""

    @property
    def jobs(self) -> Jobs:
        """Outside work."""

    @property
    def deliveries(self) -> int:
        """Messages that reached an actor so far."""

    def begin(self) -> None:
        """The run's time begins now."""

    def now(self) -> int:
        """Nanoseconds since the run began."""

    def scheduler(self) -> Scheduler:
        """Make what calls the simulated network back."""

    def guard(self, node: str) -> Guard:
        """Return what fences the app code of a node that runs in this process."""

    def clock_of(self, offset: int, drift_ppm: int) -> Clock:
        """Return a node's clock: `offset` in ns, `drift_ppm` in parts per million."""

    def know_blobs(self, node: str, blobs: Blobs) -> None:
        """Hear where a node's files are."""

    def lose_jobs(self, prefix: str) -> None:
        """A node crashed: nobody hears the outcomes of jobs whose addressee's address starts with this."""

    def lifted(self) -> AbstractContextManager[object]:
        """Let the calling handler touch the outside: only the director's, never a node's."""

    def wiring(self, simulated: Callable[[], Wiring]) -> Wiring:
        """Return what joins the nodes: the simulated one, which is made when it is asked for, unless the plan wants another."""

    def run(self, until: int, stop: Callable[[], bool], tick: Callable[[], None]) -> None:
        """Let time pass until `until` (ns), or `stop()` holds; `tick` is called often, between handlers, with the fence lifted."""

    def close(self) -> None:
        """End jobs and actors."""


class Pulse:
    """Calls something at most once per `gap` seconds of real time."""

    def __init__(self, gap: float, action: Callable[[], None]) -> None:
        self._gap = gap
        self._action = action
        self._next = time.monotonic() + gap

    def __call__(self) -> None:
        """Beat if it is time."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self._gap
            self._action()
