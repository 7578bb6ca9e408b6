"""What one service used, however it ran.

Knows values only. Must not know how they are measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """What a service used: times in nanoseconds, sizes in bytes."""

    wall: int
    cpu: int | None
    """Processor time of all its processes together; None where it cannot be known."""
    max_rss: int | None
    """The most memory it had at once; None where it cannot be known."""
    placed: int = 0
    """Bytes of the files that were put into its work dir."""
    collected: int = 0
    """Bytes of the files that were taken from its work dir."""


OnUsage = Callable[[str, Usage], None]
"""Told (runtime id, usage) once a service has ended, from any thread; must return soon and never raise."""


def no_usage(runtime_id: str, usage: Usage) -> None:
    """Nobody asks what a service used."""
    del runtime_id, usage
