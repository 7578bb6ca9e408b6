"""The `inproc` environment: an installed app's handlers called in this process, on the caller's thread.

Knows the Task API library's dispatchers, and the fence that is put around app code. Must not know what time it is or who calls. An app
that never looks at its shutdown signal cannot be interrupted here: `process` and docker are for those.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from claynet.actors.environment import Placement, Refusal, Runnable, RuntimeBackend
from claynet.actors.ports import Blobs, Outcome, Side, Work
from claynet.envs.guard import Guard, no_guard
from claynet.envs.identity import identified, installed_digest
from claynet.envs.lifecycle import EXITED, KILLED, LAST_CALLS, NOMINAL_SCORE, OK, Epoch, FixedWork, Life, RunningWork
from claynet.envs.resolve import AppTable
from claynet.envs.translate import app_error, unimplemented
from claynet.envs.workspace import DataDir, FileLimits, FileWork, Workspace
from claynet.taskapi.app import App, load_app
from claynet.taskapi.dispatch import AppError, ProviderDispatcher, RequestorDispatcher, UnknownMethod


class InprocEnvironment:
    """Calls installed apps directly. Make one a node; files are on disk, so a restarted node finds its apps' state."""

    def __init__(
        self,
        data_dir: Path,
        blobs: Blobs,
        table: AppTable,
        guard: Guard = no_guard,
        *,
        limits: FileLimits | None = None,
        name: str = "inproc",
    ) -> None:
        self._name = name
        self._table = table
        self._data_dir = DataDir(data_dir.resolve(), blobs, limits)
        self._guard = guard
        self._epoch = Epoch()
        self._serving: set[_InprocBackend] = set()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """`inproc`, unless it was given another."""
        return self._name

    def probe(self, patience: int = 0) -> Work:  # noqa: ARG002 - nothing needs waiting for
        """Always works."""
        return FixedWork(OK)

    def identify(self, runnable: Runnable) -> Work:
        """Read the app's module, without importing it. The hardware is not named: in virtual time it must not show."""
        target = self._table.target(runnable)
        return FileWork(lambda _killed: identified(installed_digest(target), ""))

    def benchmark(self) -> Work:
        """The same everywhere: in virtual time this machine's speed must not show."""
        return FixedWork(NOMINAL_SCORE)

    def resolve(self, env_id: str, prerequisites_json: str) -> Runnable | Refusal:
        """Find the installed app that stands for an image."""
        return self._table.resolve(self._name, env_id, prerequisites_json)

    def backend(self, runnable: Runnable, side: Side, runtime_id: str, folder: str) -> RuntimeBackend:
        """Make one service. Raises FileProblem for a folder not below the data dir, KeyError for an app not in the table."""
        service = _Service(self._table.target(runnable), side, runtime_id, self._data_dir.workspace(folder), self._guard)
        return _InprocBackend(self, service, Life(self._epoch))

    def close(self) -> None:
        """Every service made so far ends, and apps under way are told to stop. Backends made before start no more; new ones do."""
        with self._lock:
            self._epoch.closed = True
            self._epoch = Epoch()
            serving = tuple(self._serving)
            self._serving.clear()
        for backend in serving:
            backend.interrupt("killed")

    def remember(self, backend: _InprocBackend) -> None:
        """A service began."""
        with self._lock:
            self._serving.add(backend)

    def forget(self, backend: _InprocBackend) -> None:
        """A service ended."""
        with self._lock:
            self._serving.discard(backend)


class _Service:
    """An app's handler, once it is loaded, behind the fence."""

    def __init__(self, target: str, side: Side, runtime_id: str, workspace: Workspace, guard: Guard) -> None:
        self.side: Side = side
        self.workspace = workspace
        self._target = target
        self._runtime_id = runtime_id
        self._guard = guard
        self._count = 0
        self.dispatcher: ProviderDispatcher | RequestorDispatcher | None = None

    def load(self, duration: int) -> None:
        """Import the app (outside the fence: its modules lie anywhere) and make its handler. Raises whatever the app raises."""
        app: App = load_app(self._target)
        with self._guard(f"{self._runtime_id}/start", self.workspace.path, duration):
            if self.side == "provider":
                self.dispatcher = ProviderDispatcher(app.provider(), self.workspace.path)
            else:
                self.dispatcher = RequestorDispatcher(app.requestor(), self.workspace.path)

    def call(self, method: str, request: bytes, duration: int) -> bytes:
        """Answer a call. Raises AppError."""
        if self.dispatcher is None:
            raise UnknownMethod(method, {})
        self._count += 1
        with self._guard(f"{self._runtime_id}/{method}/{self._count}", self.workspace.path, duration):
            return self.dispatcher.call(method, request)


class _InprocBackend:
    def __init__(self, environment: InprocEnvironment, service: _Service, life: Life) -> None:
        self._environment = environment
        self._service = service
        self._life = life

    def start(self) -> Work:
        return _InprocWork(self, self._start)

    def call(self, method: str, request: bytes) -> Work:
        return _InprocWork(self, lambda duration: self._call(method, request, duration))

    def stop(self) -> Work:
        return _InprocWork(self, self._stop)

    def place(self, files: Sequence[Placement], folders: Sequence[str] = ()) -> Work:
        return self._service.workspace.place(files, folders)

    def collect(self, folder: str, names: Sequence[str]) -> Work:
        return self._service.workspace.collect(folder, names)

    def discard(self, paths: Sequence[str]) -> Work:
        return self._service.workspace.discard(paths)

    def interrupt(self, reason: str) -> None:
        """Tell the app to stop, whatever it does."""
        if self._service.dispatcher is not None:
            self._service.dispatcher.interrupt(reason)

    def kill(self) -> None:
        """As a process that is killed: what is under way stops, and nothing comes after it."""
        self._life.end()
        self._environment.forget(self)
        self.interrupt("killed")

    def _start(self, duration: int) -> Outcome:
        begun = self._life.begin()
        if begun is not OK:
            return begun
        made = FileWork(lambda _killed: self._service.workspace.make()).run()
        if not made.ok:
            self._life.end()
            return made
        try:
            self._service.load(duration)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # an app may raise anything; a process of its own would have exited
            self._life.end()
            return Outcome("error", code=EXITED.code, detail=f"{type(error).__name__}: {error}")
        self._environment.remember(self)
        return self._life.check()  # it may have been stopped or closed meanwhile

    def _call(self, method: str, request: bytes, duration: int) -> Outcome:
        phase = self._life.check()
        if phase is not OK:
            return phase
        try:
            reply = self._service.call(method, request, duration)
        except UnknownMethod:
            return unimplemented()
        except AppError as error:
            if isinstance(error.__cause__, KeyboardInterrupt):  # whoever stops this process happened to hit the app's code
                raise error.__cause__ from None
            outcome = app_error(error.type_name, error.text)
        else:
            outcome = Outcome("ok", reply)
        if method in LAST_CALLS[self._service.side]:
            self._life.end()
            self._environment.forget(self)
        return outcome

    def _stop(self, _duration: int) -> Outcome:
        self._life.stop()
        self._environment.forget(self)
        self.interrupt("shut down")
        return OK


class _InprocWork(RunningWork):
    """One action of a backend. Besides running, it can be told how long it takes in the world's time."""

    __slots__ = ("_duration",)

    def __init__(self, backend: _InprocBackend, action: Callable[[int], Outcome]) -> None:
        self._duration = 0

        def act(killed: threading.Event) -> Outcome:
            outcome = action(self._duration)
            return KILLED if killed.is_set() else outcome

        super().__init__(act, backend.kill)

    def declare(self, duration: int) -> None:
        """Say before `run` how long this is to take, in ns: the fence moves the app's clock so far."""
        self._duration = duration
