"""A service's socket, held by a handle: where an app may write, its name may mean another socket at any moment.

Knows the kernel's way to a file by its handle. Must not know services or what is spoken on sockets.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from claynet.taskapi.listening import socket_target


class HeldSocket:
    """One socket, the same as long as this is open, whatever becomes of its name."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @property
    def target(self) -> str:
        """The address for a client of this process."""
        return socket_target(f"/proc/self/fd/{self._handle}")

    def close(self) -> None:
        """Let go of it, once no client uses it; closing again does no harm."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


def hold(path: Path) -> HeldSocket | None:
    """Take hold of the socket at a path; None while there is none, or something else: a link to one is none."""
    try:
        handle = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    if stat.S_ISSOCK(os.fstat(handle).st_mode):
        return HeldSocket(handle)
    os.close(handle)
    return None
