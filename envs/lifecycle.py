"""The life of one app service as every environment tells it: which calls come back as errors, and under which codes.

Knows the phases and the codes. Must not know how a service runs. One vocabulary, so that the node cannot tell environments apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Event, Lock

from claynet.actors.ports import Outcome, Side
from claynet.proto import layout

OK = Outcome("ok")
NOMINAL_SCORE = Outcome("ok", b"1000")
"""The score of an environment in which nothing of this machine's speed shows."""

NOT_STARTED = Outcome("error", code="not_started", detail="the service was not started")
ALREADY_STARTED = Outcome("error", code="already_started", detail="the service was started before")
STOPPED = Outcome("error", code="stopped", detail="the service was stopped")
EXITED = Outcome("error", code="exited", detail="the service has ended")
KILLED = Outcome("error", code="killed", detail="killed")

LAST_CALLS: Mapping[Side, frozenset[str]] = {
    "requestor": frozenset({layout.SHUTDOWN}),
    "provider": frozenset({layout.COMPUTE, layout.RUN_BENCHMARK, layout.SHUTDOWN}),
}
"""After answering one of these a service ends by itself."""


class Epoch:
    """What an environment made between two `close` calls; closing ends every service of it at once."""

    __slots__ = ("closed",)

    def __init__(self) -> None:
        self.closed = False


class Life:
    """The phase of one service: new, serving, ended (by itself, or killed) or stopped (by us)."""

    __slots__ = ("_epoch", "_phase")

    def __init__(self, epoch: Epoch) -> None:
        self._epoch = epoch
        self._phase = NOT_STARTED

    def begin(self) -> Outcome:
        """Enter serving; anything but OK says why not."""
        if self._epoch.closed:
            return EXITED
        if self._phase is not NOT_STARTED:
            return ALREADY_STARTED
        self._phase = OK
        return OK

    def check(self) -> Outcome:
        """Return OK while the service serves, else the error that a call comes back with."""
        return EXITED if self._epoch.closed and self._phase is OK else self._phase

    def end(self) -> None:
        """The service ended without our stop."""
        if self._phase is OK:
            self._phase = EXITED

    def stop(self) -> None:
        """The service was stopped: from whatever phase, for good."""
        self._phase = STOPPED


class RunningWork:
    """Work that can be killed only by killing its service: before it runs and after, the service is spared."""

    __slots__ = ("_function", "_kill", "_killed", "_lock", "_running")

    def __init__(self, function: Callable[[Event], Outcome], kill: Callable[[], None]) -> None:
        """`function` is given what is set once the work is killed; `kill` makes it return soon."""
        self._function = function
        self._kill = kill
        self._killed = Event()
        self._lock = Lock()
        self._running = False

    def run(self) -> Outcome:
        """Do it, unless it was killed before."""
        with self._lock:
            if self._killed.is_set():
                return KILLED
            self._running = True
        try:
            return self._function(self._killed)
        finally:
            with self._lock:
                self._running = False

    def kill(self) -> None:
        """Kill the service when this is what it is doing."""
        with self._lock:
            self._killed.set()
            running = self._running
        if running:
            self._kill()


class FixedWork:
    """Work whose outcome is known before it runs."""

    __slots__ = ("_outcome",)

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    def run(self) -> Outcome:
        """Return the outcome."""
        return self._outcome

    def kill(self) -> None:
        """Nothing is ever under way."""
