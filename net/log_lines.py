"""The last lines of a node's log, and those that follow.

Knows log files that are put aside when they are full (`node.log`, `node.log.1`, ...). Must not know what writes them.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

NAME = "node.log"
_LOOK = 0.25
"""Seconds between two looks at the end of the file."""


def read_lines(folder: Path, last: int, about: str, follow: bool, goes_on: Callable[[], bool]) -> Iterator[str]:
    """Give the last lines (0: all kept ones) in which `about` occurs; with `follow` also new ones while `goes_on`."""
    current = folder / NAME
    found: deque[str] = deque(maxlen=last or None)
    for path in (*reversed(_put_aside(current)), current):
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                found.extend(line.rstrip("\n") for line in file if about in line)
                end = file.tell()
        except OSError:
            end = 0
    yield from found
    if follow:
        yield from _follow(current, end, about, goes_on)


def _put_aside(current: Path) -> list[Path]:
    """Return older files, the newest first."""
    numbered = [(path.suffix[1:], path) for path in current.parent.glob(f"{current.name}.*")]
    return [path for number, path in sorted(((int(number), path) for number, path in numbered if number.isdigit()))]


def _follow(current: Path, at: int, about: str, goes_on: Callable[[], bool]) -> Iterator[str]:
    file: TextIO | None = None
    part = ""
    try:
        while goes_on():
            if file is None:
                try:
                    file = current.open(encoding="utf-8", errors="replace")
                    file.seek(at)
                except OSError:
                    time.sleep(_LOOK)
                    continue
            part += file.readline()
            if part.endswith("\n"):
                if about in part:
                    yield part[:-1]
                part = ""
            elif _replaced(file, current):
                file.close()
                file, at, part = None, 0, ""
            else:
                time.sleep(_LOOK)
    finally:
        if file is not None:
            file.close()


def _replaced(file: TextIO, current: Path) -> bool:
    try:
        return os.fstat(file.fileno()).st_ino != current.stat().st_ino
    except OSError:
        return False  # between being put aside and the new one
