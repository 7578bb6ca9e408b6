"""The environment `turns`: apps run in the node's own process, and only so many of their calls at once as the operator allows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from claynet.actors.environment import Placement, Refusal, Runnable
from claynet.actors.ports import Blobs, Outcome, Side, Work
from claynet.envs.identity import hardware, identified, installed_digest
from claynet.envs.lifecycle import EXITED, KILLED, LAST_CALLS, NOMINAL_SCORE, OK, Epoch, FixedWork, Life, RunningWork
from claynet.envs.options import SIZE
from claynet.envs.registry import OUTSIDE_MODES, EnvironmentKind, EnvironmentSettings
from claynet.envs.resolve import AppTable
from claynet.envs.translate import app_error, unimplemented
from claynet.envs.workspace import DataDir, FileLimits, FileWork, Workspace
from claynet.taskapi.app import load_app
from claynet.taskapi.dispatch import AppError, ProviderDispatcher, RequestorDispatcher, UnknownMethod

_LOOK = 0.05
"""Seconds between looks at whether a call that waits for its turn is still wanted."""


class TurnsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands under `options:`; types say what is allowed, and findings are made from them."""

    at_once: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    """Calls of one node that run at the same time."""
    largest_file: Annotated[int, msgspec.Meta(ge=1), SIZE] = 64 * 1024 * 1024


class TurnsEnvironment:
    """An `Environment`, as `claynet/actors/environment.py` promises it. One a node; threads share it."""

    name = "turns"

    def __init__(self, data_dir: Path, blobs: Blobs, table: AppTable, options: TurnsOptions) -> None:
        self._data_dir = DataDir(data_dir.resolve(), blobs, FileLimits(file_bytes=options.largest_file))
        self._table = table
        self._epoch = Epoch()
        self._serving: set[TurnsBackend] = set()
        self._lock = threading.Lock()
        self.turns = threading.BoundedSemaphore(options.at_once)

    def probe(self, patience: int = 0) -> Work:
        return FixedWork(OK)  # nothing is needed that could be missing

    def identify(self, runnable: Runnable) -> Work:
        target = self._table.target(runnable)
        return FileWork(lambda _killed: identified(installed_digest(target), hardware()))

    def benchmark(self) -> Work:
        return FixedWork(NOMINAL_SCORE)

    def resolve(self, env_id: str, prerequisites_json: str) -> Runnable | Refusal:
        return self._table.resolve(self.name, env_id, prerequisites_json)

    def backend(self, runnable: Runnable, side: Side, runtime_id: str, folder: str) -> TurnsBackend:
        workspace = self._data_dir.workspace(folder)  # raises FileProblem for a folder that is not below the data dir
        return TurnsBackend(self, self._table.target(runnable), side, workspace, Life(self._epoch))

    def close(self) -> None:
        with self._lock:
            self._epoch.closed = True  # ends every service made so far; those made from now on are of the next epoch
            self._epoch = Epoch()
            serving = tuple(self._serving)
            self._serving.clear()
        for backend in serving:
            backend.interrupt()

    def remember(self, backend: TurnsBackend) -> None:
        with self._lock:
            self._serving.add(backend)

    def forget(self, backend: TurnsBackend) -> None:
        with self._lock:
            self._serving.discard(backend)


class TurnsBackend:
    """A `RuntimeBackend`: one service. Its methods only make Work; nothing happens before that is run."""

    def __init__(self, environment: TurnsEnvironment, target: str, side: Side, workspace: Workspace, life: Life) -> None:
        self._environment = environment
        self._target = target
        self._side: Side = side
        self._workspace = workspace
        self._life = life  # knows which calls come back as errors, and under which codes
        self._app: ProviderDispatcher | RequestorDispatcher | None = None

    def start(self) -> Work:
        return self._work(lambda _killed: self._start())

    def call(self, method: str, request: bytes) -> Work:
        return self._work(lambda killed: self._call(method, request, killed))

    def stop(self) -> Work:
        return self._work(lambda _killed: self._stop())

    def place(self, files: Sequence[Placement], folders: Sequence[str] = ()) -> Work:
        return self._workspace.place(files, folders)

    def collect(self, folder: str, names: Sequence[str]) -> Work:
        return self._workspace.collect(folder, names)

    def discard(self, paths: Sequence[str]) -> Work:
        return self._workspace.discard(paths)

    def interrupt(self) -> None:
        """Tell the app to stop, whatever it does."""
        if self._app is not None:
            self._app.interrupt("shut down")

    def _work(self, action: Callable[[threading.Event], Outcome]) -> Work:
        def act(killed: threading.Event) -> Outcome:
            outcome = action(killed)
            return KILLED if killed.is_set() else outcome

        return RunningWork(act, self._end)

    def _end(self) -> None:
        self._life.end()
        self._environment.forget(self)
        self.interrupt()

    def _start(self) -> Outcome:
        begun = self._life.begin()
        if begun is not OK:
            return begun
        made = FileWork(lambda _killed: self._workspace.make()).run()
        if not made.ok:
            self._life.end()
            return made
        try:
            app, folder = load_app(self._target), self._workspace.path
            provides = self._side == "provider"
            self._app = ProviderDispatcher(app.provider(), folder) if provides else RequestorDispatcher(app.requestor(), folder)
        except (Exception, SystemExit) as error:  # an app may raise anything; a process of its own would have exited
            self._life.end()
            return Outcome("error", code=EXITED.code, detail=f"{type(error).__name__}: {error}")
        self._environment.remember(self)
        return self._life.check()

    def _call(self, method: str, request: bytes, killed: threading.Event) -> Outcome:
        waits = method != "Shutdown"  # that one passes every other
        while waits and not self._environment.turns.acquire(timeout=_LOOK):
            if killed.is_set() or self._life.check() is not OK:
                return KILLED if killed.is_set() else self._life.check()
        try:
            return self._answer(method, request)
        finally:
            if waits:
                self._environment.turns.release()

    def _answer(self, method: str, request: bytes) -> Outcome:
        phase = self._life.check()
        if phase is not OK or self._app is None:
            return phase
        try:
            outcome = Outcome("ok", self._app.call(method, request))
        except UnknownMethod:
            return unimplemented()
        except AppError as error:
            outcome = app_error(error.type_name, error.text)
        if method in LAST_CALLS[self._side]:
            self._life.end()
            self._environment.forget(self)
        return outcome

    def _stop(self) -> Outcome:
        self._life.stop()
        self._environment.forget(self)
        self.interrupt()
        return OK


def _make(settings: EnvironmentSettings) -> TurnsEnvironment:
    options = settings.options if isinstance(settings.options, TurnsOptions) else TurnsOptions()
    return TurnsEnvironment(settings.data_dir, settings.blobs, settings.table, options)


KIND = EnvironmentKind("turns", _make, OUTSIDE_MODES, runs_on_host=True, options=TurnsOptions)
