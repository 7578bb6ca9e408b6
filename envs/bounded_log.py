"""A service's log: a file that ends where it must, and the last of what was said.

Knows files. Must not know what writes. A full disk is no reason to lose sight of a service, so nothing here raises.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Self

LOG_BYTES = 1024 * 1024
"""A log file ends here; what is said later is only in the tail."""
TAIL_BYTES = 2048
MOST_LOGS = 100
"""Log files kept in one folder."""


class BoundedLog:
    """Takes what fits; use it as a context."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._left = LOG_BYTES
        self._tail = b""
        self._handle: int | None = None

    def __enter__(self) -> Self:
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    @property
    def tail(self) -> str:
        """The last of what was written, at most 2 KiB."""
        return self._tail.decode(errors="replace")

    def write(self, data: bytes) -> None:
        """Add to the tail, and to the file what fits."""
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        piece = data[: self._left]
        self._left -= len(piece)
        if self._handle is not None and piece:
            with suppress(OSError):
                os.write(self._handle, piece)


def log_path(folder: Path, name: str) -> Path:
    """Return where a new log goes; the oldest ones make room, as far as they can be removed."""
    with suppress(OSError):
        kept = sorted(folder.iterdir(), key=_written)
        for log in kept[: max(0, len(kept) - MOST_LOGS + 1)]:
            with suppress(OSError):
                log.unlink()
    return folder / (name.replace("/", "-")[-120:] + ".log")


def _written(log: Path) -> int:
    """Return when it was written to last; long ago when another start has just removed it."""
    try:
        return log.stat().st_mtime_ns
    except OSError:
        return 0
