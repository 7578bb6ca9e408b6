"""How much services fill of the disk: each has a limit, and the disk has a reserve that no service may touch.

Knows folders and how much they hold. Must not know services: it is told whom to tell. There are no quotas that every machine has, so this
looks, often and cheaply, and whoever is told ends what fills the disk. What may be in a folder is a stranger's: no link is followed.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from claynet.actors.ports import Outcome
from claynet.actors.units import format_size
from claynet.envs.paths import FileProblem

OUT_OF_DISK = "out_of_disk"
DISK = 10 * 1024**3
"""Bytes that one service may fill unless it is configured."""
RESERVE = 1024**3
"""Bytes of the disk that stay free unless it is configured."""
_TICK = 0.2
"""Seconds between two looks at what is free."""
_SPEED = 2 * 1024**3
"""Bytes a second that a service is taken to write at most: so long a folder that holds little need not be looked at again."""
_LONGEST = 5.0
"""Seconds between two looks at a folder, if looking takes no time ..."""
_SHARE = 20
"""... and so many times what the last look took, if it does: a folder of a million files takes a twentieth of a processor."""
_GRACE = 1.0
"""Seconds until what was told of a full disk must have made room; then the next is told."""
_BLOCK = 512
_DEEPEST = 100
_MOST_ENTRIES = 2_000_000
"""Files, links and folders in one folder: a million empty ones fill no disk, yet keep a processor busy with counting them."""
_FEWEST_INODES = 0.01
"""Share of the places for files that stay free, where the disk has a fixed number of them."""
_CLOSED = "the service closed a folder to its node, which cannot tell what it holds"
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Area:
    """A folder that a service may fill up to a limit in bytes."""

    path: Path
    limit: int


@dataclass(slots=True)
class _Watched:
    areas: Sequence[Area]
    tell: Callable[[Outcome], None]
    due: float
    held: int = 0
    told: bool = False


class DiskWatch:
    """Watches folders on one disk, on a thread that is there while anything is watched."""

    def __init__(self, root: Path, reserve: int = RESERVE) -> None:
        """`root` is on the disk whose `reserve` in bytes is to stay free; it need not be there yet."""
        self._root = root
        self._reserve = reserve
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._watched: dict[Hashable, _Watched] = {}
        self._thread: threading.Thread | None = None
        self._next_full = 0.0

    def watch(self, key: Hashable, areas: Sequence[Area], tell: Callable[[Outcome], None]) -> None:
        """Watch a service's folders until it is forgotten; `tell` is called at most once, from another thread, with why it must end."""
        first = time.monotonic() + min(_time_until(area.limit, 0) for area in areas)
        with self._lock:
            self._watched[key] = _Watched(areas, tell, first)
            if self._thread is None:
                self._wake.clear()
                self._thread = threading.Thread(target=self._run, name="disk-watch", daemon=True)
                self._thread.start()

    def forget(self, key: Hashable) -> None:
        """Watch it no more; nothing when it was not watched."""
        with self._lock:
            self._watched.pop(key, None)
            if not self._watched:
                self._wake.set()

    def demand_room(self, size: int = 0) -> None:
        """Raise FileProblem when less than the reserve would be free after so many bytes: what writes them should not start now."""
        why = self._full(size)
        if why:
            raise FileProblem(OUT_OF_DISK, why)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._watched:
                    self._thread = None
                    return
                watched = [one for one in self._watched.values() if not one.told]
            self._look(watched)
            self._wake.wait(_TICK)

    def _look(self, watched: Sequence[_Watched]) -> None:
        full = self._full() if time.monotonic() >= self._next_full else ""
        for one in watched:
            if full or time.monotonic() >= one.due:
                _tell(one, _measure(one))
        left = [one for one in watched if not one.told]
        if full and left and len(left) == len(watched):
            # Who fills a disk may hide it (a file deleted while it is open), so in the end all are told: who holds most is first.
            _tell(max(left, key=lambda one: one.held), full)
        if full:
            self._next_full = time.monotonic() + _GRACE

    def _full(self, size: int = 0) -> str:
        """Return what is short on the disk, or would be after so many bytes more; nothing when there is room."""
        try:
            disk = os.statvfs(self._root)
        except OSError:  # not made yet, or gone
            return ""
        free = disk.f_bavail * disk.f_frsize
        if free < self._reserve:
            return f"the node's disk is full: {format_size(self._reserve)} of it must stay free"
        if free - size < self._reserve:
            return f"the node's disk has no room for so large a file: {format_size(self._reserve)} of it must stay free"
        if disk.f_files > 0 and disk.f_favail < disk.f_files * _FEWEST_INODES:
            return "the node's disk is full: it has hardly a place for one more file"
        return ""


def _tell(one: _Watched, why: str) -> None:
    if why:
        one.told = True
        one.tell(Outcome("error", code=OUT_OF_DISK, detail=why))


def _time_until(limit: int, held: int) -> float:
    """Return how many seconds it takes at least to fill up a folder."""
    return min(_LONGEST, max(_TICK, (limit - held) / _SPEED))


def _measure(one: _Watched) -> str:
    """Measure a service's folders and say when it is due again; return why it must end, if it must."""
    begun = time.monotonic()
    one.held = 0
    next_look = _LONGEST
    for area in one.areas:
        try:
            held = held_by(area.path, area.limit + 1)
        except TooOddError as error:
            return str(error)
        if held > area.limit:
            return f"the service filled more than its {format_size(area.limit)} of disk"
        one.held += held
        next_look = min(next_look, _time_until(area.limit, held))
    now = time.monotonic()
    one.due = now + max(next_look, _SHARE * (now - begun))
    return ""


class TooOddError(Exception):
    """A folder cannot be measured because somebody saw to it; the text says how."""


def held_by(path: Path, enough: int) -> int:
    """Return the bytes that a folder fills on its disk: allocated ones, hard links once; 0 when it is not there.

    Counting ends at `enough`. What vanishes meanwhile is not counted. Raises TooOddError for what no count comes to an end of.
    """
    total = entries = 0
    linked: set[int] = set()
    folders: list[_Folder] = []
    try:
        folders.append(_Folder(str(path), None))
        while folders:
            entry = _next(folders[-1])
            if entry is None:
                folders.pop().close()
                continue
            entries += 1
            if entries > _MOST_ENTRIES:
                raise TooOddError(f"the service made more than {_MOST_ENTRIES} files")
            try:
                found = os.stat(entry.name, dir_fd=folders[-1].handle, follow_symlinks=False)
            except PermissionError:  # a folder whose names may be read, and nothing that they name
                raise TooOddError(_CLOSED) from None
            except OSError:
                continue
            is_folder = stat.S_ISDIR(found.st_mode)
            if found.st_nlink > 1 and not is_folder:
                if found.st_ino in linked:
                    continue
                linked.add(found.st_ino)
            total += found.st_blocks * _BLOCK
            if total >= enough:
                break
            if is_folder:
                if len(folders) >= _DEEPEST:
                    raise TooOddError(f"the service nested more than {_DEEPEST} folders")
                folders.append(_Folder(entry.name, folders[-1].handle))
    finally:
        for folder in folders:
            folder.close()
    return total


class _Entries(Protocol):
    """What `os.scandir` gives."""

    def __next__(self) -> os.DirEntry[str]: ...
    def close(self) -> None: ...


class _Folder:
    """A folder that is being read; a thing that is no folder any more has no entries."""

    def __init__(self, name: str, above: int | None) -> None:
        self.handle = -1
        self.entries: _Entries | None = None
        try:
            self.handle = os.open(name, _OPEN, dir_fd=above)
            self.entries = os.scandir(self.handle)  # not a list: there may be millions
        except PermissionError:
            raise TooOddError(_CLOSED) from None
        except OSError:
            self.close()

    def close(self) -> None:
        """Let go of it."""
        if self.entries is not None:
            self.entries.close()
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1


def _next(folder: _Folder) -> os.DirEntry[str] | None:
    try:
        return next(folder.entries) if folder.entries is not None else None
    except (OSError, StopIteration):
        return None
