"""An unfinished blob on disk: a file that grows at its end; its digest, and its way to the disk, follow on threads of their own.

Knows one file. Must not know which blob it is, or whether the digest is the right one. The digest is made of what the file
says, never of what was meant to be written: a file that an earlier life left behind is read from its beginning. One caller at a time.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

from claynet.actors.blob_names import Namer
from claynet.actors.ports import Digest

_PIECE = 8 << 20
"""Bytes hashed at once: between two pieces the thread needs the interpreter, and may wait 5 ms for it while others are busy."""
_TO_HASH = 4 << 20
"""Bytes that are worth a thread; fewer are hashed by whoever wants the digest."""
_TO_SYNC = 32 << 20
"""The same of bytes that are not on the disk yet."""


class GrowingFile:
    """Made by the first piece; `close` it. No thread runs while there is little to do."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises OSError."""
        self._number = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._size = os.fstat(self._number).st_size
        self._namer = Namer()
        self._digest = _Follower(self._hash, _TO_HASH, f"digest-{path.name[:8]}")
        self._sync = _Follower(self._write_out, _TO_SYNC, f"sync-{path.name[:8]}")

    @property
    def size(self) -> int:
        """Bytes in it, by what was appended here."""
        return self._size

    def append(self, data: bytes | memoryview) -> None:
        """Write at the end. Raises OSError, and the file is then as it was."""
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._number, left) :]
        except OSError:
            os.ftruncate(self._number, self._size)  # half a piece would shift what comes next
            raise
        self._size += len(data)
        self._digest.grown(self._size)
        self._sync.grown(self._size)

    def finish(self) -> Digest:
        """Make what is in it durable; return its digest. Raises OSError."""
        self._sync.rest(self._size)
        self._digest.rest(self._size)
        return self._namer.name()

    def close(self) -> None:
        """Let go of the file, once."""
        self._digest.end()
        self._sync.end()
        os.close(self._number)

    def _hash(self, done: int, size: int) -> int:
        piece = memoryview(bytearray(min(_PIECE, size - done)))
        while done < size and not self._digest.ending:
            got = os.preadv(self._number, [piece[: size - done]], done)
            if not got:
                raise OSError(errno.EIO, "the file has become shorter")
            self._namer.update(piece[:got])
            done += got
        return done

    def _write_out(self, _done: int, size: int) -> int:
        os.fsync(self._number)
        return size


class _Follower:
    """Does something with each byte of a growing file; a thread lives only while much is left to do."""

    def __init__(self, work: Callable[[int, int], int], much: int, name: str) -> None:
        """`work(done, size)` takes the bytes from `done` on, returns up to where they are done, and may raise OSError."""
        self._work = work
        self._much = much
        self._name = name
        self._changed = threading.Condition()
        self._size = 0
        self._done = 0
        self._runs = False
        self._trouble: OSError | None = None
        self.ending = False
        """Nobody wants it any more."""

    def grown(self, size: int) -> None:
        """There is more."""
        with self._changed:
            self._size = size
            if self._runs or size - self._done < self._much or self._trouble is not None:
                return
            self._runs = True
        try:
            threading.Thread(target=self._run, name=self._name, daemon=True).start()
        except RuntimeError:  # no more threads: `rest` does it all
            self._runs = False

    def rest(self, size: int) -> None:
        """Return when all is done. Raises OSError, also for what failed on the thread."""
        with self._changed:
            self._changed.wait_for(lambda: not self._runs)
        if self._trouble is not None:
            raise self._trouble
        if self._done < size:
            self._done = self._work(self._done, size)

    def end(self) -> None:
        """Return when no thread runs and none will."""
        self.ending = True
        with self._changed:
            self._changed.wait_for(lambda: not self._runs)

    def _run(self) -> None:
        while self._has_much():
            try:
                self._done = self._work(self._done, self._size)
            except OSError as error:
                self._trouble = error

    def _has_much(self) -> bool:
        with self._changed:
            if self._size - self._done >= self._much and self._trouble is None and not self.ending:
                return True
            self._runs = False
            self._changed.notify_all()
            return False
