"""Ways to start an app for a check: on threads of this process, or as a child process; both on a unix socket.

Knows servers, processes and sockets. Must not know rules or tasks. A check of images brings a launcher of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Protocol

from claynet.proto import layout
from claynet.taskapi.app import App
from claynet.taskapi.calls import Carrier
from claynet.taskapi.client import TaskApiClient
from claynet.taskapi.listening import Listening, socket_target
from claynet.taskapi.server import GRACE_SECONDS, AppServer

_SOCKET = "app.sock"
_KILL_AFTER = 5.0
_LOG_TAIL = 2000


class ServiceClient(Carrier, Protocol):
    """What a check needs of a client; a TaskApiClient is one."""

    def wait_until_serving(self, timeout: float = layout.START_TIMEOUT_SECONDS) -> None:
        """Wait until it serves. Raises TaskApiError when it does not within `timeout` seconds."""


class Service(Protocol):
    """One running side of an app."""

    @property
    def client(self) -> ServiceClient:
        """A client of it; it need not serve yet."""

    def wait_ended(self, seconds: float) -> bool:
        """Wait at most so long for it to end by itself; return whether it has."""

    def stop(self) -> None:
        """End it by force if need be, close the client, and leave nothing behind; stopping again does no harm."""

    def log(self) -> str:
        """Return the last of what it said, as far as that is known."""


class Launcher(Protocol):
    """Starts services."""

    def start(self, side: str, work_dir: Path) -> Service:
        """Start one side (`requestor` or `provider`) with an existing work dir; does not wait until it serves."""


class ThreadLauncher:
    """Starts an app on threads of this process."""

    def __init__(self, app: App, grace: float = GRACE_SECONDS) -> None:
        """Take `grace` in seconds: how long work in progress may take to heed a shutdown."""
        self._app = app
        self._grace = grace

    def start(self, side: str, work_dir: Path) -> Service:
        """Start one side."""
        folder = Path(tempfile.mkdtemp(prefix="claynet-"))
        try:
            server = AppServer(self._app, side, work_dir, Listening(socket=str(folder / _SOCKET)), self._grace)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        server.start()
        return _ThreadService(server, folder)


class _ThreadService:
    def __init__(self, server: AppServer, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self.client = TaskApiClient(socket_target(str(folder / _SOCKET)))

    def wait_ended(self, seconds: float) -> bool:
        return self._server.wait(seconds)

    def stop(self) -> None:
        self._server.ask_to_end()
        self._server.wait()
        self.client.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def log(self) -> str:
        return ""


class ProcessLauncher:
    """Starts an app, named `module:NAME`, as a child of this process, with this Python."""

    def __init__(self, target: str) -> None:
        self._target = target

    def start(self, side: str, work_dir: Path) -> Service:
        """Start one side; raises OSError when no process can be started."""
        folder = Path(tempfile.mkdtemp(prefix="claynet-"))
        socket = folder / _SOCKET
        variables = os.environ | {layout.SOCKET_VARIABLE: str(socket), layout.WORK_DIR_VARIABLE: str(work_dir)}
        command = [sys.executable, "-m", "claynet.taskapi", self._target, side, "0"]
        try:
            with (folder / "log").open("wb") as log:
                process = subprocess.Popen(command, env=variables, cwd=work_dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return _ProcessService(process, folder)


class _ProcessService:
    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._ended = threading.Event()
        self._log = ""
        self.client = TaskApiClient(socket_target(str(folder / _SOCKET)))
        threading.Thread(target=self._watch, name=f"app-process-{process.pid}", daemon=True).start()

    def _watch(self) -> None:
        self._process.wait()
        self._log = self.log()
        self.client.close()  # nobody need wait for a dead process to serve
        shutil.rmtree(self._folder, ignore_errors=True)
        self._ended.set()

    def wait_ended(self, seconds: float) -> bool:
        return self._ended.wait(seconds)

    def stop(self) -> None:
        self.client.close()
        self._process.terminate()
        if not self._ended.wait(_KILL_AFTER):
            self._process.kill()
            self._ended.wait()

    def log(self) -> str:
        if self._log:
            return self._log
        try:
            return (self._folder / "log").read_bytes()[-_LOG_TAIL:].decode(errors="replace")
        except FileNotFoundError:  # it has just ended, and what it said has been kept
            return self._log
