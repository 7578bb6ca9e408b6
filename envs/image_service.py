"""Starts an image's services for a check of it: in the same hardened containers in which nodes run them, on the same files.

Knows environments and the Task API's client errors. Must not know rules, nor how a container is made. The node's own way is taken
on purpose: an image that passes here is one that runs there.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol, cast

from claynet.actors.environment import Placement, Runnable
from claynet.actors.ports import SECOND, Blobs, Outcome, Side, Work
from claynet.envs.docker_cpu import DockerCpuEnvironment, DockerSettings
from claynet.envs.workspace import FileLimits
from claynet.proto import layout
from claynet.taskapi.errors import AppFailed, CallCancelled, DeadlineExceeded, NotOffered, NotServing, ServiceUnavailable, TaskApiError

_LOOK = 0.02
"""Seconds between two looks at whether a container has ended."""
_ERRORS: Mapping[str, type[TaskApiError]] = {
    kind.status: kind for kind in (AppFailed, ServiceUnavailable, DeadlineExceeded, CallCancelled, NotOffered)
}
_LIMITS = FileLimits(file_bytes=64 * 1024**2, total_bytes=256 * 1024**2)
"""Of what is collected at once: it may go to this process's memory, and an image that is checked may be anybody's."""
_HINTS = (
    (("Read-only file system", "EROFS"), "an image's root is read-only here: write to the work dir, or to /tmp"),
    (("Permission denied", "EACCES"), "containers run as user {user}, never as root: let it read all that it needs"),
)
"""What is often at fault when an app does not serve, told by what it says."""


class _Backend(Protocol):
    """What is used of a service in a container."""

    def start(self) -> Work:
        """Start it and wait until it serves."""

    def stop(self) -> Work:
        """End it."""

    def call(self, method: str, request: bytes) -> Work:
        """Call it; killing the work kills the container."""

    def log_tail(self) -> str:
        """The last of what it said."""

    def usage(self) -> object | None:
        """What it used, once it has ended."""


class ImageLauncher:
    """Starts services of one image; every work dir it is given must lie in `folder`. Close it."""

    def __init__(self, image: str, folder: Path, blobs: Blobs, *, start: float, settings: DockerSettings | None = None) -> None:
        """`image` is a name or an id; `start` is how many seconds a service may take until it serves."""
        self._environment = DockerCpuEnvironment(folder, blobs, settings=settings, start_limit=int(start * SECOND), limits=_LIMITS)
        self._blobs = blobs
        self._folder = folder
        self._runnable = Runnable(env=self._environment.name, image=image)
        self._numbers = itertools.count(1)
        self.slowest_start = 0.0
        """Seconds from the making of a container until it served, at the worst; 0 when none did."""

    @property
    def user(self) -> str:
        """Whom the containers run as: `uid:gid`."""
        return str(self._environment.user)

    def start(self, side: str, work_dir: Path) -> ImageService:
        """Make one side's service; it starts when somebody waits for it to serve."""
        return ImageService(self, self._backend(side, work_dir), side)

    def files(self, work_dir: Path) -> ImageFiles:
        """Give access to a work dir."""
        return ImageFiles(self._environment, self._runnable, str(work_dir.relative_to(self._folder)), self._blobs)

    def close(self) -> None:
        """Kill and remove every container that is still there."""
        self._environment.close()

    def served(self, seconds: float) -> None:
        """Take note of how long a start took."""
        self.slowest_start = max(self.slowest_start, seconds)

    def _backend(self, side: str, work_dir: Path) -> _Backend:
        name = f"check/{side}/{next(self._numbers)}"
        return self._environment.backend(self._runnable, cast("Side", side), name, str(work_dir.relative_to(self._folder)))


class ImageService:
    """One service; it is its own client."""

    def __init__(self, launcher: ImageLauncher, backend: _Backend, side: str) -> None:
        self._launcher = launcher
        self._backend = backend
        self._side = side
        self._begun = False

    @property
    def client(self) -> ImageService:
        """Itself."""
        return self

    def wait_until_serving(self, timeout: float = layout.START_TIMEOUT_SECONDS) -> None:  # noqa: ARG002 - the launcher's limit holds
        """Start it. Raises NotServing with the reason, and a hint when its log gives one."""
        self._begun = True
        begun = time.monotonic()
        outcome = self._backend.start().run()
        if not outcome.ok:
            raise NotServing("; ".join(filter(None, (_text(outcome), self._hint()))))
        self._launcher.served(time.monotonic() - begun)

    def call(self, method: str, request: bytes, timeout: float | None = None) -> bytes:
        """Call a method by its full name. When the time is over the container is killed, as a node does it, and DeadlineExceeded raised."""
        work = self._backend.call(method.rpartition("/")[2], request)
        late = threading.Event()

        def end() -> None:
            late.set()
            work.kill()

        timer = threading.Timer(timeout, end) if timeout is not None else None
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            outcome = work.run()
        finally:
            if timer is not None:
                timer.cancel()
        if outcome.ok:
            return outcome.reply
        if late.is_set():
            raise DeadlineExceeded(f"no reply to {method.rpartition('/')[2]} in {timeout:g} s{self._said()}")
        kind = _ERRORS.get(outcome.code)
        if kind is None:  # a code of the environment's: the service is gone, and this is why
            raise ServiceUnavailable(f"{_text(outcome)}{self._said()}")
        raise kind(outcome.detail)

    def shutdown(self, side: str, timeout: float = 5.0) -> None:
        """Ask it to end; one that has ended already is as good. Raises DeadlineExceeded when it does not answer."""
        with suppress(ServiceUnavailable, CallCancelled):
            self.call(layout.method_path(side, layout.SHUTDOWN), b"", timeout)

    def wait_ended(self, seconds: float) -> bool:
        """Wait at most so long; tell whether the container has ended."""
        deadline = time.monotonic() + seconds
        pause = threading.Event()
        while self._begun and self._backend.usage() is None:  # it is known once it has ended
            if time.monotonic() >= deadline:
                return False
            pause.wait(_LOOK)
        return True

    def stop(self) -> None:
        """End it as a node does: Shutdown, then by force; return when it is gone."""
        self._backend.stop().run()

    def log(self) -> str:
        """Return the last of what it said."""
        return self._backend.log_tail()

    def _said(self) -> str:
        lines = self.log().strip().splitlines()
        return f"; the last of its log: {' | '.join(line.strip() for line in lines[-3:])}" if lines else "; its log is empty"

    def _hint(self) -> str:
        log = self.log()
        return next((hint.format(user=self._launcher.user) for words, hint in _HINTS if any(word in log for word in words)), "")


class ImageFiles:
    """A work dir that a container shares: nothing is followed or left to the app there, and all that is placed belongs to its user."""

    def __init__(self, environment: DockerCpuEnvironment, runnable: Runnable, folder: str, blobs: Blobs) -> None:
        self._files = environment.backend(runnable, layout.PROVIDER, f"check/files/{folder}", folder)  # never started
        self._blobs = blobs

    def write(self, files: Mapping[str, bytes], folders: Sequence[str] = ()) -> None:
        """Make folders and files. Raises ValueError with the reason."""
        placements = [Placement(name, self._blobs.put(content)) for name, content in files.items()]
        _done(self._files.place(placements, folders).run())

    def read(self, name: str) -> bytes | None:
        """Return a file's content, or None; raises ValueError for what is no plain file inside the work dir."""
        outcome = self._files.collect(".", [name]).run()
        if outcome.code == "missing_file":
            return None
        (file,) = _done(outcome).files
        return self._blobs.read(file.digest, 0, file.size)

    def names(self, folder: str) -> list[str]:
        """Return the names of a folder's files."""
        return sorted(file.name for file in _done(self._files.collect(folder, []).run()).files)

    def remove(self) -> None:
        """Remove it, as far as that is possible."""
        self._files.discard(["."]).run()


def _done(outcome: Outcome) -> Outcome:
    if not outcome.ok:
        raise ValueError(_text(outcome))
    return outcome


def _text(outcome: Outcome) -> str:
    return outcome.detail or outcome.code
