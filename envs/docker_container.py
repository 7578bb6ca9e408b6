"""One container from its making to its end: what it said, how it ended, what it used.

Knows the engine. Must not know the Task API. A thread of ours reads its output and waits for its end from before it starts until it is
removed, so nothing else here waits for the engine without a limit, and no container outlives its watcher unless the engine itself is gone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from claynet.actors.ports import Outcome
from claynet.envs.bounded_log import BoundedLog
from claynet.envs.docker_engine import CONTAINER_GONE, ENGINE, REFUSED, Engine, EngineProblem, ignoring, starting
from claynet.envs.docker_limits import MIB, ContainerSpec, create_options
from claynet.envs.docker_owner import remove
from claynet.envs.docker_usage import remove_group, used, used_so_far
from claynet.envs.lifecycle import EXITED, KILLED, OK
from claynet.envs.usage import Usage

OUT_OF_MEMORY = "out_of_memory"
CONTAINER_KILLED = "container_killed"
_NOT_RUNNING = frozenset({CONTAINER_GONE, REFUSED})
_SIGNALS = {128 + 9: "SIGKILL", 128 + 15: "SIGTERM", 128 + 6: "SIGABRT", 128 + 7: "SIGBUS", 128 + 11: "SIGSEGV", 128 + 25: "SIGXFSZ"}


class Container:
    """A container that is made, started and watched by its constructor's caller calling `start` once."""

    def __init__(self, engine: Engine, spec: ContainerSpec, log: Path, left_behind: Callable[[str], None]) -> None:
        """`left_behind` is told the id of a container that could not be removed: its engine was gone."""
        self._engine = engine
        self._spec = spec
        self._log = BoundedLog(log)
        self._left_behind = left_behind
        self._ended = threading.Event()
        self._killed = False
        self._condemned: Outcome | None = None
        self._end = EXITED
        self._usage: Usage | None = None
        self._so_far: tuple[int, int] | None = None
        self._begun = time.monotonic_ns()
        self.id = ""

    def start(self, wanted: Callable[[], bool]) -> None:
        """Make and start it, unless it is not `wanted` any more when its turn has come. Raises EngineProblem; nothing is left then."""
        with starting:
            if not wanted():
                raise EngineProblem(KILLED.code, KILLED.detail)
            with self._engine.api() as api:
                self.id = str(api.create_container(**create_options(api, self._spec))["Id"])
            try:
                with self._engine.api() as api:
                    output = api.attach_socket(self.id, {"stdout": 1, "stderr": 1, "stream": 1})
                self._begun = time.monotonic_ns()
                threading.Thread(target=self._watch, args=(output,), name=f"container-{self.id[:12]}", daemon=True).start()
                with self._engine.api() as api:
                    api.start(self.id)
            except EngineProblem:
                self._remove()
                raise

    @property
    def killed(self) -> bool:
        """Tell whether its end is our doing."""
        return self._killed

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; tell whether it has ended and is removed."""
        return self._ended.wait(seconds)

    def terminate(self) -> None:
        """Ask it to end (SIGTERM); nothing when it has ended."""
        self._signal("SIGTERM")

    def kill(self) -> None:
        """Kill all of it; nothing when it has ended. Returns within the engine's time-out."""
        self._signal("SIGKILL")

    def condemn(self, why: Outcome) -> None:
        """Kill all of it for a reason that is its end from now on; nothing when it has ended."""
        if not self._ended.is_set():
            self._condemned = why
            self.kill()

    def end(self) -> Outcome:
        """Return how the ended container came to its end, by its own reason code; what we ended ourselves is not told apart."""
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

    def _signal(self, name: str) -> None:
        if self._ended.is_set() or not self.id:
            return
        self._killed = True

        def send() -> None:
            with self._engine.api() as api:
                api.kill(self.id, name)

        with suppress(EngineProblem):  # a dead engine's containers end with it, or are swept
            ignoring(_NOT_RUNNING, send)

    def _watch(self, output: Any) -> None:
        with self._log:
            try:
                for piece in _pieces(output):
                    self._log.write(piece)
            except Exception:  # whatever docker-py raises from a connection that broke: how it ended is asked below
                self._log.write(b"")
        try:
            self._end = self._await_end()
        except EngineProblem as problem:
            lost = "the docker engine died while the service ran" if problem.code == ENGINE else "the container was removed from outside"
            self._end = Outcome("error", code=problem.code, detail=lost)
        cpu, memory = used(self._spec.cgroup_parent) or self._so_far or (None, None)
        self._usage = Usage(time.monotonic_ns() - self._begun, cpu, memory)
        self._remove()
        remove_group(self._spec.cgroup_parent)
        self._ended.set()

    def _await_end(self) -> Outcome:
        with self._engine.api() as api:
            api.wait(self.id, timeout=None)  # it may have closed its output long before it ends
            state = api.inspect_container(self.id)["State"]
        code = int(state["ExitCode"])
        if state.get("OOMKilled"):
            limit = self._spec.limits.memory // MIB
            return Outcome("error", code=OUT_OF_MEMORY, detail=f"the service needed more than its {limit} MiB of memory")
        if code in _SIGNALS:
            return Outcome("error", code=CONTAINER_KILLED, detail=f"the service was killed by {_SIGNALS[code]}")
        return Outcome("error", code=EXITED.code, detail=f"exited with code {code}") if code else EXITED

    def _remove(self) -> None:
        try:
            remove(self._engine, self.id)
        except EngineProblem:
            self._left_behind(self.id)


def _pieces(output: Any) -> Iterator[bytes]:
    """Yield what comes from an attached socket until it ends, and close all of its connection."""
    from docker.utils.socket import frames_iter

    try:
        for _, piece in frames_iter(output, tty=False):
            yield piece
    finally:
        response = getattr(output, "_response", None)  # docker-py keeps it there; it holds the connection
        if response is not None:
            response.close()
        output.close()


def ended_well(outcome: Outcome) -> bool:
    """Tell whether an end says no more than that the service has ended."""
    return outcome is EXITED or outcome is OK
