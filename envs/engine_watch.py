"""Looks after something outside while somebody depends on it: asks again and again whether it answers, and tells all when it does not.

Knows threads and a question. Must not know what is asked. An engine that hangs closes no connection, so nobody who waits for it would
hear of that otherwise. One thread does it, and only while there is somebody to be told.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

GAP = 1.0
"""Seconds between two questions."""


class Dependent(Protocol):
    """Whoever must know. Both methods are called from the watch's thread, must return soon and never raise."""

    def lost(self, problem: str) -> None:
        """It does not answer any more; nothing is told after that."""

    def tick(self) -> None:
        """It answered."""


class EngineWatch:
    """Threads may share it."""

    def __init__(self, ask: Callable[[], str | None], gap: float = GAP) -> None:
        """`ask` returns what is wrong, None when it answers; it must bound itself. `gap` is in seconds."""
        self._ask = ask
        self._gap = gap
        self._lock = threading.Lock()
        self._dependents: set[Dependent] = set()
        self._running = False

    def add(self, dependent: Dependent) -> None:
        """Tell it from now on."""
        with self._lock:
            self._dependents.add(dependent)
            if not self._running:
                self._running = True
                threading.Thread(target=self._watch, name="engine-watch", daemon=True).start()

    def remove(self, dependent: Dependent) -> None:
        """Tell it no more; one that is not there is as good. What is being told at this moment may still come."""
        with self._lock:
            self._dependents.discard(dependent)

    def _watch(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(self._gap)  # first of all: most requests are over by then, and cost no question
            with self._lock:
                if not self._dependents:
                    self._running = False
                    return
            asked = self._snapshot()
            problem = self._ask()
            if problem is None:
                for dependent in asked:
                    dependent.tick()
                continue
            for dependent in asked:  # not those that came meanwhile: what they want may be the first thing that works again
                self.remove(dependent)
                dependent.lost(problem)

    def _snapshot(self) -> tuple[Dependent, ...]:
        with self._lock:
            return tuple(self._dependents)
