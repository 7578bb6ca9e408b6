"""Whose containers are whose: each process that makes some owns a folder and its lock, and labels everything with them.

Knows labels, locks and folders. Must not know services. A sweep removes only what belongs to owners that are known to be dead: whose lock
is there and free. A lock is freed by the kernel however its process ends.
"""

from __future__ import annotations

import atexit
import fcntl
import itertools
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from claynet.envs.docker_engine import CONTAINER_GONE, REFUSED, Engine, EngineProblem, ignoring
from claynet.envs.docker_usage import remove_groups

OWNER_LABEL = "claynet.owner"
RUN_LABEL = "claynet.run"
HOME_LABEL = "claynet.home"
"""The owner's folder, where its lock is."""
_LOCK = "lock"
_GONE_ALREADY = frozenset({CONTAINER_GONE, REFUSED})
"""Removing what another sweep is removing at this moment is refused: as good as done."""
_one = threading.Lock()
_mine: list[Owner] = []


class Owner:
    """This process as an owner of containers: an id, and a folder of short path whose lock it holds."""

    def __init__(self, base: Path | None = None) -> None:
        """Make the folder and take its lock. Raises OSError."""
        self.id = secrets.token_hex(8)
        self._numbers = itertools.count(1)
        folder = base or base_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.home = folder / self.id
        # locked first and named then: a sweep never sees a folder of that name whose lock is not held
        unnamed = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
        self._handle = os.open(unnamed / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        unnamed.rename(self.home)

    def labels(self, run: str = "") -> dict[str, str]:
        """Return what everything that this process makes is labelled with."""
        return {OWNER_LABEL: self.id, HOME_LABEL: str(self.home), RUN_LABEL: run or self.id}

    def number(self) -> int:
        """Return a number that nothing else of this owner has."""
        return next(self._numbers)

    def release(self) -> None:
        """Let go. What is still in the folder (of services that could not be removed) stays for the next sweep."""
        if all(path.name == _LOCK for path in self.home.iterdir()):
            remove_groups(self.id)
            shutil.rmtree(self.home, ignore_errors=True)
        os.close(self._handle)


def base_folder() -> Path:
    """Return where owners' folders of this user are."""
    return Path(tempfile.gettempdir()) / f"claynet-{os.geteuid()}"


def this_process() -> Owner:
    """Return this process's owner, made on first use and released at exit. Raises OSError."""
    with _one:
        if not _mine:
            _mine.append(Owner())
            atexit.register(_mine[0].release)
        return _mine[0]


def containers_of(engine: Engine, owner: str | None = None) -> list[Mapping[str, Any]]:
    """List containers that claynet made, running or not; of one owner, or of all. Raises EngineProblem."""
    label = OWNER_LABEL if owner is None else f"{OWNER_LABEL}={owner}"
    with engine.api() as api:
        return list(api.containers(all=True, filters={"label": [label]}))


def sweep(engine: Engine) -> int:
    """Remove everything of owners that are dead; return how many containers that were. Raises EngineProblem."""
    removed = 0
    dead: dict[str, list[str]] = {}
    for found in containers_of(engine):
        labels = found.get("Labels") or {}
        home = labels.get(HOME_LABEL, "")
        if home and Path(home).name == labels.get(OWNER_LABEL):
            dead.setdefault(home, []).append(str(found["Id"]))
    for home in {*dead, *_homes()}:
        with _taken(Path(home)) as ours:
            if ours:
                for container in dead.get(home, ()):
                    remove(engine, container)
                    removed += 1
                remove_groups(Path(home).name)
                shutil.rmtree(home, ignore_errors=True)
    return removed


def remove(engine: Engine, container: str) -> None:
    """Remove a container, running or not; one that is gone already is as good. Raises EngineProblem."""

    def gone() -> None:
        with engine.api() as api:
            api.remove_container(container, v=True, force=True)

    ignoring(_GONE_ALREADY, gone)


def left_by_this_process() -> int:
    """Count this process's containers that are still there, as the engine tells it; none when it never made any."""
    if not _mine:
        return 0
    engine = Engine()
    try:
        return len(containers_of(engine, _mine[0].id))
    except EngineProblem:
        return 0
    finally:
        engine.close()


def _homes() -> list[str]:
    with suppress(OSError):
        return [str(path) for path in base_folder().iterdir() if not path.name.startswith(".")]
    return []


@contextmanager
def _taken(home: Path) -> Iterator[bool]:
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
