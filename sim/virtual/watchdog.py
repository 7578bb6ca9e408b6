"""Kills outside work that runs past its limit of real time.

Knows the wall clock and Work. Must not know virtual time, nor what an outcome is.
"""

from __future__ import annotations

import threading
import time
from typing import Final

from claynet.actors.ports import SECOND, Work

_LONGEST_NAP: Final = SECOND


class Watch:
    """One work under watch."""

    __slots__ = ("deadline", "expired", "work")

    def __init__(self, work: Work, deadline: int) -> None:
        self.work = work
        self.deadline = deadline
        self.expired = False


class Watchdog:
    """One thread that looks at what runs now and then; watching costs the watched no wake-up.

    A limit is noticed late by a second at most, by half of the shortest limit seen when that is less.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watches: set[Watch] = set()
        self._nap = _LONGEST_NAP
        self._closed = False
        self._thread: threading.Thread | None = None

    def watch(self, work: Work, limit: int) -> Watch:
        """Begin to watch a work that starts now; it is killed `limit` ns of real time later unless released before."""
        watch = Watch(work, time.monotonic_ns() + limit)
        with self._changed:
            self._watches.add(watch)
            if limit // 2 < self._nap:
                self._nap = max(limit // 2, 1)
                self._changed.notify()
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._guard, name="watchdog", daemon=True)
                self._thread.start()
        return watch

    def release(self, watch: Watch) -> bool:
        """End a watch; tell whether the limit was passed (also when nobody had noticed yet)."""
        with self._changed:
            self._watches.discard(watch)
            return watch.expired or time.monotonic_ns() > watch.deadline

    def close(self) -> None:
        """End the thread and wait for it."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _guard(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                self._changed.wait(self._nap / SECOND)
                now = time.monotonic_ns()
                late = [watch for watch in self._watches if now > watch.deadline]
                for watch in late:
                    watch.expired = True
                self._watches.difference_update(late)
            for watch in late:
                watch.work.kill()
