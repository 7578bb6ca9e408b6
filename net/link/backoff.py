"""When somebody who did not answer is called again: the wait doubles from call to call up to a bound, less a bit of chance.

Knows numbers only: times and chance are given in. Must not know clocks, nor who is called.
"""

from __future__ import annotations

from dataclasses import dataclass

_JITTER = 0.25


@dataclass(slots=True)
class Backoff:
    """The waits of one who is called. Durations in ns; times in ns of any one clock."""

    first: int
    most: int
    failures: int = 0
    """Calls in vain since the last that was answered."""
    due: int = 0
    """Not before that."""

    def failed(self, now: int, chance: float) -> None:
        """A call was in vain. `chance` from 0 to 1 takes up to a quarter off the wait, so that many do not call at once."""
        whole = min(self.most, self.first << min(self.failures, 60))
        self.failures += 1
        self.due = now + int(whole * (1 - _JITTER * chance))

    def succeeded(self) -> None:
        """It answered: the next wait is the first again."""
        self.failures = 0
        self.due = 0

    def is_due(self, now: int) -> bool:
        """Tell whether it may be called."""
        return now >= self.due
