"""One container from its making to its end: what it said, how it ended, what it used.

Knows the engine. Must not know the Task API. A thread of ours reads its output and waits for its end from before it starts until it is
removed, and the engine's watch tells when the engine is lost meanwhile; so nothing else here waits for the engine without a limit. A
container whose engine was lost has ended for us, whether it still runs or not: its owner removes it when the engine is back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from socket import SHUT_RDWR
from typing import Any

from claynet.actors.ports import Outcome
from claynet.envs.bounded_log import BoundedLog
from claynet.envs.docker_engine import CONTAINER_GONE, DIED, ENGINE, REFUSED, Engine, EngineProblem, ignoring, starting
from claynet.envs.docker_limits import MIB, ContainerSpec, create_options
from claynet.envs.docker_owner import remove
from claynet.envs.docker_usage import remove_group, used, used_so_far
from claynet.envs.lifecycle import EXITED, KILLED, OK
from claynet.envs.usage import Usage

OUT_OF_MEMORY = "out_of_memory"
CONTAINER_KILLED = "container_killed"
RUNTIME_LABEL = "claynet.runtime"
_TURN = 0.1
"""Seconds between two looks at whether a container whose turn to start has not come is wanted at all."""
_NOT_RUNNING = frozenset({CONTAINER_GONE, REFUSED})
_REMOVED = Outcome("error", code=CONTAINER_GONE, detail="the container was removed from outside")
_SIGNALS = {128 + 9: "SIGKILL", 128 + 15: "SIGTERM", 128 + 6: "SIGABRT", 128 + 7: "SIGBUS", 128 + 11: "SIGSEGV", 128 + 25: "SIGXFSZ"}


class Container:
    """A container that is made, started and watched by its constructor's caller calling `start` once."""

    def __init__(self, engine: Engine, spec: ContainerSpec, log: Path, left_behind: Callable[[str, str], None]) -> None:
        """`left_behind` is told of a container that may still be there, as its engine was lost: its id, empty where none was told us,
        and what it was for (the label `claynet.runtime`).
        """
        self._engine = engine
        self._spec = spec
        self._log = BoundedLog(log)
        self._left_behind = left_behind
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._killed = False
        self._condemned: Outcome | None = None
        self._end = EXITED
        self._when_over: list[Callable[[], None]] = []
        self._output: Any = None
        self._usage: Usage | None = None
        self._so_far: tuple[int, int | None] | None = None
        self._begun: int | None = None
        self.id = ""

    def start(self, wanted: Callable[[], bool]) -> None:
        """Make and start it, unless it is not `wanted` any more when its turn has come. Raises EngineProblem.

        Nothing is left then, or it was told.
        """
        self._engine.watch.add(self)
        try:
            self._await_turn(wanted)
            try:
                self._start()
            finally:
                starting.release()
        except EngineProblem as problem:
            self._begun = None  # it never ran: there is nothing to tell of it
            if problem.code == ENGINE:
                self.lost(problem.detail)
            elif self.id:
                self._remove()
            self._over(Outcome("error", code=problem.code, detail=problem.detail))
            raise

    @property
    def killed(self) -> bool:
        """Tell whether its end is our doing."""
        return self._killed

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; tell whether it has ended, and is removed unless it was left behind."""
        return self._ended.wait(seconds)

    def when_over(self, call: Callable[[], None]) -> None:
        """Call it once it has ended, on any thread, or now if it has."""
        with self._lock:
            if not self._ended.is_set():
                self._when_over.append(call)
                return
        call()

    def terminate(self) -> None:
        """Ask it to end (SIGTERM); nothing when it has ended."""
        self._signal("SIGTERM")

    def kill(self) -> None:
        """Kill all of it; nothing when it has ended. Returns within the engine's time-out, or when the engine is lost."""
        self._signal("SIGKILL")

    def condemn(self, why: Outcome) -> None:
        """Kill all of it for a reason that is its end from now on; nothing when it has ended."""
        if not self._ended.is_set():
            self._condemned = why
            self.kill()

    def end(self) -> Outcome:
        """Return how the ended container came to its end, by its own reason code; what we ended ourselves is not told apart."""
        if self._end.code == ENGINE:
            return self._end
        return self._condemned or (KILLED if self._killed else self._end)

    def tail(self) -> str:
        """Return the last of what it said, at most 2 KiB."""
        return self._log.tail

    def usage(self) -> Usage | None:
        """What it used; None while it runs."""
        return self._usage

    def look(self) -> None:
        """Note what it used so far, where nothing of it outlives the container: called when it did something, and may end next."""
        if not self._spec.cgroup_parent and not self._ended.is_set():
            self._so_far = used_so_far(self.id) or self._so_far

    def is_lost(self) -> bool:
        """Ask the engine, unless it has ended: tell whether the engine is gone, and the container with it."""
        if not self._ended.is_set():
            try:
                self._engine.ping()
            except EngineProblem as problem:
                self.lost(problem.detail)
        return self._ended.is_set() and self._end.code == ENGINE

    def lost(self, problem: str) -> None:
        """Its engine does not answer any more: it has ended for us, whether it still runs or not."""
        if not self._over(Outcome("error", code=ENGINE, detail=f"{problem}; what ran in it is given up")):
            return
        self._left_behind(self.id, self._spec.labels.get(RUNTIME_LABEL, ""))
        output = self._output
        if output is not None:  # a hung engine never ends it, and a thread waits for that
            with suppress(OSError, AttributeError):  # it was closed at this moment
                getattr(output, "_sock", output).shutdown(SHUT_RDWR)

    def tick(self) -> None:
        """The engine answers, as it does every second."""
        self.look()

    def _await_turn(self, wanted: Callable[[], bool]) -> None:
        while not starting.acquire(timeout=_TURN):
            self._check(wanted)
        try:
            self._check(wanted)
        except EngineProblem:
            starting.release()
            raise

    def _check(self, wanted: Callable[[], bool]) -> None:
        if self._ended.is_set():
            raise EngineProblem(ENGINE, DIED)
        if not wanted():
            raise EngineProblem(KILLED.code, KILLED.detail)

    def _start(self) -> None:
        ask, spec = self._engine.ask, self._spec
        self.id = ask(lambda api: str(api.create_container(**create_options(api, spec))["Id"]), too_late=self._remove_late)
        self._output = ask(lambda api: api.attach_socket(self.id, {"stdout": 1, "stderr": 1, "stream": 1}), too_late=_close)
        self._begun = time.monotonic_ns()
        threading.Thread(target=self._watch, args=(self._output,), name=f"container-{self.id[:12]}", daemon=True).start()
        ask(lambda api: api.start(self.id))

    def _signal(self, name: str) -> None:
        if self._ended.is_set() or not self.id:
            return
        self._killed = True
        with suppress(EngineProblem):  # a dead engine's containers are swept when it is back
            ignoring(_NOT_RUNNING, lambda: self._engine.ask(lambda api: api.kill(self.id, name)))

    def _watch(self, output: Any) -> None:
        with self._log:
            try:
                for piece in _pieces(output):
                    self._log.write(piece)
            except Exception:  # whatever docker-py raises from a connection that broke: how it ended is asked below
                self._log.write(b"")
        self._output = None
        self.look()
        try:
            end = self._await_end()
        except EngineProblem as problem:
            end = _REMOVED if problem.code == CONTAINER_GONE else Outcome("error", code=problem.code, detail=problem.detail)
            if problem.code == ENGINE:
                self.lost(problem.detail)
        self._remove()
        self._over(end)
        remove_group(self._spec.cgroup_parent)

    def _over(self, end: Outcome) -> bool:
        """It has ended: the first reason counts. Tell whether this is it."""
        with self._lock:
            if self._ended.is_set():
                return False
            self._end = end
            cpu, memory = used(self._spec.cgroup_parent) or self._so_far or (None, None)
            if self._begun is not None:
                self._usage = Usage(time.monotonic_ns() - self._begun, cpu, memory)
            calls, self._when_over = self._when_over, []
            self._ended.set()
        self._engine.watch.remove(self)
        for call in calls:
            call()
        return True

    def _await_end(self) -> Outcome:
        with self._engine.api() as api:
            api.wait(self.id, timeout=None)  # it may have closed its output long before it ends
            state = api.inspect_container(self.id)["State"]
        code = int(state["ExitCode"])
        if state.get("OOMKilled"):
            limit = self._spec.limits.memory // MIB
            return Outcome("error", code=OUT_OF_MEMORY, detail=f"the service needed more than its {limit} MiB of memory")
        if state.get("Status") in ("removing", "dead"):
            return _REMOVED
        if code in _SIGNALS:
            return Outcome("error", code=CONTAINER_KILLED, detail=f"the service was killed by {_SIGNALS[code]}")
        return Outcome("error", code=EXITED.code, detail=f"exited with code {code}") if code else EXITED

    def _remove(self) -> None:
        try:
            remove(self._engine, self.id)
        except EngineProblem:
            if not self._ended.is_set():
                self._left_behind(self.id, "")

    def _remove_late(self, container: str) -> None:
        """It was made after all, by an engine that had been given up."""
        remove(self._engine, container)


def _close(output: Any) -> None:
    """Close all of an attached socket's connection."""
    response = getattr(output, "_response", None)  # docker-py keeps it there; it holds the connection
    if response is not None:
        response.close()
    output.close()


def _pieces(output: Any) -> Iterator[bytes]:
    """Yield what comes from an attached socket until it ends, and close it."""
    from docker.utils.socket import frames_iter

    try:
        for _, piece in frames_iter(output, tty=False):
            yield piece
    finally:
        _close(output)


def ended_well(outcome: Outcome) -> bool:
    """Tell whether an end says no more than that the service has ended."""
    return outcome is EXITED or outcome is OK
