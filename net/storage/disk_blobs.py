"""The Blobs port on a folder: one file per blob, named by its digest.

Knows files. Must not know where blobs come from or what they hold. A digest string becomes part of a path only
after it was checked to be one. Layout: `ab/cd/DIGEST` whole, `partial/DIGEST` unfinished, `tmp/` being written. A file's time of
change says when it was last put, extended or asked for.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from claynet.actors.blob_names import Namer, digest_of
from claynet.actors.ports import CorruptBlobError, Digest
from claynet.net.storage.durable import sync_folder
from claynet.net.storage.growing import GrowingFile

_DIGEST = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1 << 20
_COPIED_AT_ONCE = 64 << 20
_OPEN_AT_ONCE = 8
"""Growing files of one first digit that are kept open; one that was let go is opened and read again when it grows on."""


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    """Copy what is left of a file; inside the kernel where both ends' file systems let it."""
    try:
        while os.copy_file_range(source.fileno(), target.fileno(), _COPIED_AT_ONCE):
            pass
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM):
            raise
        shutil.copyfileobj(source, target, _CHUNK)  # from where the kernel came to: both offsets have moved


Mark = tuple[int, ...]
"""Times of change and sizes of a blob's whole and unfinished file; zeros for none."""


class DiskBlobs:
    """Content-addressed files (`ports.Blobs`). Safe from several threads; the folder belongs to one node."""

    def __init__(self, folder: Path, reserve: int = 0) -> None:
        """Make the folder where needed; what a crash left half-written in `tmp/` is removed, partial blobs stay.

        So many bytes (`reserve`) of its disk stay free of files and of what peers send: they choose how long that is, and the
        node's records need room.
        """
        self._folder = folder
        self._reserve = reserve
        self._tmp = folder / "tmp"
        self._partial = folder / "partial"
        self._extending = tuple(threading.Lock() for _ in range(16))
        """By a digest's first hex digit: pieces of one blob come one after the other, other blobs seldom wait."""
        self._deleting = threading.Lock()
        """Held between the last look at a blob and its end, so that nobody is told meanwhile that it is here."""
        self._growing: tuple[OrderedDict[Digest, GrowingFile], ...] = tuple(OrderedDict() for _ in range(16))
        """By the same digit, latest last: files that are open because pieces of them came."""
        for made in (self._tmp, self._partial):
            made.mkdir(parents=True, exist_ok=True)
        for left in self._tmp.iterdir():
            left.unlink()

    def put(self, data: bytes) -> Digest:
        """Store bytes, durable on return. Idempotent. Raises OSError when they cannot be written."""
        digest = digest_of(data)
        if not self.has(digest):
            with self._temporary() as (path, file):
                file.write(data)
                self._keep(path, file, digest)
        return digest

    def put_file(self, path: Path) -> tuple[Digest, int]:
        """Store a file's content; return digest and size in bytes.

        Raises ValueError for a symbolic link or anything but a regular file, OSError when it cannot be read.
        """
        with self._open_regular(path) as source, self._temporary() as (copy, file):
            namer = Namer()
            size = 0
            self._demand_room(os.fstat(source.fileno()).st_size)
            while chunk := source.read(_CHUNK):
                namer.update(chunk)
                file.write(chunk)
                size += len(chunk)
            digest = namer.name()
            if not self.has(digest):
                self._keep(copy, file, digest)
        return digest, size

    def has(self, digest: Digest) -> bool:
        """Tell whether the whole blob is here. It is then marked as asked for."""
        if _DIGEST.fullmatch(digest) is None:
            return False
        path = self._path(digest)
        with self._deleting:
            now = time.time_ns()  # the file system's own idea of now stands still for milliseconds
            try:
                os.utime(path, ns=(now, now))
            except OSError:  # not here; or on a disk that takes no writes, from which nothing is deleted either
                return path.is_file()
            return True

    def size(self, digest: Digest) -> int:
        """Size in bytes. Raises KeyError when not here."""
        try:
            return self._path(digest).stat().st_size
        except (FileNotFoundError, ValueError):
            raise KeyError(digest) from None

    def read(self, digest: Digest, offset: int, length: int) -> bytes:
        """Read up to `length` bytes from `offset`. Raises KeyError when not here, ValueError for a negative number."""
        if offset < 0 or length < 0:
            raise ValueError(f"offset {offset}, length {length}: neither may be negative")
        with self._open(digest) as file:
            file.seek(offset)
            return file.read(length)

    def partial(self, digest: Digest) -> int:
        """How many leading bytes of an unfinished blob are here (0 when none)."""
        if _DIGEST.fullmatch(digest) is None:
            return 0
        growing = self._growing_of(digest).get(digest)
        if growing is not None:
            return growing.size
        try:
            return (self._partial / digest).stat().st_size
        except FileNotFoundError:
            return 0

    def extend(self, digest: Digest, offset: int, data: bytes | memoryview, total: int) -> bool:
        """Append `data` at `offset`, which must equal `partial(digest)`; True once whole (also when it already was).

        Raises ValueError for another offset, more than `total` bytes or a malformed digest; CorruptBlobError when all bytes are
        here and have another digest (the partial is then gone); OSError when they cannot be written.
        """
        whole = self._path(digest)
        with self._extending[int(digest[0], 16)]:
            growing = self._growing_of(digest).get(digest)
            if growing is None and whole.is_file():
                return True
            here = self.partial(digest) if growing is None else growing.size
            if offset != here or offset + len(data) > total:
                raise ValueError(f"blob {digest[:12]}: {len(data)} bytes at {offset} of {total}, but {here} are here")
            self._demand_room(len(data))
            growing = growing or self._open_growing(digest)
            self._growing_of(digest).move_to_end(digest)
            growing.append(data)
            if offset + len(data) < total:
                return False
            self._complete(growing, digest)
            return True

    def copy_to(self, digest: Digest, path: Path) -> None:
        """Write the blob to `path`, atomically (a file or link there is replaced). Raises KeyError when not here, OSError."""
        with self._open(digest) as source:
            beside = path.with_name(f".{secrets.token_hex(8)}.tmp")
            try:
                with beside.open("xb") as file:
                    _copy(source, file)
                beside.replace(path)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise

    def delete(self, digest: Digest) -> None:
        """Forget a blob or partial; unknown ones are ignored."""
        if _DIGEST.fullmatch(digest) is not None:
            with self._extending[int(digest[0], 16)]:
                self._remove(digest)

    def marks(self) -> dict[Digest, Mark]:
        """Every blob that is here, whole or not, with its mark: equal marks say that it was not put, extended or asked for in between."""
        here = {path.name for pattern in ("??/??/*", "partial/*") for path in self._folder.glob(pattern)}
        return {Digest(name): self._mark(name) for name in sorted(here) if _DIGEST.fullmatch(name)}

    def delete_idle(self, digest: Digest, mark: Mark) -> int:
        """Forget a blob or partial unless its mark changed meanwhile; return how many bytes that freed."""
        with self._extending[int(digest[0], 16)], self._deleting:
            if self._mark(digest) != mark:
                return 0
            size = sum(path.stat().st_size for path in self._places(digest) if path.exists())
            self._remove(digest)
            return size

    def close(self) -> None:
        """Let go of files that are open because pieces of them came; they stay, and may grow on. Idempotent."""
        for lock, files in zip(self._extending, self._growing, strict=True):
            with lock:
                for digest in list(files):
                    self._close(digest)

    def _demand_room(self, size: int) -> None:
        if self._reserve:
            disk = os.statvfs(self._folder)
            if disk.f_bavail * disk.f_frsize - size < self._reserve:
                raise OSError(errno.ENOSPC, f"the disk is full: {self._reserve >> 20} MiB of it stay free for the node's own records")

    def _remove(self, digest: Digest) -> None:
        self._close(digest)
        for path in self._places(digest):
            path.unlink(missing_ok=True)

    def _mark(self, digest: str) -> Mark:
        return tuple(number for path in self._places(digest) for number in _changed(path))

    def _places(self, digest: str) -> tuple[Path, Path]:
        return self._path(Digest(digest)), self._partial / digest

    def _path(self, digest: Digest) -> Path:
        if _DIGEST.fullmatch(digest) is None:
            raise ValueError(f"not a digest: {digest[:80]!r}")
        return self._folder / digest[:2] / digest[2:4] / digest

    def _open(self, digest: Digest) -> BinaryIO:
        try:
            return self._path(digest).open("rb")
        except (FileNotFoundError, ValueError):
            raise KeyError(digest) from None

    def _open_regular(self, path: Path) -> BinaryIO:
        # The checks are on what was opened: a path can be swapped between a look at it and the opening. Not blocking: a pipe.
        try:
            number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a socket or a pipe's end
                raise ValueError(f"{path}: a link or special file, not a regular one") from None
            raise
        if not stat.S_ISREG(os.fstat(number).st_mode):
            os.close(number)
            raise ValueError(f"{path}: not a regular file")
        return os.fdopen(number, "rb")

    @contextlib.contextmanager
    def _temporary(self) -> Iterator[tuple[Path, BinaryIO]]:
        path = self._tmp / secrets.token_hex(16)
        try:
            with path.open("xb") as file:
                yield path, file
        finally:
            path.unlink(missing_ok=True)

    def _growing_of(self, digest: Digest) -> OrderedDict[Digest, GrowingFile]:
        return self._growing[int(digest[0], 16)]

    def _open_growing(self, digest: Digest) -> GrowingFile:
        files = self._growing_of(digest)
        if len(files) >= _OPEN_AT_ONCE:
            self._close(next(iter(files)))
        growing = files[digest] = GrowingFile(self._partial / digest)
        return growing

    def _close(self, digest: Digest) -> None:
        growing = self._growing_of(digest).pop(digest, None)
        if growing is not None:
            growing.close()

    def _complete(self, growing: GrowingFile, digest: Digest) -> None:
        path = self._partial / digest
        try:
            found = growing.finish()
        finally:
            self._close(digest)
        if found != digest:
            path.unlink()
            raise CorruptBlobError(f"blob {digest[:12]}: what arrived has digest {found[:12]}")
        self._publish(path, digest)

    def _keep(self, path: Path, file: BinaryIO, digest: Digest) -> None:
        """Make a finished file the blob: durable first, visible second, and its name durable third."""
        file.flush()
        os.fsync(file.fileno())
        # What has come of it piece by piece goes: not while another piece is being added, which may be the last.
        with self._extending[int(digest[0], 16)]:
            try:
                self._publish(path, digest)
            finally:
                self._close(digest)

    def _publish(self, path: Path, digest: Digest) -> None:
        """Give a durable file the blob's name, and make that durable too."""
        whole = self._path(digest)
        whole.parent.mkdir(parents=True, exist_ok=True)
        path.replace(whole)
        (self._partial / digest).unlink(missing_ok=True)
        for folder in (whole.parent, whole.parent.parent, self._folder):
            sync_folder(folder)


def _changed(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
