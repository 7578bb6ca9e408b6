"""A node's store and network, watched from outside; the store may lose its power."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from claynet.actors.core.frames import FrameReader, open_body
from claynet.actors.ports import (
    LinkId,
    NodeId,
)
from claynet.sim.wire.memory import MemoryStore
from claynet.sim.wire.network_handle import SimHandle


class PowerCut(BaseException):
    """Raised out of a store in the middle of a handler: what was committed stays, nothing else happens any more."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class WatchedStore:
    """A MemoryStore that remembers every body ever committed, and can cut the power right after (or before) a commit."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.inner = MemoryStore()
        self.bodies: set[bytes] = set()
        self.cut_in: int | None = None
        self.cut_before = False
        self.appends = 0

    def append(self, key: str, state: Any | None, effects: Sequence[tuple[str, Any]] = (), done: Iterable[str] = ()) -> None:
        cut = False
        self.appends += 1
        msgspec.msgpack.encode((state, effects))  # as a real store does: what cannot be written is an error
        if self.cut_in is not None:
            self.cut_in -= 1
            if self.cut_in <= 0:
                self.cut_in, cut = None, True
        if cut and self.cut_before:
            self.torn(key, state, effects, done)
        else:
            self.inner.append(key, state, effects, done)
            for one in ("assignment", "report", "note"):
                self.bodies.add(getattr(state, one, b"") or b"")
            for _, effect in effects:
                self.bodies.add(getattr(effect, "body", b""))
        if cut:
            raise PowerCut(self.name)

    def torn(self, key: str, state: Any | None, effects: Sequence[tuple[str, Any]], done: Iterable[str]) -> None:
        """The power goes before this is committed: nothing of it may be found again."""

    def load(self) -> list[tuple[str, Any, tuple[tuple[str, Any], ...]]]:
        return self.inner.load()

    def close(self) -> None:
        self.inner.close()

    def reopen(self) -> None:
        self.inner = self.inner.reopen()
        self.cut_in = None

    def states(self, kind: str) -> dict[str, Any]:
        return {key.partition("/")[2]: state for key, state, _ in self.load() if key.startswith(f"{kind}/")}

    def state(self, kind: str, name: str) -> Any:
        return self.states(kind).get(name)

    def undone(self) -> list[tuple[str, str]]:
        return [(key, slot) for key, _, outbox in self.load() for slot, _ in outbox]


class WatchedNetwork:
    """Hands everything on; shows each frame to `saw(name, tag, record, body)` at the moment it leaves the node."""

    def __init__(self, inner: SimHandle, saw: Callable[[str, Any], None]) -> None:
        self._inner = inner
        self._saw = saw
        self._readers: dict[LinkId, FrameReader] = {}
        for name in ("listen", "connect", "attach", "waiting", "close", "shutdown"):
            setattr(self, name, getattr(inner, name))

    def send(self, link: LinkId, data: bytes) -> None:
        for body in self._readers.setdefault(link, FrameReader()).feed(data):
            self._saw(self._inner.name, open_body(body))
        self._inner.send(link, data)

    def announce(self, data: bytes, to: NodeId | None = None) -> None:
        self._saw(self._inner.name, open_body(data[4:]))
        self._inner.announce(data, to)
