"""Which verifications are running, so that aborting a task or a subtask stops them.

Knows ids and signals. Must not know what a verification does.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from claynet.taskapi.signals import ShutdownSignal


class Verifications:
    """The running verifications of one service."""

    def __init__(self, shutdown: ShutdownSignal) -> None:
        self._shutdown = shutdown
        self._lock = threading.Lock()
        self._running: list[tuple[str, str, ShutdownSignal]] = []

    @contextmanager
    def one(self, task_id: str, subtask_id: str) -> Iterator[ShutdownSignal]:
        """Count a verification as running; it gets the signal by which it is told to stop."""
        entry = (task_id, subtask_id, ShutdownSignal())
        with self._lock:
            self._running.append(entry)
            if self._shutdown.is_set():  # looked at under the lock: a shutdown before it is seen here, one after it finds the entry
                entry[2].set(self._shutdown.reason)
        try:
            yield entry[2]
        finally:
            with self._lock:
                self._running = [other for other in self._running if other is not entry]

    def stop(self, reason: str, task_id: str | None = None, subtask_id: str | None = None) -> None:
        """Tell those of a subtask, of a task, or without ids all of them, to stop."""
        with self._lock:
            for running_task, running_subtask, signal in self._running:
                if task_id in (None, running_task) and subtask_id in (None, running_subtask):
                    signal.set(reason)
