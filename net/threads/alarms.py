"""One thread that calls functions at given times of the monotonic clock.

Knows a heap and a condition. Must not know what is called, nor anything of actors, jobs or sockets.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

_LONGEST_WAIT = 3600.0
_COMPACT_FROM = 256


class Alarms:
    """Calls back at times; equal times in the order they were set. Callbacks run on the alarm thread and must be short."""

    def __init__(self, name: str) -> None:
        """Make a stopped set; its thread, called `name`, starts with the first alarm."""
        self._name = name
        self._condition = threading.Condition()
        self._heap: list[tuple[int, int]] = []
        self._pending: dict[int, Callable[[], None]] = {}
        self._numbers = itertools.count(1)
        self._thread: threading.Thread | None = None
        self._closed = False

    def set(self, at: int, call: Callable[[], None]) -> int:
        """Call `call()` at monotonic nanosecond `at`, at once when past; return the alarm's number. After close: never."""
        with self._condition:
            number = next(self._numbers)
            if self._closed:
                return number
            self._pending[number] = call
            heapq.heappush(self._heap, (at, number))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            elif self._heap[0][1] == number:
                self._condition.notify()
            return number

    def cancel(self, number: int) -> None:
        """Forget an alarm. When this returns, its callback has run to its end or never will."""
        with self._condition:
            self._pending.pop(number, None)
            # Forgotten entries would otherwise stay in the heap until their time, which may be days away.
            if len(self._heap) > _COMPACT_FROM and len(self._heap) > 2 * len(self._pending):
                self._heap = [entry for entry in self._heap if entry[1] in self._pending]
                heapq.heapify(self._heap)

    def close(self) -> None:
        """Forget every alarm and end the thread. Idempotent; from a callback it does not wait."""
        with self._condition:
            self._closed = True
            self._pending.clear()
            self._heap.clear()
            self._condition.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        with self._condition:
            while not self._closed:
                if not self._heap:
                    self._condition.wait()
                    continue
                at, number = self._heap[0]
                wait = at - time.monotonic_ns()
                if wait > 0 and number in self._pending:
                    self._condition.wait(min(wait / 1e9, _LONGEST_WAIT))
                    continue
                heapq.heappop(self._heap)
                call = self._pending.pop(number, None)
                if call is not None:
                    self._call(call)

    def _call(self, call: Callable[[], None]) -> None:
        # Under the lock, so that `cancel` can promise what it does.
        try:
            call()
        except Exception:
            logger.exception("%s: a callback failed", self._name)
