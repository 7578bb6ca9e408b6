"""The fence of virtual time: while a handler runs, the real world raises at the call site, naming the port to use.

Knows which port stands for which door. Must not know actors or scenarios. What it cannot see: a function imported by name before the
fence stood (`from time import time`), and C extensions that go to the system themselves.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import Any, Final, Self

from claynet.sim.virtual.interpose import Door, guarded

_PORTS: Final = {
    "clock": "the Clock port (monotonic, utc)",
    "calendar": "the Clock port (utc)",
    "sleep": "the Clock port (call_at)",
    "random": "the Entropy port",
    "seed": "the Entropy port",
    "bytes": "the Entropy port (nonce)",
    "id": "the Entropy port (new_id)",
    "thread": "the Jobs port",
    "wait": "messages: nothing else runs while a handler waits",
    "socket": "the Network port",
    "connect": "the Network port",
    "open": "the Store or Blobs port",
    "os_open": "the Store or Blobs port",
    "file": "the Store or Blobs port",
    "process": "the Jobs port",
}

_WRITE_FLAGS: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_LOGGERS: Final = frozenset({"logging", "logging.handlers"})
"""Log records carry wall time; they never enter a trace, so the library may read the clock."""


class FenceError(RuntimeError):
    """Code under virtual time reached for the real world."""


def is_harmless(door: Door, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Tell whether a guarded call, by its arguments, touches nothing real: reading a file, converting a given time, seeding by a value."""
    if door.kind == "open":
        mode = kwargs.get("mode", args[1] if len(args) > 1 else "r")
        return isinstance(args[0] if args else None, int) or not set("wax+") & set(str(mode))
    if door.kind == "os_open":
        return not _WRITE_FLAGS & int(kwargs.get("flags", args[1] if len(args) > 1 else 0))
    if door.kind == "calendar":
        return len(args) > (1 if door.attribute == "strftime" else 0)
    if door.kind == "seed":
        return kwargs.get("a", args[1] if len(args) > 1 else None) is not None
    if door.kind == "socket":  # one given by its descriptor is no new socket: half of a pair, or accepted
        return kwargs.get("fileno", args[4] if len(args) > 4 else None) is not None
    return False


class _Refusal:
    """The guard that refuses."""

    def call(self, door: Door, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if is_harmless(door, args, kwargs):
            return original(*args, **kwargs)
        caller = sys._getframe(2).f_globals.get("__name__")
        if caller in _LOGGERS:
            return original(*args, **kwargs)
        raise FenceError(f"{door.name} is fenced off in virtual time; use {_PORTS[door.kind]}")


class Fence:
    """`with fence:` guards the calling thread; `with fence.lifted():` opens it for sinks and outside work. Both nest."""

    def __init__(self) -> None:
        self._guard = _Refusal()
        self._entered: list[contextlib.AbstractContextManager[None]] = []

    def __enter__(self) -> Self:
        entered = guarded(self._guard)
        entered.__enter__()
        self._entered.append(entered)
        return self

    def __exit__(self, *exc: object) -> None:
        self._entered.pop().__exit__(None, None, None)

    def lifted(self) -> contextlib.AbstractContextManager[None]:
        """Reach the real world for the length of a block, on the calling thread."""
        return guarded(None)


class NoFence(Fence):
    """A fence that is always open: for measuring."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass
