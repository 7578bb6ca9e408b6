"""Shows how far a run is, on standard error: a live line on a terminal, else a line every few seconds.

Knows Progress values and real time. Must not know the run: it is called with values and returns at once.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from claynet.actors.ports import SECOND
from claynet.actors.units import format_duration
from claynet.cli.output import readable
from claynet.sim.options import Progress

GAP = 5 * SECOND
"""Real time between two lines."""
FIRST = 2 * SECOND
"""Real time before the first: a shorter run is silent."""
_FAST_GAP = SECOND // 8
"""Real time between two states of the live line."""


def line(progress: Progress) -> str:
    """Return one state as text."""
    clock = format_duration(progress.virtual_ns // 1_000_000 * 1_000_000)
    tasks = f"{progress.tasks_done} of {progress.tasks_total} tasks"
    return f"{clock}: {tasks}, {progress.subtasks_done} subtasks done, {progress.nodes} nodes up"


class LineProgress:
    """A line now and then, for logs. A short run is silent."""

    def __init__(self, title: str, stream: TextIO, now: Callable[[], int] = time.monotonic_ns) -> None:
        self._title, self._stream, self._now = title, stream, now
        self._last = now() - GAP + FIRST

    def __call__(self, progress: Progress) -> None:
        """Take one state."""
        if self._now() - self._last >= GAP:
            self._last = self._now()
            self._stream.write(readable(f"{self._title} {line(progress)}") + "\n")
            self._stream.flush()


@contextmanager
def progress_display(title: str) -> Iterator[Callable[[Progress], None]]:
    """Give a callback for progress; what it shows live is gone afterwards."""
    if not sys.stderr.isatty():
        yield LineProgress(title, sys.stderr)
        return
    from rich.console import Console

    from claynet.cli.tables import styled

    console = Console(stderr=True, highlight=False)
    last = 0

    with console.status(styled(title)) as status:

        def show(progress: Progress) -> None:
            nonlocal last
            now = time.monotonic_ns()
            if now - last >= _FAST_GAP:
                last = now
                status.update(styled(f"{title} {line(progress)}"))

        yield show
