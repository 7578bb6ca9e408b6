"""The signal by which work in progress learns that it is to stop.

Knows only events of one process. Must not know who asks, nor what is being stopped.
"""

from __future__ import annotations

import threading


class Interrupted(Exception):  # noqa: N818 - not a fault of the app: what ended its work came from outside
    """Work was given up because a ShutdownSignal was set."""


class ShutdownSignal:
    """Set once, never cleared; safe to use from any thread. Handlers poll it in long loops, or wait on it."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._reason = ""

    def set(self, reason: str = "shut down") -> None:
        """Ask the work to stop; the first reason is kept."""
        if not self._event.is_set():
            self._reason = reason
            self._event.set()

    def is_set(self) -> bool:
        """Return whether the work is to stop."""
        return self._event.is_set()

    @property
    def reason(self) -> str:
        """Why the work is to stop; empty while it is not."""
        return self._reason

    def check(self) -> None:
        """Raise Interrupted when the work is to stop; the thing to call in a long loop."""
        if self._event.is_set():
            raise Interrupted(self._reason)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the work is to stop, at most so many seconds; return whether it is."""
        return self._event.wait(seconds)
