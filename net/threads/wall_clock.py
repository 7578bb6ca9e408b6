"""The Clock port by this machine's own clocks.

Knows the time and the ActorSystem port. Must not know who sets timers or what they mean.
"""

from __future__ import annotations

import time

from claynet.actors.ports import ActorSystem, Address, TimerId
from claynet.net.threads.alarms import Alarms


class WallClock:
    """Real time (`ports.Clock`). One thread tells all timers; close it to end that thread."""

    def __init__(self, system: ActorSystem) -> None:
        """Timers are told through `system`."""
        self._system = system
        self._alarms = Alarms("claynet-clock")

    def monotonic(self) -> int:
        """Nanoseconds since an arbitrary start; never goes back."""
        return time.monotonic_ns()

    def utc(self) -> int:
        """Nanoseconds since 1970-01-01 UTC as this machine believes."""
        return time.time_ns()

    def call_at(self, at: int, address: Address, message: object) -> TimerId:
        """Tell `message` to `address` at monotonic nanosecond `at` (at once when past). After close: never."""
        return TimerId(self._alarms.set(at, lambda: self._system.tell(address, message)))

    def cancel(self, timer: TimerId) -> None:
        """Forget a timer. One that already fired may still be in the actor's queue."""
        self._alarms.cancel(timer)

    def close(self) -> None:
        """Forget every timer and end the thread. Idempotent."""
        self._alarms.close()
