"""Whose containers are whose: everything made is labelled with its owner and that owner's home, and each home says which engines were used.

Knows labels and engines. Must not know services. A sweep removes only what belongs to owners that are known to be dead: whose lock is
there and free.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from claynet.envs import owner as owners
from claynet.envs.docker_engine import CONTAINER_GONE, ENGINE, REFUSED, Engine, EngineProblem, default_url, ignoring, socket_of
from claynet.envs.docker_look import Seen, look
from claynet.envs.docker_usage import remove_groups
from claynet.envs.owner import Owner

OWNER_LABEL = "claynet.owner"
RUN_LABEL = "claynet.run"
HOME_LABEL = "claynet.home"
"""The owner's folder, where its lock is."""
FOREIGN_FOLDER = "foreign_folder"
"""Reason code: where this process would keep what it makes, others could change it."""
_CONTAINERS = "containers"
"""Under this name homes say in which engines there are some."""
_GONE = frozenset({CONTAINER_GONE})
_UNDER_WAY = "already in progress"
"""So an engine says that somebody else, such as another sweep, is removing a container at this moment."""
_REMOVAL = 15.0
"""Seconds that removing one container may take: it is killed first, and the machine may be busy."""
_SWEEP = 2.0
"""Seconds for an engine to list containers when an environment is probed."""


def owner_of_containers(engine: Engine) -> Owner:
    """Return this process as the owner of what it is about to make in an engine. Raises EngineProblem, OSError."""
    try:
        owner = owners.this_process()
    except owners.ForeignFolderError as error:
        raise EngineProblem(FOREIGN_FOLDER, str(error)) from error
    if owner.note(_CONTAINERS, engine.url):
        owner.at_release(lambda: remove_groups(owner.id))
    return owner


def labels(owner: Owner, run: str = "") -> dict[str, str]:
    """Return what everything that an owner makes is labelled with."""
    return {OWNER_LABEL: owner.id, HOME_LABEL: str(owner.home), RUN_LABEL: run or owner.id}


def containers_of(engine: Engine, owner: str | None = None) -> list[Mapping[str, Any]]:
    """List containers that claynet made, running or not; of one owner, or of all. Raises EngineProblem."""
    label = OWNER_LABEL if owner is None else f"{OWNER_LABEL}={owner}"
    with engine.api() as api:
        return list(api.containers(all=True, filters={"label": [label]}))


def remove(engine: Engine, container: str, patience: float = _REMOVAL) -> None:
    """Remove a container, running or not, and return when it is gone; one that is gone already is as good.

    Somebody else's removal of it may take so many seconds of `patience`.

    Raises EngineProblem; with code `engine_refused` when the engine cannot remove this one, which says nothing of others.
    """
    try:
        with engine.api() as api:
            api.remove_container(container, v=True, force=True)
    except EngineProblem as problem:
        if problem.code in _GONE:
            return
        if problem.code != REFUSED or _UNDER_WAY not in problem.detail:
            raise
        try:
            ignoring(_GONE, lambda: _await_removal(engine, container, patience))
        except EngineProblem as waiting:
            raise problem from waiting  # it answered: that it does not end the removal is no silence


def _await_removal(engine: Engine, container: str, seconds: float) -> None:
    with engine.api() as api:
        api.wait(container, timeout=seconds, condition="removed")


class Containers:
    """An `Outside`: the containers that owners made, in the engine of today and in those that dead owners used."""

    def __init__(self, url: str | None = None) -> None:
        """`url` is the engine of today; DOCKER_HOST or the customary socket by default."""
        self._url = url
        self.removed = 0
        """How many containers of dead owners this one removed."""

    @property
    def name(self) -> str:
        """`containers`."""
        return _CONTAINERS

    def left(self) -> int:
        """Count this process's containers in all engines that it used."""
        mine = owners.if_any()
        used = owners.noted(mine.home).get(_CONTAINERS, ()) if mine else ()
        return sum(len(_listed(url, mine.id, _SWEEP) or ()) for url in used) if mine else 0

    def homes(self, seconds: float) -> list[Path]:
        """Return the homes that containers of today's engine are labelled with; only an engine on this machine is asked."""
        path = socket_of(self._url or default_url())
        seen = (look(path, OWNER_LABEL, seconds) if path else None) or []
        found = {Path(each.labels[HOME_LABEL]) for each in seen if each.labels.get(HOME_LABEL)}
        return sorted(home for home in found if any(_is_of(each, home) for each in seen))

    def clean(self, home: Path, places: Iterable[str], seconds: float) -> bool:
        """Remove a dead owner's containers from every engine that it used, and its control groups."""
        cleaned = True
        for url in places:
            cleaned = self._clean(url, home, seconds) and cleaned
        if cleaned:
            remove_groups(home.name)
        return cleaned

    def _clean(self, url: str, home: Path, seconds: float) -> bool:
        found = _listed(url, home.name, seconds)
        if found is None:
            return _is_gone_for_good(url)
        cleaned = True
        with closing(_engine(url, _REMOVAL)) as engine:
            for each in found:
                if _is_of(each, home):
                    try:
                        remove(engine, each.id)
                        self.removed += 1
                    except EngineProblem as problem:
                        cleaned = False
                        if problem.code == ENGINE:
                            break
        return cleaned


def sweep(engine: Engine) -> int:
    """Remove everything of dead owners, from this engine and those that they used; return how many containers that were."""
    containers = Containers(engine.url)
    owners.sweep((containers,), _SWEEP)
    return containers.removed


def _engine(url: str, seconds: float) -> Engine:
    """Return a client; of today's engine with all that the environment's variables say of it."""
    return Engine(None if url == default_url() else url, timeout=seconds)


def _listed(url: str, owner: str, seconds: float) -> list[Seen] | None:
    """List an owner's containers in an engine; None when that does not answer in time."""
    path = socket_of(url)
    if path:
        return look(path, f"{OWNER_LABEL}={owner}", seconds)
    try:
        with closing(_engine(url, seconds)) as engine:
            return [Seen(str(found["Id"]), dict(found.get("Labels") or {})) for found in containers_of(engine, owner)]
    except EngineProblem:
        return None


def _is_of(seen: Seen, home: Path) -> bool:
    return seen.labels.get(OWNER_LABEL) == home.name and seen.labels.get(HOME_LABEL) == str(home)


def _is_gone_for_good(url: str) -> bool:
    """An engine that is only stopped has still the folder of its socket; without that, it was somebody's private one and was removed."""
    path = socket_of(url)
    return bool(path) and not Path(path).parent.exists()
