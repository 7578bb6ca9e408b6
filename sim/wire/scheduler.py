"""Lets the simulated network be called back at a time, whichever clock the world runs on.

Knows both worlds' ways to wait: the kernel's callbacks, or a Clock port and an actor that is told. Must not know the network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import pykka

from claynet.actors.ports import ActorSystem, Address, Clock, Message
from claynet.sim.virtual.kernel import Kernel


class Scheduler(Protocol):
    """Time, and callbacks at a time. Both in ns of one monotonic clock."""

    def now(self) -> int:
        """Tell the time."""

    def call(self, at: int, callback: Callable[[], object]) -> None:
        """Call `callback` once, at `at` or as soon as possible afterwards; equal times first in, first out."""


class VirtualScheduler:
    """Over the kernel: callbacks run between handlers and are no deliveries."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.call = kernel.schedule

    def now(self) -> int:
        """Tell virtual time."""
        return self._kernel.now


RELAY: Final = Address("sim-network/relay")


class _Due(Message, frozen=True):
    """Told to the relay when a callback's time has come."""

    callback: Callable[[], object]


class _Relay(pykka.Actor):
    """Calls what it is told to call."""

    def on_receive(self, message: _Due) -> None:
        message.callback()


class ClockScheduler:
    """Over the ports alone: timers arrive at a relay actor, so any ActorSystem and Clock will do (the `real` mode's)."""

    def __init__(self, system: ActorSystem, clock: Clock, address: Address = RELAY) -> None:
        self._clock = clock
        self._address = system.spawn(_Relay, address=address)

    def now(self) -> int:
        """Tell the clock's time."""
        return self._clock.monotonic()

    def call(self, at: int, callback: Callable[[], object]) -> None:
        """Have the relay call `callback` at `at`."""
        self._clock.call_at(at, self._address, _Due(callback))
