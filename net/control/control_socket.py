"""Where a node's control socket is: a short path that only its user may reach, linked from the data dir.

Knows folders, modes and links. Must not know what is said on the socket. A socket's path may have 107 bytes, a data dir's more.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

LONGEST = 107
"""Bytes of a unix socket's path."""
NAME = "control.sock"


class ControlSocketError(Exception):
    """The socket cannot be made; the text names the path, the cause and the remedy."""


def make_place(node_id: str, variables: Mapping[str, str] | None = None) -> Path:
    """Make the folder for a node's socket and return the socket's path; nothing is left there. Raises ControlSocketError."""
    home = (os.environ if variables is None else variables).get("XDG_RUNTIME_DIR", "")
    base = Path(home) if home and _is_ours(Path(home)) else Path(f"/tmp/claynet-node-{os.getuid()}")
    folders = [base / "claynet", base / "claynet" / node_id[:16]] if home and base == Path(home) else [base, base / node_id[:16]]
    for folder in folders:
        _own(folder)
    place = folders[-1] / NAME
    if len(os.fsencode(place)) > LONGEST:
        raise ControlSocketError(f"the path {place} is too long for a socket; set XDG_RUNTIME_DIR to a shorter one")
    place.unlink(missing_ok=True)
    return place


def publish(place: Path, link: Path) -> None:
    """Let only this user speak on the socket, and let the data dir point to it. Raises ControlSocketError."""
    try:
        place.chmod(0o600)
        beside = link.with_name(f".{link.name}.{os.getpid()}")
        beside.unlink(missing_ok=True)
        beside.symlink_to(place)
        beside.replace(link)
    except OSError as error:
        raise ControlSocketError(f"{link} cannot be made ({error.strerror}); the data dir must be writable") from error


def withdraw(place: Path, link: Path) -> None:
    """Take socket and link away, unless the link leads elsewhere by now."""
    place.unlink(missing_ok=True)
    with suppress(OSError):
        place.parent.rmdir()
    with suppress(OSError):
        if link.readlink() == place:
            link.unlink()


def _own(folder: Path) -> None:
    with suppress(FileExistsError):
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            raise
        except OSError as error:
            raise ControlSocketError(f"{folder} cannot be made ({error.strerror}); set XDG_RUNTIME_DIR to a folder of yours") from error
    if not _is_ours(folder):
        raise ControlSocketError(f"{folder} is not a folder of this user; remove it, or set XDG_RUNTIME_DIR to a folder of yours")
    folder.chmod(0o700)


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
