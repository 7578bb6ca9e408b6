"""Which process owns what it makes outside of itself: each has a folder (its home) and the home's lock.

Knows folders and locks. Must not know what is made, nor engines. A lock is freed by the kernel however its process ends, so a home whose
lock is there and free is a dead owner's. What an owner makes elsewhere it writes down in its home first, so that whoever sweeps knows
where to look.
"""

from __future__ import annotations

import atexit
import fcntl
import itertools
import os
import re
import secrets
import stat
import tempfile
import threading
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from claynet.envs.removal import remove_path

_LOCK = "lock"
_ELSEWHERE = "elsewhere"
"""What the owner makes outside of the home, and where: one place a line."""
_ID = re.compile(r"[0-9a-f]{16}")
_BASE = re.compile(r"claynet-(0|[1-9][0-9]{0,9})")
_one = threading.Lock()
_mine: list[Owner] = []


class ForeignFolderError(OSError):
    """The folder of this user's owners is not this user's alone; the text says so, and the way out."""


class Owner:
    """This process as an owner: an id, and a folder of short path whose lock it holds."""

    def __init__(self, base: Path | None = None) -> None:
        """Make the folder and take its lock. Raises OSError."""
        self.id = secrets.token_hex(8)
        self._numbers = itertools.count(1)
        self._noting = threading.Lock()
        self._noted: set[str] = set()
        self._at_release: list[Callable[[], None]] = []
        self._is_kept = False
        folder = _made(base or base_folder())
        self.home = folder / self.id
        # locked first and named then: a sweep never sees a folder of that name whose lock is not held
        unnamed = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
        self._handle = os.open(unnamed / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        unnamed.rename(self.home)

    def number(self) -> int:
        """Return a number that nothing else of this owner has."""
        return next(self._numbers)

    def note(self, what: str, place: str) -> bool:
        """Write down what is about to be made where, before it is: an `Outside`'s name, and a line by which it finds the place again.

        Tells whether that is news. Raises OSError.
        """
        line = f"{what} {place}\n"
        with self._noting:
            if line in self._noted:
                return False
            with (self.home / _ELSEWHERE).open("a", encoding="utf-8") as file:
                file.write(line)
            self._noted.add(line)
            return True

    @contextmanager
    def folder(self, prefix: str) -> Iterator[Path]:
        """Make a folder that ends with the block, or with the next sweep when this process is killed in it. Raises OSError."""
        path = Path(tempfile.mkdtemp(prefix=prefix, dir=self.home))
        try:
            yield path
        finally:
            remove_path(path)

    def at_release(self, action: Callable[[], None]) -> None:
        """Have something done when the process ends and has left nothing."""
        self._at_release.append(action)

    def keep(self) -> None:
        """Something made elsewhere could not be removed: the home stays at the end, for the next sweep to go by."""
        self._is_kept = True

    def release(self) -> None:
        """Let go. What is still in the folder (of services that could not be removed) stays for the next sweep."""
        with suppress(FileNotFoundError):  # somebody emptied the folder for temporary files
            if not self._is_kept and all(path.name in (_LOCK, _ELSEWHERE) for path in self.home.iterdir()):
                for action in self._at_release:
                    action()
                remove_path(self.home)
        os.close(self._handle)


class Outside(Protocol):
    """What a kind of environment makes outside of this process and its home, such as containers."""

    @property
    def name(self) -> str:
        """One word, under which its places are noted."""

    def left(self) -> int:
        """Count what this process made there and is still there."""

    def homes(self, seconds: float) -> Iterable[Path]:
        """Return the homes that things there are labelled with, of dead and of living owners; none when that takes longer."""

    def clean(self, home: Path, places: Iterable[str], seconds: float) -> bool:
        """Remove what a dead owner made in places that it noted. False: not all of it could be removed now.

        Finding out what there is may take `seconds` for each place.
        """


def base_folder() -> Path:
    """Return where owners' folders of this user are."""
    return Path(tempfile.gettempdir()) / f"claynet-{os.geteuid()}"


def _made(folder: Path) -> Path:
    """Make the folder of this user's owners, unless it is there. Raises ForeignFolderError for one that others could change, OSError."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)
    if not _is_of(folder.lstat(), (os.geteuid(),)):  # anybody may make it first where files for a while are
        raise ForeignFolderError(
            f"{folder.name}, in the folder for temporary files, is a link, somebody else's or open to others: "
            "remove it, or name another place for temporary files (TMPDIR)"
        )
    return folder


def this_process() -> Owner:
    """Return this process's owner, made on first use and released at exit. Raises OSError."""
    with _one:
        if not _mine:
            _mine.append(Owner())
            atexit.register(_mine[0].release)
        return _mine[0]


def if_any() -> Owner | None:
    """Return this process's owner if it was ever needed."""
    return _mine[0] if _mine else None


def homes() -> list[Path]:
    """Return the homes of this user's owners, dead and alive."""
    with suppress(OSError):
        return sorted(path for path in base_folder().iterdir() if not path.name.startswith("."))
    return []


def sweep(outsides: Iterable[Outside], seconds: float) -> int:
    """Remove everything that dead owners left, homes last; return how many owners that were.

    A home stays while something of its owner's could not be removed: without it nobody would know whose that is.
    """
    by_name = {outside.name: outside for outside in outsides}
    swept = 0
    for home in dict.fromkeys([*homes(), *(home for outside in by_name.values() for home in outside.homes(seconds))]):
        if not is_home(home):
            continue
        with taken(home) as ours:
            if ours and _clean(home, by_name, seconds):
                remove_path(home)
                swept += 1
    return swept


def is_home(path: Path) -> bool:
    """Tell whether a folder is what owners make, where they make it, and theirs: labels may be a stranger's word."""
    base = _BASE.fullmatch(path.parent.name)
    if base is None or not _ID.fullmatch(path.name) or not path.is_absolute() or ".." in path.parts:
        return False
    users = (int(base[1]), os.geteuid())
    try:
        folders = [os.lstat(path.parent), os.lstat(path)]
        lock = os.lstat(path / _LOCK)
    except (OSError, ValueError):  # a ValueError: characters that no name can have
        return False
    return all(_is_of(found, users) for found in folders) and stat.S_ISREG(lock.st_mode) and lock.st_uid in users


def _is_of(found: os.stat_result, users: Container[int]) -> bool:
    """Tell whether this is a folder, no link, of one of these users alone."""
    return stat.S_ISDIR(found.st_mode) and found.st_uid in users and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _clean(home: Path, by_name: Mapping[str, Outside], seconds: float) -> bool:
    """Remove what a dead owner made elsewhere; False when that is not all, or nobody here knows how."""
    places = noted(home)
    cleaned = True
    for name in places:
        outside = by_name.get(name)
        cleaned = outside is not None and outside.clean(home, places[name], seconds) and cleaned
    return cleaned


def noted(home: Path) -> dict[str, list[str]]:
    """Return the places that an owner wrote down, by the names under which it did."""
    found: dict[str, list[str]] = {}
    with suppress(OSError, ValueError):  # a ValueError: it is no text, so nobody here wrote it
        for line in (home / _ELSEWHERE).read_text(encoding="utf-8").splitlines():
            name, _, place = line.partition(" ")
            found.setdefault(name, []).append(place)
    return found


@contextmanager
def taken(home: Path) -> Iterator[bool]:
    """Hold the lock of a dead owner while it is swept; False when it lives or nothing is known of it."""
    try:
        handle = os.open(home / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        yield False
    else:
        yield True
    finally:
        os.close(handle)


@contextmanager
def alone(what: str, waiting: Callable[[], None]) -> Iterator[None]:
    """Do something as the only process of this user that does it; `waiting` is told now and then while another does. Raises OSError."""
    folder = _made(base_folder())
    handle = os.open(folder / f".{what}", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        pause = threading.Event()
        for nth in itertools.count():
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if nth % _LOOKS == 0:
                    waiting()
                pause.wait(_LOOK)
        yield
    finally:
        os.close(handle)


_LOOK = 0.2
"""Seconds between looks at a lock that another process holds."""
_LOOKS = 50
"""Looks between two words about it."""
