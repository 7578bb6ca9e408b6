"""Removing what a stranger made: however deep it is nested, and whatever it forbids its owner.

Knows files and folders by handles. Must not know whose they are. No link is followed and nothing outside of the tree is touched, whatever
somebody changes in it meanwhile. Folders far down are moved up to the top first: so neither the depth of a tree nor the length of its
paths matters, and two handles are enough.
"""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_ALL = 0o700
"""What an owner needs of a folder to empty it."""


def _never() -> bool:
    return False


def remove(parent: int, name: str, given_up: Callable[[], bool] = _never) -> bool:
    """Remove a file, link or folder of an open folder; False when it was given up before all was gone.

    Raises FileNotFoundError when there is none, OSError when something cannot be removed; everything else is gone then.
    """
    if _is_unlinked(parent, name):
        return True
    with _opened(parent, name) as top:
        if not _Emptying(top, given_up).run():
            return False
    os.rmdir(name, dir_fd=parent)
    return True


def remove_path(path: Path) -> bool:
    """Remove a file, link or folder; tell whether it is gone. Nothing is raised for what cannot be removed."""
    try:
        parent = os.open(path.parent, _FOLDER)
    except OSError:
        return not os.path.lexists(path)
    try:
        remove(parent, path.name)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    finally:
        os.close(parent)
    return True


class _Emptying:
    """Empties one open folder."""

    def __init__(self, top: int, given_up: Callable[[], bool]) -> None:
        self._top = top
        self._given_up = given_up
        self._mark = f".{secrets.token_hex(8)}-"  # nobody can have made what is named so
        self._numbers = itertools.count()
        self._steps = 0

    def run(self) -> bool:
        """Do it; False when it was given up. Raises OSError once nothing more can be removed."""
        while True:
            before, problem = self._steps, None
            with os.scandir(self._top) as entries:
                found = False
                for entry in entries:
                    found = True
                    if self._given_up():
                        return False
                    try:
                        self._take(entry.name)
                    except FileNotFoundError:  # somebody else was faster
                        self._steps += 1
                    except OSError as error:
                        problem = error
            if not found:
                return True
            if problem is not None and self._steps == before:
                raise problem

    def _take(self, name: str) -> None:
        """Remove an entry of the top; the folders below it become others of the top."""
        if not _is_unlinked(self._top, name):
            with _opened(self._top, name) as folder, os.scandir(folder) as entries:
                for entry in entries:
                    if self._given_up():
                        return
                    with suppress(OSError):  # the folder is not empty then, and that is told
                        self._lift(folder, entry.name)
            os.rmdir(name, dir_fd=self._top)
        self._steps += 1

    def _lift(self, folder: int, name: str) -> None:
        if not _is_unlinked(folder, name):
            above = f"{self._mark}{next(self._numbers)}"
            try:
                os.rename(name, above, src_dir_fd=folder, dst_dir_fd=self._top)
            except PermissionError:  # a folder that moves must be writable itself
                with _opened(folder, name):
                    os.rename(name, above, src_dir_fd=folder, dst_dir_fd=self._top)
        self._steps += 1


def _is_unlinked(parent: int, name: str) -> bool:
    """Remove what is no folder."""
    try:
        os.unlink(name, dir_fd=parent)
    except IsADirectoryError:
        return False
    return True


@contextmanager
def _opened(parent: int, name: str) -> Iterator[int]:
    """Open a folder and make it one that can be read and emptied, if it is ours. Raises OSError."""
    try:
        handle = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    except PermissionError:
        handle = _opened_by_force(parent, name)
    try:
        found = os.fstat(handle)
        if found.st_mode & _ALL != _ALL and found.st_uid == os.geteuid():
            os.fchmod(handle, _ALL)
        yield handle
    finally:
        os.close(handle)


def _opened_by_force(parent: int, name: str) -> int:
    """Open a folder that forbids it to its owner, who may change that. Raises OSError."""
    seen = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        place = Path(f"/proc/self/fd/{seen}")  # by name it might be another one by now
        place.chmod(_ALL)
        return os.open(place, _FOLDER)
    finally:
        os.close(seen)
