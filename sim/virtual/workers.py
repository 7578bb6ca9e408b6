"""A bounded pool of threads for outside work, with a way past it for what must not wait.

Knows threads. Must not know jobs or virtual time.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from claynet.actors.ports import SECOND


class Workers:
    """At most `size` tasks run at once, in order of submission; urgent ones get a thread of their own at once.

    Threads are daemons: a task that never returns must not keep the process from ending.
    """

    def __init__(self, size: int, name: str = "job") -> None:
        if size < 1:
            raise ValueError(f"a pool of {size} threads runs nothing")
        self._name = name
        self._room = size
        self._changed = threading.Condition()
        self._queue: deque[Callable[[], None]] = deque()
        self._free = 0
        self._pooled = 0
        self._threads: set[threading.Thread] = set()
        self._closed = False

    def run(self, task: Callable[[], None], urgent: bool = False) -> None:
        """Have `task` run on another thread. Raises RuntimeError after close."""
        with self._changed:
            if self._closed:
                raise RuntimeError("the pool is closed")
            if urgent:
                self._start(lambda: self._run_one(task))
                return
            self._queue.append(task)
            if self._free >= len(self._queue):
                self._changed.notify()
            elif self._pooled < self._room:
                self._pooled += 1
                self._start(self._work)

    def give_up_one(self) -> None:
        """A task will not return: let another thread take the place of its own."""
        with self._changed:
            self._room += 1
            if self._queue and not self._closed:  # else the next task finds the room
                self._pooled += 1
                self._start(self._work)

    def close(self, patience: int) -> int:
        """Drop what has not begun, wait `patience` ns at most for the rest; return how many threads still run."""
        with self._changed:
            self._closed = True
            self._queue.clear()
            self._changed.notify_all()
            threads = list(self._threads)
        deadline = time.monotonic_ns() + patience
        for thread in threads:
            thread.join(max(0, deadline - time.monotonic_ns()) / SECOND)
        return sum(thread.is_alive() for thread in threads)

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=self._name, daemon=True)
        self._threads.add(thread)
        thread.start()

    def _run_one(self, task: Callable[[], None]) -> None:
        try:
            task()
        finally:
            with self._changed:
                self._threads.discard(threading.current_thread())

    def _work(self) -> None:
        while True:
            with self._changed:
                self._free += 1
                while not self._queue and not self._closed:
                    self._changed.wait()
                self._free -= 1
                if self._closed:
                    self._threads.discard(threading.current_thread())
                    return
                task = self._queue.popleft()
            task()
