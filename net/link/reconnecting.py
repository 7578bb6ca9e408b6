"""Links that a node keeps: to the peers of its settings, and to some of the nodes that it has met or heard of.

Knows who is linked, who rests after calls in vain, and how many calls are under way. Must not know how a link is made. No look waits for
a call: what became of it is heard later, from another thread.
"""

from __future__ import annotations

import functools
import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from claynet.actors.ports import SECOND, NodeId
from claynet.net.link.backoff import Backoff
from claynet.net.link.places import Place, where_is

logger = logging.getLogger(__name__)

_FIRST = 1 * SECOND
_MOST = 60 * SECOND
_WANTED = 8
"""Links that a node looks for; more come by calls from others."""
_CALLS = 4
"""Calls to nodes that it looks for, under way at once: each may take as long as a dead address does."""


class Phone(Protocol):
    """Makes links."""

    def linked(self) -> Collection[NodeId]:
        """Return the nodes that a link stands to."""

    def call(self, whom: Place | NodeId, linked: Callable[[NodeId], None], failed: Callable[[str], None]) -> None:
        """Make a link; returns at once, and one of the two hears."""


class Book(Protocol):
    """Knows nodes."""

    def to_call(self, linked: Collection[str], count: int) -> Sequence[NodeId]:
        """Return some to call that are not linked and do not rest."""

    def reached(self, node: NodeId) -> None:
        """A link to it stands."""

    def failed(self, node: NodeId) -> None:
        """It was called in vain."""


@dataclass(slots=True)
class _Kept:
    """A peer of the settings."""

    place: Place
    rest: Backoff = field(default_factory=lambda: Backoff(_FIRST, _MOST))
    peer: NodeId | None = None
    """Who answered there."""
    is_called: bool = False


class Reconnecting:
    """The calls of one node. `look` again and again."""

    def __init__(
        self,
        phone: Phone,
        book: Book | None,
        places: Collection[Place],
        now: Callable[[], int] = time.monotonic_ns,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`places` are kept; of `book` nodes are looked for, None: of none."""
        self._phone = phone
        self._book = book
        self._now = now
        self._chance = chance
        self._lock = threading.Lock()
        self._kept = [_Kept(place) for place in places]
        self._looked_for: set[NodeId] = set()

    def look(self) -> None:
        """Begin the calls that are due."""
        linked = self._phone.linked()
        for kept in self._kept:
            with self._lock:
                is_due = not kept.is_called and (kept.peer is None or kept.peer not in linked) and kept.rest.is_due(self._now())
                kept.is_called |= is_due
            if is_due:
                self._phone.call(kept.place, functools.partial(self._is_kept, kept), functools.partial(self._is_not_kept, kept))
        if self._book is not None:
            with self._lock:
                count = min(_WANTED - len(linked) - len(self._looked_for), _CALLS - len(self._looked_for))
                chosen = self._book.to_call({*linked, *self._looked_for}, count) if count > 0 else ()
                self._looked_for.update(chosen)
            for node in chosen:
                found, lost = functools.partial(self._is_found, node), functools.partial(self._is_not_found, node)
                self._phone.call(node, found, lost)

    def _is_kept(self, kept: _Kept, peer: NodeId) -> None:
        with self._lock:
            kept.peer, kept.is_called = peer, False
            kept.rest.succeeded()

    def _is_not_kept(self, kept: _Kept, reason: str) -> None:
        logger.info("peer %s is not reached: %s", where_is(kept.place), reason)
        with self._lock:
            kept.is_called = False
            kept.rest.failed(self._now(), self._chance())

    def _is_found(self, node: NodeId, _peer: NodeId) -> None:
        assert self._book is not None
        self._book.reached(node)
        with self._lock:
            self._looked_for.discard(node)

    def _is_not_found(self, node: NodeId, reason: str) -> None:
        assert self._book is not None
        logger.debug("node %s is not reached: %s", node[:12], reason)
        self._book.failed(node)
        with self._lock:
            self._looked_for.discard(node)
