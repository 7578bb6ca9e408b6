"""The fence around app code that runs in this process: seeded chance, a clock that advances by the call's declared duration, files below
its own work dir only.

Knows the doors of `interpose.py`. Must not know apps or environments: they get it as a callable (`envs/guard.py`). What it cannot see is
what `fence.py` cannot see, and what C libraries write (SQLite).
"""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from claynet.actors.ports import SECOND, Entropy
from claynet.sim.virtual.fence import FenceError, is_harmless
from claynet.sim.virtual.interpose import Door, guarded

_REFUSED: Final = {
    "thread": "an app in this process starts no threads; run it in the environment `process`",
    "socket": "an app in this process has no network; run it in the environment `process`",
    "connect": "an app in this process has no network; run it in the environment `process`",
    "process": "an app in this process starts no processes; run it in the environment `process`",
}


class _AppGuard:
    """One call's guard. Each look at a clock is one declared duration later than the one before: two looks around some work
    measure it, and a loop that waits for a deadline ends.
    """

    def __init__(self, entropy: Entropy, work_dir: Path, start: int, duration: int) -> None:
        self._random = random.Random(int.from_bytes(entropy.nonce(16), "big"))
        self._work_dir = os.path.realpath(work_dir)
        self._start = start
        self._duration = max(duration, 1)
        self._passed = -self._duration

    def call(self, door: Door, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Answer a call of the app."""
        kind = door.kind
        if is_harmless(door, args, kwargs):
            return original(*args, **kwargs)
        if kind in _REFUSED:
            raise FenceError(f"{door.name}: {_REFUSED[kind]}")
        if kind == "clock":
            return self._clock(door)
        if kind == "calendar":
            return original(*args, self._now() / SECOND)
        if kind == "sleep":
            self._passed += int((args[0] if args else kwargs.get("seconds", 0)) * SECOND)
            return None
        if kind == "wait":
            return False  # as if the time-out had passed: nothing else runs meanwhile
        if kind in ("random", "seed", "bytes", "id"):
            return self._draw(door, original, args, kwargs)
        return self._file(door, original, args, kwargs)

    def _now(self) -> int:
        self._passed += self._duration
        return self._start + self._passed

    def _clock(self, door: Door) -> int | float:
        now = self._now() if door.attribute.startswith(("time", "clock_", "now")) else self._now() - self._start
        return now if door.attribute.endswith(("_ns", "now")) else now / SECOND  # datetime.now asks for ns too

    def _draw(self, door: Door, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if door.kind == "random":
            return getattr(self._random, door.attribute)(*args, **kwargs)
        if door.kind == "bytes":
            return self._random.randbytes(args[0])
        if door.kind == "id":
            return uuid.UUID(int=self._random.getrandbits(128), version=4)
        return original(args[0], self._random.getrandbits(64))  # random.Random() without a seed

    def _file(self, door: Door, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        relative = any(kwargs.get(name) is not None for name in ("dir_fd", "src_dir_fd", "dst_dir_fd"))
        names = args[:2] if door.attribute in ("rename", "replace", "symlink", "link") else args[:1]
        if not relative:
            for name in names:
                if isinstance(name, (str, bytes, os.PathLike)) and not self._is_own(os.fsdecode(name)):
                    raise FenceError(f"{door.name}: {os.fsdecode(name)} is not below the app's own work dir")
        return original(*args, **kwargs)

    def _is_own(self, name: str) -> bool:
        whole = os.path.realpath(name)
        return whole == os.devnull or whole == self._work_dir or whole.startswith(f"{self._work_dir}{os.sep}")


def app_fence(entropy: Entropy, work_dir: Path, start: int, duration: int) -> AbstractContextManager[None]:
    """Fence one call of an app, on the calling thread; `start` is its UTC and `duration` its declared duration, in ns."""
    return guarded(_AppGuard(entropy, work_dir, start, duration))
