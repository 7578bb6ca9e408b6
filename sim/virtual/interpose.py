"""Puts a guard between one thread's code and the doors to the real world: time, chance, threads, sockets, files, processes.

While anybody guards, the functions of `TARGETS` are replaced by ones that ask the calling thread's guard; threads without one reach
the originals, and when the last guard goes everything is as it was. Knows which doors there are. Must not know what a guard
answers, nor why.
"""

from __future__ import annotations

import _thread
import builtins
import contextlib
import datetime  # noqa: ICN001 - the module itself is what is patched
import io
import os
import random
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, Protocol


class Door(NamedTuple):
    """One guarded function: where it lives, and what kind of door it is."""

    owner: Any
    attribute: str
    name: str
    kind: str
    """`clock`, `calendar` (real time only without an argument), `sleep`, `random`, `seed`, `bytes`, `id`, `thread`, `wait`, `socket`,
    `connect`, `open`, `os_open`, `file`, `process`."""


class Guard(Protocol):
    """Decides what a guarded call does."""

    def call(self, door: Door, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Answer the call, or raise at its site."""


def _doors(owner: Any, prefix: str, kind: str, *names: str) -> list[Door]:
    return [Door(owner, name, f"{prefix}{name}", kind) for name in names if hasattr(owner, name)]


_CLOCKS = ("time", "monotonic", "perf_counter", "process_time", "thread_time")
_DRAWS = (
    *("random", "randint", "randrange", "choice", "choices", "shuffle", "sample", "uniform", "triangular", "betavariate", "expovariate"),
    *("gammavariate", "gauss", "lognormvariate", "normalvariate", "vonmisesvariate", "paretovariate", "weibullvariate"),
    *("getrandbits", "randbytes", "binomialvariate", "getstate", "setstate", "seed"),
)
_CHANGES = (
    *("mkdir", "rename", "replace", "remove", "unlink", "rmdir", "symlink", "link", "truncate", "chmod", "chown", "utime", "mkfifo"),
    *("mknod", "setxattr"),
)

TARGETS: Final[tuple[Door, ...]] = (
    *_doors(time, "time.", "clock", *_CLOCKS, *(f"{name}_ns" for name in _CLOCKS), "clock_gettime", "clock_gettime_ns"),
    *_doors(time, "time.", "calendar", "localtime", "gmtime", "ctime", "strftime", "asctime"),
    *_doors(time, "time.", "sleep", "sleep"),
    *_doors(random, "random.", "random", *_DRAWS),
    Door(random.Random, "seed", "random.Random", "seed"),
    Door(random, "_urandom", "random.SystemRandom", "bytes"),
    *_doors(os, "os.", "bytes", "urandom", "getrandom"),
    *_doors(uuid, "uuid.", "id", "uuid1", "uuid4"),
    Door(threading.Thread, "start", "threading.Thread.start", "thread"),
    *_doors(_thread, "_thread.", "thread", "start_new_thread"),
    Door(threading.Condition, "wait", "a blocking wait (Condition, Event, Queue, Future)", "wait"),
    Door(socket.socket, "__init__", "socket.socket", "socket"),
    *_doors(socket.socket, "socket.socket.", "connect", "connect", "connect_ex", "bind"),
    *_doors(socket, "socket.", "connect", "create_connection", "create_server", "getaddrinfo"),
    Door(builtins, "open", "open", "open"),
    Door(io, "open", "open", "open"),
    *_doors(os, "os.", "os_open", "open"),
    *_doors(os, "os.", "file", *_CHANGES),
    *_doors(os, "os.", "process", "fork", "forkpty", "posix_spawn", "posix_spawnp", "system", "execv", "execve"),
    *_doors(subprocess, "subprocess.", "process", "_fork_exec"),
)

_RealDatetime = datetime.datetime
_RealDate = datetime.date
_UTC_NOW: Final = Door(datetime.datetime, "now", "datetime.now", "clock")
_local = threading.local()


def _guarded(door: Door, original: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        guard = getattr(_local, "guard", None)
        if guard is None:
            return original(*args, **kwargs)
        return guard.call(door, original, args, kwargs)

    call.__name__ = door.attribute
    return call


def _instant(timezone: datetime.tzinfo | None) -> datetime.datetime:
    """Read the calendar through the guard, which answers in nanoseconds since 1970."""
    guard = getattr(_local, "guard", None)
    if guard is None:
        return _RealDatetime.now(timezone)
    nanoseconds: int = guard.call(_UTC_NOW, time.time_ns, (), {})
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return _RealDatetime.fromtimestamp(seconds, timezone).replace(microsecond=rest // 1000)


class _LikeDatetime(type):
    """Makes instances of the real class instances of the stand-in."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _RealDatetime)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _RealDatetime)


class _GuardedDatetime(_RealDatetime, metaclass=_LikeDatetime):
    """Stands for datetime.datetime while anybody guards; makes real ones."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return _RealDatetime(*args, **kwargs)

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        return _instant(tz)

    @classmethod
    def utcnow(cls) -> Any:
        return _instant(datetime.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Any:
        return _instant(None)


class _LikeDate(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _RealDate)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _RealDate)


class _GuardedDate(_RealDate, metaclass=_LikeDate):
    """Stands for datetime.date while anybody guards; makes real ones."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return _RealDate(*args, **kwargs)

    @classmethod
    def today(cls) -> Any:
        return _instant(None).date()


# ---------------------------------------------------------------- putting in and taking out

_lock = threading.Lock()
_users = 0
_originals: list[tuple[Any, str, Any, bool]] = []


def _install() -> None:
    for door in TARGETS:
        original = getattr(door.owner, door.attribute)
        own = door.attribute in vars(door.owner)  # a method inherited from C is shadowed, then uncovered again
        _originals.append((door.owner, door.attribute, original, own))
        setattr(door.owner, door.attribute, _guarded(door, original))
    for name, stand_in in (("datetime", _GuardedDatetime), ("date", _GuardedDate)):
        _originals.append((datetime, name, getattr(datetime, name), True))
        setattr(datetime, name, stand_in)


def _restore() -> None:
    while _originals:
        owner, attribute, original, own = _originals.pop()
        if own:
            setattr(owner, attribute, original)
        else:
            delattr(owner, attribute)


@contextlib.contextmanager
def guarded(guard: Guard | None) -> Iterator[None]:
    """Guard the calling thread (None: lift its guard) until the block ends. Nests; other threads are unaffected."""
    global _users
    before = getattr(_local, "guard", None)
    if guard is None:
        _local.guard = None
        try:
            yield
        finally:
            _local.guard = before
        return
    with _lock:
        _users += 1
        if _users == 1:
            _install()
    _local.guard = guard
    try:
        yield
    finally:
        _local.guard = before
        with _lock:
            _users -= 1
            if _users == 0:
                _restore()
