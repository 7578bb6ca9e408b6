"""One service in a container: its life as the node sees it, and the calls to it.

Knows containers, the socket they are called on and the Task API client. Must not know how a container is made, nor actors or tasks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from claynet.actors.environment import Placement
from claynet.actors.ports import Outcome, Side, Work
from claynet.envs.docker_container import Container, ended_well
from claynet.envs.docker_engine import ENGINE, EngineProblem
from claynet.envs.held_socket import HeldSocket, hold
from claynet.envs.lifecycle import EXITED, KILLED, LAST_CALLS, OK, Epoch, Life, RunningWork
from claynet.envs.paths import FileProblem
from claynet.envs.removal import remove_path
from claynet.envs.translate import unimplemented
from claynet.envs.usage import Usage
from claynet.envs.workspace import Workspace, file_error
from claynet.proto import layout
from claynet.taskapi.client import TaskApiClient
from claynet.taskapi.errors import TaskApiError

_POLL = 0.01
_CHECK = 0.5
"""Seconds that one question after the health of a starting service may take."""
_SOFT = 5.0
"""Seconds for a Shutdown to be answered and obeyed."""
_TERM = 2.0
"""Seconds between SIGTERM and SIGKILL."""
_REAP = 15.0
"""Seconds that the engine may take to end and remove what was killed."""

_NO_RELAY = Outcome("error", code="relay", detail="the relay to the service has ended")


@dataclass(slots=True)
class Launched:
    """What was made for one service: a folder with its socket, its container, and perhaps a relay."""

    folder: Path
    socket: Path
    app: Container | None = None
    relay: Container | None = None

    def kill(self) -> None:
        """Kill what runs."""
        for container in (self.app, self.relay):
            if container is not None:
                container.kill()

    def release(self) -> None:
        """End the relay, wait until both are gone, and remove the folder."""
        if self.relay is not None:
            self.relay.kill()
        for container in (self.app, self.relay):
            if container is not None and container.id:
                container.wait(_REAP)
        remove_path(self.folder)


class Launcher(Protocol):
    """What a backend needs of its environment."""

    start_limit: int

    def launch(self, backend: DockerBackend, image: str, side: Side, runtime_id: str, workspace: Workspace, epoch: Epoch) -> Launched:
        """Start a service's containers."""

    def forget(self, backend: DockerBackend) -> None:
        """It needs no killing any more."""


class DockerBackend:
    """One container's service. Besides the port's methods it tells what the container used and said."""

    def __init__(self, environment: Launcher, image: str, side: Side, runtime_id: str, workspace: Workspace, epoch: Epoch) -> None:
        self._environment = environment
        self._image = image
        self._side: Side = side
        self._runtime_id = runtime_id
        self._workspace = workspace
        self._epoch = epoch
        self._life = Life(epoch)
        self._last = LAST_CALLS[side]
        self._launched: Launched | None = None
        self._client: TaskApiClient | None = None
        self._held: HeldSocket | None = None
        self._killed = threading.Event()
        self._settled = threading.Event()
        self._settled.set()

    @property
    def wanted(self) -> bool:
        """Tell whether a start under way still makes sense."""
        return not self._killed.is_set() and self._life.check() is OK

    def start(self) -> Work:
        """Start the container and wait until it serves; the codes say why it does not."""
        return RunningWork(self._start, self.kill)

    def call(self, method: str, request: bytes) -> Work:
        """Call; killing the work kills the container."""
        return RunningWork(lambda killed: self._call(method, request, killed), self.kill)

    def stop(self) -> Work:
        """Shutdown, then SIGTERM, then SIGKILL; killing the work goes to the last at once."""
        return RunningWork(self._stop, self.kill)

    def place(self, files: Sequence[Placement], folders: Sequence[str] = ()) -> Work:
        """See `Workspace.place`."""
        return self._workspace.place(files, folders)

    def collect(self, folder: str, names: Sequence[str]) -> Work:
        """See `Workspace.collect`."""
        return self._workspace.collect(folder, names)

    def discard(self, paths: Sequence[str]) -> Work:
        """See `Workspace.discard`."""
        return self._workspace.discard(paths)

    @property
    def runtime_id(self) -> str:
        """What the node calls this service."""
        return self._runtime_id

    @property
    def container_id(self) -> str | None:
        """The container's id; None before there was one."""
        return self._launched.app.id if self._launched and self._launched.app else None

    def usage(self) -> Usage | None:
        """What the container used, once it has ended."""
        used = self._launched.app.usage() if self._launched and self._launched.app else None
        return self._workspace.added_to(used) if used else None

    def log_tail(self) -> str:
        """Return the last of what the service said, at most 2 KiB."""
        return self._launched.app.tail() if self._launched and self._launched.app else ""

    def kill(self) -> None:
        """Kill the container, or a start under way; later calls come back as errors."""
        self._killed.set()
        if self._launched is not None:
            self._launched.kill()

    def release(self) -> None:
        """Wait until a killed service is gone and let go of what led to it."""
        self._settled.wait(_REAP)
        if self._launched is not None:
            self._launched.release()
        if self._client is not None:
            self._client.close()
        if self._held is not None:
            self._held.close()
        self._environment.forget(self)

    def _start(self, killed: threading.Event) -> Outcome:
        begun = self._life.begin()
        if begun is not OK:
            return begun
        self._settled.clear()
        try:
            self._launched = self._environment.launch(self, self._image, self._side, self._runtime_id, self._workspace, self._epoch)
            assert self._launched.app is not None
            self._launched.app.when_over(self._cut)
            outcome = self._await_serving(self._launched, killed)
        except (EngineProblem, FileProblem) as problem:
            phase = self._life.check()
            outcome = Outcome("error", code=problem.code, detail=problem.detail) if phase is OK else phase
        except OSError as error:
            outcome = file_error(error)
        finally:
            self._settled.set()
        if not outcome.ok:
            self.kill()
            self._life.end()
            self.release()
        return outcome

    def _await_serving(self, launched: Launched, killed: threading.Event) -> Outcome:
        deadline = time.monotonic_ns() + self._environment.start_limit
        assert launched.app is not None
        while True:
            if killed.is_set():
                return KILLED
            phase = self._life.check()
            if phase is not OK:  # stopped, or its environment closed, meanwhile
                return phase
            if launched.app.wait(_POLL):
                return self._with_last_line(launched.app.end())
            if launched.relay is not None and launched.relay.wait(0):
                return launched.app.end() if launched.app.is_lost() else _NO_RELAY
            if time.monotonic_ns() > deadline:
                return self._with_last_line(Outcome("error", code="not_serving", detail="it did not serve in time"))
            if self._client is None and (held := hold(launched.socket)) is not None:
                # asked only now: a channel that finds nobody waits longer and longer before it tries again
                self._held, self._client = held, TaskApiClient(held.target)
            if self._client is not None and self._client.check_health(_CHECK) == "SERVING":
                return OK

    def _call(self, method: str, request: bytes, killed: threading.Event) -> Outcome:
        phase = self._life.check()
        if phase is not OK:
            return phase
        app = self._launched.app if self._launched else None
        if app is None or self._client is None:
            return EXITED
        if method not in layout.METHODS[self._side]:
            return unimplemented()
        if app.wait(0):
            return self._ended(app)
        try:
            reply = self._client.call(layout.method_path(self._side, method), request)
            app.look()
            return Outcome("ok", reply)
        except TaskApiError as error:
            if killed.is_set():
                return KILLED
            # an engine that is being stopped ends its containers: an app may tell that as an error of its own
            if (error.status in ("UNAVAILABLE", "CANCELLED") and app.wait(_SOFT)) or app.is_lost():
                return self._ended(app)
            return Outcome("error", code=error.status, detail=error.text)
        finally:
            if method in self._last:  # whether it was answered or failed
                self._life.end()

    def _cut(self) -> None:
        """End the calls to a container that is lost: it may still run, and nobody could end it."""
        app, client = self._launched.app if self._launched else None, self._client
        if app is not None and client is not None and app.end().code == ENGINE:
            client.close()

    def _ended(self, app: Container) -> Outcome:
        """The container is gone: say why, once its environment is not the reason."""
        phase = self._life.check()
        self._life.end()
        return self._with_last_line(app.end()) if phase is OK else phase

    def _stop(self, killed: threading.Event) -> Outcome:
        serving = self._life.check() is OK
        self._life.stop()
        launched, client = self._launched, self._client
        if launched is None or launched.app is None:
            self._killed.set()  # a start under way ends at its next step
            return OK
        app = launched.app
        over_before = app.wait(0)
        if serving and client and not app.wait(0):
            with suppress(TaskApiError):
                client.shutdown(self._side, _SOFT)
        if not killed.is_set() and not app.wait(_SOFT):  # a service that answered its one request is on its way out by itself
            app.terminate()
            app.wait(_TERM)
        launched.kill()
        self.release()
        return app.end() if app.wait(0) and app.end().code == ENGINE and not over_before else OK

    def _with_last_line(self, outcome: Outcome) -> Outcome:
        lines = self.log_tail().strip().splitlines()
        if not lines or ended_well(outcome) or outcome is KILLED or outcome.code == ENGINE:
            return outcome
        return Outcome("error", code=outcome.code, detail=f"{outcome.detail}: {lines[-1].strip()[:300]}")
