"""The `process` environment: a child process per service that serves gRPC on a unix socket.

Knows child processes, their sockets, logs and variables, and the Task API client. Must not know actors or tasks. It runs only apps that
the operator installed, found through the table; a child sees few variables, its own work dir and a temporary folder of its own.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from claynet.actors.environment import Placement, Refusal, Runnable
from claynet.actors.ports import SECOND, Blobs, Outcome, Side, Work
from claynet.envs.bounded_log import log_path
from claynet.envs.child import Child
from claynet.envs.disk_watch import DISK, RESERVE, Area, DiskWatch
from claynet.envs.host_score import score_of
from claynet.envs.identity import hardware, identified, installed_digest
from claynet.envs.lifecycle import EXITED, KILLED, LAST_CALLS, OK, Epoch, FixedWork, Life, RunningWork
from claynet.envs.paths import FileProblem
from claynet.envs.resolve import AppTable
from claynet.envs.translate import unimplemented
from claynet.envs.usage import OnUsage, Usage, no_usage
from claynet.envs.workspace import DataDir, FileLimits, FileWork, Workspace, file_error
from claynet.proto import layout
from claynet.taskapi.client import TaskApiClient
from claynet.taskapi.errors import TaskApiError

_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
"""What a child may see of this process's variables: nothing that tells secrets, nothing that makes Python load other code."""

_LOGS = ".logs"
_POLL = 0.01
_CHECK = 0.5
"""Seconds that one question after the health of a starting service may take."""
_SOFT = 5.0
"""Seconds for a Shutdown to be answered and obeyed."""
_TERM = 2.0
"""Seconds between SIGTERM and SIGKILL."""
_REAP = 5.0
"""Seconds that the kernel may take to end what was killed."""


_CHANGED = Outcome("error", code="image_missing", detail="what is installed here is not what was agreed on any more")


class ProcessEnvironment:
    """Runs installed apps as child processes. Make one a node; threads may share it."""

    def __init__(
        self,
        data_dir: Path,
        blobs: Blobs,
        table: AppTable,
        *,
        python: str = sys.executable,
        start_limit: int = 15 * SECOND,
        module_path: Sequence[str] = (),
        limits: FileLimits | None = None,
        disk: int = DISK,
        reserve: int = RESERVE,
        on_usage: OnUsage = no_usage,
        name: str = "process",
    ) -> None:
        """`start_limit` is in ns; `module_path` are folders that children find modules in besides what `python` has installed.

        `disk` is what a service's work dir may hold, and `reserve` what stays free of the disk with the data dir, in bytes.
        """
        self._name = name
        self._table = table
        self._disk_limit = disk
        self._disk = DiskWatch(data_dir.resolve(), reserve)
        self._data_dir = DataDir(data_dir.resolve(), blobs, limits, demand_room=self._disk.demand_room)
        self._on_usage = on_usage
        self._epoch = Epoch()
        self._lock = threading.Lock()
        self._serving: set[ProcessBackend] = set()
        self.python = python
        self.start_limit = start_limit
        self.module_path = tuple(module_path)

    @property
    def name(self) -> str:
        """`process`, unless it was given another."""
        return self._name

    def identify(self, runnable: Runnable) -> Work:
        """Read the app's module, without importing it."""
        target = self._table.target(runnable)
        return FileWork(lambda _killed: identified(installed_digest(target, self.module_path), hardware()))

    def benchmark(self) -> Work:
        """Hash for a moment, in a Python of its own."""
        return RunningWork(lambda _killed: score_of(self.python), lambda: None)

    def probe(self, patience: int = 0) -> Work:  # noqa: ARG002 - what is missing here does not come by itself
        """Works wherever its Python is there and the kernel has process handles (Linux 5.3)."""
        if not hasattr(os, "pidfd_open"):
            return FixedWork(Outcome("error", code="unsupported", detail="Linux 5.3 or later is needed, for process handles"))
        if not os.access(self.python, os.X_OK):
            return FixedWork(Outcome("error", code="unsupported", detail="the configured Python is not there or not executable"))
        return FixedWork(OK)

    def resolve(self, env_id: str, prerequisites_json: str) -> Runnable | Refusal:
        """Find the installed app that stands for an image."""
        return self._table.resolve(self._name, env_id, prerequisites_json)

    def backend(self, runnable: Runnable, side: Side, runtime_id: str, folder: str) -> ProcessBackend:
        """Make one service. Raises FileProblem for a folder not below the data dir, KeyError for an app not in the table."""
        workspace = self._data_dir.workspace(folder)
        return ProcessBackend(self, self._table.target(runnable), side, runtime_id, workspace, self._epoch, runnable.digest)

    def close(self) -> None:
        """Kill every child at once; it returns when they are gone. Backends made before start no more; new ones do."""
        with self._lock:
            self._epoch.closed = True
            self._epoch = Epoch()
            serving = tuple(self._serving)
        for backend in serving:
            backend.kill()
        for backend in serving:
            backend.release()

    def spawn(self, backend: ProcessBackend, target: str, side: Side, log: str, workspace: Workspace, epoch: Epoch) -> tuple[Child, Path]:
        """Start a child; return it and the path of the socket that it will listen on. Raises OSError or FileProblem."""
        workspace.make()
        self._disk.demand_room()
        scratch = Path(tempfile.mkdtemp(prefix="clay-"))  # mode 0700, and a short path
        socket = scratch / "s"
        if len(os.fsencode(socket)) > layout.SOCKET_PATH_LIMIT:
            scratch.rmdir()
            raise FileProblem("socket_path", "the folder for temporary files has too long a name for a socket in it (TMPDIR)")
        variables = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
        variables |= {
            "HOME": str(workspace.path),
            "TMPDIR": str(scratch),
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": os.pathsep.join(self.module_path),
            layout.SOCKET_VARIABLE: str(socket),
            layout.WORK_DIR_VARIABLE: str(workspace.path),
        }
        # -P: modules are not looked for in the work dir, where a peer's files are
        launcher = (self.python, "-P", "-m", "claynet.taskapi", target, side, "0")
        with self._lock:
            if epoch.closed:
                scratch.rmdir()
                raise FileProblem(EXITED.code, EXITED.detail)
            child = Child(launcher, variables, workspace.path, scratch, log_path(self._data_dir.path / _LOGS, log))
            self._serving.add(backend)
        areas = (Area(workspace.path, self._disk_limit), Area(scratch, self._disk_limit))
        self._disk.watch(backend, areas, child.condemn)
        return child, socket

    def forget(self, backend: ProcessBackend) -> None:
        """A service whose child has ended needs no killing any more."""
        self._disk.forget(backend)
        with self._lock:
            is_first = backend in self._serving
            self._serving.discard(backend)
        used = backend.usage() if is_first else None
        if used is not None:
            self._on_usage(backend.runtime_id, used)


class ProcessBackend:
    """One child's service. Besides the port's methods it tells what the child used."""

    def __init__(
        self,
        environment: ProcessEnvironment,
        target: str,
        side: Side,
        runtime_id: str,
        workspace: Workspace,
        epoch: Epoch,
        agreed: str = "",
    ) -> None:
        """`agreed` is the digest of what is to run; empty: whatever is installed."""
        self._environment = environment
        self._target = target
        self._side: Side = side
        self.runtime_id = runtime_id
        """What the node calls this service."""
        self._workspace = workspace
        self._epoch = epoch
        self._agreed = agreed
        self._life = Life(epoch)
        self._last = LAST_CALLS[side]
        self._child: Child | None = None
        self._client: TaskApiClient | None = None

    def start(self) -> Work:
        """Start the child and wait until it serves; codes `exited` and `not_serving` say why it does not."""
        return RunningWork(self._start, self.kill)

    def call(self, method: str, request: bytes) -> Work:
        """Call; killing the work kills the child and all that it started."""
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
    def child_pid(self) -> int | None:
        """The child's process id, which is its process group's too; None before it was started."""
        return self._child.pid if self._child else None

    def usage(self) -> Usage | None:
        """What the child used, once it has ended."""
        used = self._child.usage() if self._child else None
        return self._workspace.added_to(used) if used else None

    def log_tail(self) -> str:
        """Return the last of what the child wrote, at most 2 KiB."""
        return self._child.tail() if self._child else ""

    def kill(self) -> None:
        """Kill the child and all that it started; later calls come back as errors."""
        if self._child:
            self._child.kill()

    def release(self) -> None:
        """Wait until a killed child is gone and let go of what led to it."""
        if self._child:
            self._child.wait(_REAP)
        if self._client:
            self._client.close()
        self._environment.forget(self)

    def _start(self, killed: threading.Event) -> Outcome:
        begun = self._life.begin()
        if begun is not OK:
            return begun
        if self._agreed not in ("", installed_digest(self._target, self._environment.module_path)):
            self._life.end()
            return _CHANGED
        try:
            child, socket = self._environment.spawn(self, self._target, self._side, self.runtime_id, self._workspace, self._epoch)
        except FileProblem as problem:
            self._life.end()
            return Outcome("error", code=problem.code, detail=problem.detail)
        except OSError as error:
            self._life.end()
            return file_error(error)
        self._child = child
        outcome = self._await_serving(child, socket, killed)
        if not outcome.ok:
            child.kill()
            self._life.end()
            self.release()
        return outcome

    def _await_serving(self, child: Child, socket: Path, killed: threading.Event) -> Outcome:
        deadline = time.monotonic_ns() + self._environment.start_limit
        while True:
            if killed.is_set():
                return KILLED
            phase = self._life.check()
            if phase is not OK:  # stopped, or its environment closed, meanwhile
                return phase
            if child.wait(_POLL):
                return child.condemned or Outcome("error", code=EXITED.code, detail=_with_last_line(child.end(), child))
            if time.monotonic_ns() > deadline:
                return Outcome("error", code="not_serving", detail=_with_last_line("it did not serve in time", child))
            if self._client is None and socket.exists():
                # asked only now: a channel that finds nobody waits longer and longer before it tries again
                self._client = TaskApiClient(f"unix:{socket}")
            if self._client is not None and self._client.check_health(_CHECK) == "SERVING":
                return OK

    def _call(self, method: str, request: bytes, killed: threading.Event) -> Outcome:
        phase = self._life.check()
        if phase is not OK:
            return phase
        if self._child is None or self._client is None:
            return EXITED
        if self._child.wait(0):
            return self._child.condemned or EXITED
        if method not in layout.METHODS[self._side]:
            return unimplemented()
        try:
            return Outcome("ok", self._client.call(layout.method_path(self._side, method), request))
        except TaskApiError as error:
            if killed.is_set():
                return KILLED
            if error.status == "UNAVAILABLE" and self._child.wait(_SOFT):
                self._life.end()
                return self._child.condemned or EXITED
            return Outcome("error", code=error.status, detail=error.text)
        finally:
            if method in self._last:  # whether it was answered or failed
                self._life.end()

    def _stop(self, killed: threading.Event) -> Outcome:
        serving = self._life.check() is OK
        self._life.stop()
        child, client = self._child, self._client
        if child is None:
            return OK
        if serving and client and not child.wait(0):
            with suppress(TaskApiError):
                client.shutdown(self._side, _SOFT)
        if not child.wait(_SOFT) and not killed.is_set():  # a service that answered its one request is on its way out by itself
            child.terminate()
            child.wait(_TERM)
        child.kill()
        self.release()
        return OK


def _with_last_line(text: str, child: Child) -> str:
    lines = child.tail().strip().splitlines()
    return f"{text}: {lines[-1].strip()[:300]}" if lines else text
