"""The Clock port over virtual time: one node's clock, which may be off and may drift.

Knows the kernel's time. Must not read a real clock.
"""

from __future__ import annotations

from typing import Final

from claynet.actors.ports import Address, TimerId
from claynet.sim.virtual.kernel import Kernel

EPOCH: Final = 1_767_225_600 * 1_000_000_000
"""2026-01-01 00:00 UTC in nanoseconds since 1970: when every virtual world begins."""

_MILLION: Final = 1_000_000


class VirtualClock:
    """Implements `ports.Clock`.

    `offset` (ns) shifts what the node believes to be UTC; `drift` (parts per million, positive: fast) speeds all of its clock.
    """

    def __init__(self, kernel: Kernel, offset: int = 0, drift: int = 0) -> None:
        if drift <= -_MILLION:
            raise ValueError(f"a drift of {drift} ppm would stop the clock or turn it back")
        self._kernel = kernel
        self._offset = offset
        self._drift = drift

    def monotonic(self) -> int:
        """Nanoseconds since the world began, by this node's clock."""
        now = self._kernel.now
        return now + now * self._drift // _MILLION if self._drift else now

    def utc(self) -> int:
        """Nanoseconds since 1970 as this node believes."""
        return EPOCH + self._offset + self.monotonic()

    def call_at(self, at: int, address: Address, message: object) -> TimerId:
        """Tell `message` to `address` when `monotonic()` first reaches `at`."""
        if self._drift:
            # The least t with t + floor(t * drift / 10^6) >= at.
            at = -(-at * _MILLION // (_MILLION + self._drift))
        return TimerId(self._kernel.timer_at(at, address, message))

    def cancel(self, timer: TimerId) -> None:
        """Forget a timer; a fired or unknown one is ignored."""
        self._kernel.cancel_timer(timer)
