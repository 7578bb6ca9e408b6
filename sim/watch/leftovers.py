"""What is left of a run on this machine when everything was stopped: child processes and containers that are still there.

Knows /proc, and asks kinds of environments what is outside. Must not know environments' own books: it looks from outside, so that what
they forgot is found too.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

from claynet.envs.registry import outsides

_SUBREAPER = 36


def children(of: int | None = None) -> frozenset[int]:
    """Return the ids of a process's living children (this one's, unless another is named), and of theirs."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except (OSError, ValueError):
            continue  # gone meanwhile
        if state != "Z":
            parents[int(stat.parent.name)] = int(parent)
    found: set[int] = set()
    ring = {os.getpid() if of is None else of}
    while ring:
        ring = {child for child, parent in parents.items() if parent in ring} - found
        found |= ring
    return frozenset(found)


def adopt_orphans(on: bool) -> None:
    """Be the parent of processes whose parents end, so that what killed nodes leave is seen; Linux's own call, see prctl(2)."""
    ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, int(on), 0, 0, 0)


def containers(environments: Iterable[str]) -> int:
    """Count what this process made by these environments outside of itself and is still there."""
    return sum(outside.left() for outside in outsides(environments))
