"""Says on standard error what is under way when it takes its time.

Knows a text and real time. Must not know what is done.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from claynet.cli.output import note

FIRST = 2.0
"""Seconds after which it is said the first time, and ..."""
AGAIN = 5.0
"""... between two times."""


class Ticker:
    """A context; `at` names what is under way from now on."""

    def __init__(self, first: float = FIRST) -> None:
        """`first`: seconds of patience."""
        self._first = first
        self._what = ""
        self._since = time.monotonic()
        self._changed = threading.Condition()
        self._over = False
        self.told = threading.Event()
        """Set once something was said."""
        self._thread = threading.Thread(target=self._tell, name="ticker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._changed:
            self._over = True
            self._changed.notify()
        self._thread.join()

    def at(self, what: str) -> None:
        """Something begins."""
        with self._changed:
            self._what = what
            self._since = time.monotonic()
            self._changed.notify()

    def _tell(self) -> None:
        patience = self._first
        with self._changed:
            while not self._over:
                if self._changed.wait(patience):  # something new, or the end
                    patience = self._first
                    continue
                patience = AGAIN
                if self._what:
                    note(f"still at it after {time.monotonic() - self._since:.0f} s: {self._what}")
                    self.told.set()
