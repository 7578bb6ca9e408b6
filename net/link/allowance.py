"""How many bytes may pass: so many each second for one pair of nodes, so many each hour for all of them.

Knows numbers only: times are given in. Must not know clocks or connections.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from claynet.actors.ports import SECOND

_PART = 60 * SECOND
_PARTS = 60


@dataclass(slots=True)
class Pace:
    """Bytes each second in the long run; a second's worth at once."""

    rate: int
    _free: int = 0
    """Monotonic ns at which all that passed is paid for."""

    def take(self, now: int, size: int) -> int:
        """Let bytes pass; return how many ns to wait before the next."""
        begin = max(self._free, now - SECOND)
        self._free = begin + size * SECOND // self.rate
        return max(0, self._free - now)


@dataclass(slots=True)
class Hourly:
    """Bytes in any hour: never more than `most` in 60 minutes, whole minutes counted."""

    most: int
    _parts: deque[tuple[int, int]] = field(default_factory=deque)
    """Number of the minute and what passed in it, oldest first."""

    def take(self, now: int, size: int) -> bool:
        """Let bytes pass, if there is room for them; tell whether there was."""
        if self.used(now) + size > self.most:
            return False
        minute = now // _PART
        before = self._parts.pop()[1] if self._parts and self._parts[-1][0] == minute else 0
        self._parts.append((minute, before + size))
        return True

    def used(self, now: int) -> int:
        """Return what passed in the hour that ends now; the minute in which that hour began counts whole."""
        while self._parts and self._parts[0][0] < now // _PART - _PARTS:
            self._parts.popleft()
        return sum(size for _, size in self._parts)
