"""When this machine is lent: a pure rule of the time of day and of how busy its owner keeps it.

Knows minutes of a day and processor loads. Must not know clocks, nodes or settings files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DAY = 24 * 60
BUSY = 0.25
"""The owner is at work when more than this share of the machine is busy with something that is not ours."""

_RANGE = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]|24):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Hours:
    """Parts of the day in which the machine is lent; none means the whole day."""

    ranges: tuple[tuple[int, int], ...] = ()
    """(first minute, minute after the last) of local time; one that ends before it begins runs over midnight."""

    def holds(self, minute: int) -> bool:
        """Tell whether this minute of the day is within."""
        if not self.ranges:
            return True
        return any(begin <= minute < end if begin < end else minute >= begin or minute < end for begin, end in self.ranges)

    def __str__(self) -> str:
        return ",".join(f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}" for begin, end in self.ranges)


def parse_hours(text: str) -> Hours:
    """Read `22:00-07:00` or several of them with commas; empty is the whole day. Raises ValueError."""
    ranges = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        found = _RANGE.fullmatch(part)
        if found is None:
            raise ValueError(f"{part[:40]!r} is no part of a day")
        begin, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
        if end > DAY:
            raise ValueError(f"{part!r} ends after midnight: 24:00 is the last")
        if begin == end:
            raise ValueError(f"{part!r} is empty")
        ranges.append((begin, end))
    return Hours(tuple(ranges))


def reason_to_rest(hours: Hours, idle_only: bool, minute: int, load: float, own: float, cores: int) -> str:
    """Return why nothing new is taken now; empty when the machine may be lent.

    `load` is how many processors are wanted at this time, `own` how many of them our own work may be using.
    """
    if not hours.holds(minute):
        return f"it is outside the hours {hours}"
    if idle_only and (load - own) / max(1, cores) > BUSY:
        return "the machine is in use by its owner"
    return ""
