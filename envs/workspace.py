"""The file side of environments that run real apps: folders under a data dir, filled from Blobs and collected into it.

Knows directories and blobs. Must not know services, sides or the Task API. An app may plant links, pipes and devices anywhere in its
work dir, at any moment: every step below the data dir is taken relative to an open directory and follows no link.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from claynet.actors.environment import Placement
from claynet.actors.ports import Blobs, Digest, FileRef, Outcome, Work
from claynet.envs.lifecycle import KILLED, OK
from claynet.envs.paths import IO_ERROR, MISSING_BLOB, MISSING_FILE, TOO_LARGE, UNSAFE_PATH, FileProblem, split_file, split_path
from claynet.envs.removal import remove
from claynet.envs.usage import Usage

_STAGING = ".staging"
_SMALL = 1024 * 1024
"""Files up to this size go to Blobs in one piece, larger ones by way of a copy that the app cannot reach."""
_DEEPEST = 64
_OPEN_DIR = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe must not block the open
_counter = itertools.count()


@dataclass(frozen=True, slots=True)
class FileLimits:
    """Caps of one `collect`, in bytes and files; over one of them the outcome is an error, code `too_large`."""

    file_bytes: int = 4 * 1024**3
    total_bytes: int = 16 * 1024**3
    files: int = 10_000


def _any_size(_size: int) -> None:
    """Nobody looks after the disk."""


class DataDir:
    """The folder that holds all work dirs of one environment; a node has it to itself."""

    def __init__(
        self,
        path: Path,
        blobs: Blobs,
        limits: FileLimits | None = None,
        owner: tuple[int, int] | None = None,
        demand_room: Callable[[int], None] = _any_size,
    ) -> None:
        """Nothing is made on disk before the first use; `path` itself may be a link.

        `owner` is the (user id, group id) that work dirs and what is placed in them shall belong to; None: to this process's own.
        `demand_room` is told how many bytes are about to be written, and raises FileProblem when these are too many.
        """
        self.path = path
        self.blobs = blobs
        self.limits = limits or FileLimits()
        self.demand_room = demand_room
        self.owner = None if owner is None or owner == (os.geteuid(), os.getegid()) else owner

    def workspace(self, folder: str) -> Workspace:
        """Return the work dir of that name, relative to the data dir. Raises FileProblem for one that would not be below it."""
        parts = split_file(folder)
        if parts[0].startswith("."):  # staged files and logs live there
            raise FileProblem(UNSAFE_PATH, f"{folder!r} is no place for a work dir")
        return Workspace(self, parts)

    @contextmanager
    def staged(self) -> Iterator[Path]:
        """Lend the name of a file that does not exist yet, on the same file system and out of the apps' reach."""
        staging = self.path / _STAGING
        staging.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = staging / f"{os.getpid()}-{next(_counter)}"
        path.unlink(missing_ok=True)  # left by a process of the same id that crashed
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


class Workspace:
    """One work dir. Its methods make Work; nothing is touched before that runs."""

    def __init__(self, data_dir: DataDir, parts: tuple[str, ...]) -> None:
        self._data_dir = data_dir
        self._parts = parts
        self.path = data_dir.path.joinpath(*parts)
        self._placed = 0
        self._collected = 0

    def added_to(self, used: Usage) -> Usage:
        """Return what a service used with the bytes that were put into and taken from its work dir so far."""
        return replace(used, placed=self._placed, collected=self._collected)

    def make(self) -> Outcome:
        """Make the work dir where it is missing: OK. Raises FileProblem, or OSError."""
        with ExitStack() as stack:
            self._root(stack, make=True)
        return OK

    def place(self, files: Sequence[Placement], folders: Sequence[str] = ()) -> Work:
        """See `RuntimeBackend.place`. A file or link at a placement's own path is replaced, never written through."""
        return FileWork(lambda killed: self._place(files, folders, killed))

    def collect(self, folder: str, names: Sequence[str]) -> Work:
        """See `RuntimeBackend.collect`. With empty `names` a missing folder holds no files; anything odd below it is `unsafe_path`."""
        return FileWork(lambda killed: self._collect(folder, names, killed))

    def discard(self, paths: Sequence[str]) -> Work:
        """See `RuntimeBackend.discard`; the path `.` means the whole work dir. Links are deleted, not what they point at."""
        return FileWork(lambda killed: self._discard(paths, killed))

    def _root(self, stack: ExitStack, *, make: bool) -> int:
        if make:
            self._data_dir.path.mkdir(parents=True, exist_ok=True)
        at = os.open(self._data_dir.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, at)
        root = _walk(stack, at, self._parts, make=make)
        if make and self._data_dir.owner is not None:
            os.fchown(root, *self._data_dir.owner)
        return root

    def _place(self, files: Sequence[Placement], folders: Sequence[str], killed: threading.Event) -> Outcome:
        with ExitStack() as stack:
            root = self._root(stack, make=True)
            for folder in folders:
                with ExitStack() as inner:
                    _walk(inner, root, split_path(folder), make=True, owner=self._data_dir.owner)
            for file in files:
                if killed.is_set():
                    return KILLED
                *above, name = split_file(file.path)
                with ExitStack() as inner:
                    self._put(file, _walk(inner, root, above, make=True, owner=self._data_dir.owner), name)
        return OK

    def _put(self, file: Placement, parent: int, name: str) -> None:
        with self._data_dir.staged() as staged:
            try:
                self._data_dir.demand_room(self._data_dir.blobs.size(file.digest))
                self._data_dir.blobs.copy_to(file.digest, staged)
            except KeyError:
                raise FileProblem(MISSING_BLOB, f"the blob for {file.path!r} is not here") from None
            self._placed += staged.stat().st_size
            if self._data_dir.owner is not None:
                os.chown(staged, *self._data_dir.owner, follow_symlinks=False)
            os.replace(staged, name, dst_dir_fd=parent)

    def _collect(self, folder: str, names: Sequence[str], killed: threading.Event) -> Outcome:
        with ExitStack() as stack:
            parts = split_path(folder)
            wanted = [split_file(name) for name in names]
            try:
                at = _walk(stack, self._root(stack, make=False), parts, make=False)
            except FileNotFoundError:
                if names:
                    raise
                return OK
            collector = _Collector(self._data_dir, at)
            found: list[FileRef] = []
            for path in wanted or collector.listing():
                if killed.is_set():
                    return KILLED
                found.append(collector.store(path))
                self._collected += found[-1].size
        return Outcome("ok", files=tuple(found))

    def _discard(self, paths: Sequence[str], killed: threading.Event) -> Outcome:
        for path in paths:
            if killed.is_set():
                return KILLED
            with ExitStack() as stack, suppress(FileNotFoundError):
                parts = split_path(path)
                if parts:
                    *above, name = parts
                    parent = _walk(stack, self._root(stack, make=False), above, make=False)
                else:
                    *above, name = self._parts
                    data_dir = os.open(self._data_dir.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                    stack.callback(os.close, data_dir)
                    parent = _walk(stack, data_dir, above, make=False)
                if not remove(parent, name, killed.is_set):
                    return KILLED
        return OK


class _Collector:
    """Reads files below one open directory into Blobs and adds up what they weigh."""

    def __init__(self, data_dir: DataDir, root: int) -> None:
        self._data_dir = data_dir
        self._root = root
        self._total = 0
        self._files = 0

    def listing(self) -> list[tuple[str, ...]]:
        """Return the paths of all regular files below, sorted. Raises FileProblem for anything that is neither file nor folder."""
        found: list[tuple[str, ...]] = []
        pending: list[tuple[str, ...]] = [()]
        while pending:
            above = pending.pop()
            with ExitStack() as stack:
                at = _walk(stack, self._root, above, make=False)
                with os.scandir(at) as entries:
                    for entry in entries:
                        path = split_file("/".join((*above, entry.name)))
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(path)
                        elif entry.is_file(follow_symlinks=False):
                            found.append(path)
                        else:
                            raise FileProblem(UNSAFE_PATH, f"{'/'.join(path)!r} is not a regular file")
                        if len(found) + len(pending) > self._data_dir.limits.files:
                            raise FileProblem(TOO_LARGE, f"more than {self._data_dir.limits.files} files")
        return sorted(found)

    def store(self, path: tuple[str, ...]) -> FileRef:
        """Put one file into Blobs. Raises FileProblem or OSError."""
        name = "/".join(path)
        limits = self._data_dir.limits
        self._files += 1
        if self._files > limits.files:
            raise FileProblem(TOO_LARGE, f"more than {limits.files} files")
        with ExitStack() as stack:
            parent = _walk(stack, self._root, path[:-1], make=False)
            handle = os.open(path[-1], _OPEN_FILE, dir_fd=parent)
            stack.callback(os.close, handle)
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise FileProblem(UNSAFE_PATH, f"{name!r} is not a regular file")
            room = min(limits.file_bytes, limits.total_bytes - self._total)
            if status.st_size > room:
                raise FileProblem(TOO_LARGE, f"{name!r} has {status.st_size} bytes where {room} are left")
            # a file with holes may have filled nothing yet: its copies do, the one out of the app's reach and the one in Blobs
            self._data_dir.demand_room(status.st_size if status.st_size < _SMALL else 2 * status.st_size)
            digest, size = self._copy(handle, min(room, max(status.st_size, _SMALL)))
        self._total += size
        return FileRef(name, digest, size)

    def _copy(self, handle: int, room: int) -> tuple[Digest, int]:
        with open(handle, "rb", closefd=False) as source:
            head = source.read(_SMALL)
            if len(head) < _SMALL:
                return self._data_dir.blobs.put(head), len(head)
            with self._data_dir.staged() as staged:
                with staged.open("xb") as copy:
                    copy.write(head)
                    left = room - len(head)  # a file that still grows ends where it ended when it was opened
                    while left > 0 and (piece := source.read(min(_SMALL, left))):
                        copy.write(piece)
                        left -= len(piece)
                return self._data_dir.blobs.put_file(staged)


class FileWork:
    """A file operation as Work; it looks between files whether it was killed, and tells expected failures as outcomes."""

    __slots__ = ("_function", "_killed")

    def __init__(self, function: Callable[[threading.Event], Outcome]) -> None:
        self._function = function
        self._killed = threading.Event()

    def run(self) -> Outcome:
        """Do it."""
        try:
            return KILLED if self._killed.is_set() else self._function(self._killed)
        except FileProblem as problem:
            return Outcome("error", code=problem.code, detail=problem.detail)
        except OSError as error:
            return file_error(error)

    def kill(self) -> None:
        """End after the file at hand."""
        self._killed.set()


def file_error(error: OSError) -> Outcome:
    """Tell an operating system's refusal as an outcome: without paths of this machine."""
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    if error.errno == errno.ENOENT:
        return Outcome("error", code=MISSING_FILE, detail="a file is missing")
    if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ENXIO}:
        return Outcome("error", code=UNSAFE_PATH, detail=f"not a regular file below the work dir ({reason})")
    return Outcome("error", code=IO_ERROR, detail=reason)


def _walk(stack: ExitStack, at: int, parts: Sequence[str], *, make: bool, owner: tuple[int, int] | None = None) -> int:
    """Open a directory below `at` step by step; every handle opened here is closed with the stack. `owner` is for those made here."""
    if len(parts) > _DEEPEST:
        raise FileProblem(UNSAFE_PATH, f"a path of more than {_DEEPEST} folders")
    for part in parts:
        made = False
        if make:
            with suppress(FileExistsError):
                os.mkdir(part, dir_fd=at)
                made = True
        at = os.open(part, _OPEN_DIR, dir_fd=at)
        stack.callback(os.close, at)
        if made and owner is not None:
            os.fchown(at, *owner)
    return at
