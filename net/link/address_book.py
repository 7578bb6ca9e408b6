"""Which nodes a node has heard of, and where each is: found again after a restart, and told to its peers.

Knows addresses, who told them and whether they were ever found to be true. Must not know connections: whoever calls asks, and says how it
went. A node's id is proven by whoever answers, so a false address costs one call; how many a peer may tell is bounded.
"""

from __future__ import annotations

import ipaddress
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from typing import Annotated

import msgspec

from claynet.actors.ports import SECOND, NodeId, Store
from claynet.net.storage.schema import StoreError

logger = logging.getLogger(__name__)

KEY = "book"
TOLD_AT_ONCE = 32
"""Addresses in one telling."""
_OF_ONE_TELLER = 64
_MOST = 512
_REMEMBERED = 128
_FAILURES = 5
"""Calls in vain after which an address is forgotten."""
_FRESH = 600 * SECOND
"""An address that was proven again is written down anew at most this often."""
_SETTLED = 60 * SECOND
"""After a call in vain an address rests so long, twice as long each time."""


class Known(msgspec.Struct, frozen=True):
    """One node's address."""

    node: str
    host: str
    port: int
    proven: int = 0
    """UTC ns at which the node last answered there; 0: never."""


class BookRecord(msgspec.Struct, frozen=True, kw_only=True, tag="book_record"):
    """What is remembered, the latest first. Stored under `book`."""

    nodes: tuple[Known, ...] = ()


class _Told(msgspec.Struct, array_like=True, frozen=True):
    """One address on the wire."""

    node: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    host: Annotated[str, msgspec.Meta(min_length=2, max_length=45)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]


class AddressBook:
    """The book of one node. Every method may be called from any thread."""

    def __init__(self, own: NodeId, store: Store, utc: Callable[[], int] = time.time_ns) -> None:
        self._own = own
        self._store = store
        self._utc = utc
        self._lock = threading.Lock()
        record = next((state for key, state, _ in store.load() if key == KEY), BookRecord())
        self._known: dict[str, Known] = {one.node: one for one in record.nodes}
        self._teller: dict[str, str] = {}
        self._failures: Counter[str] = Counter()
        self._rests: dict[str, int] = {}

    def known(self) -> tuple[Known, ...]:
        """Return all of it."""
        with self._lock:
            return tuple(self._known.values())

    def proved(self, node: NodeId, host: str, port: int) -> None:
        """A node answered at an address."""
        now = self._utc()
        with self._lock:
            before = self._known.pop(node, None)
            self._known = {node: Known(node, host, port, now), **self._known}
            self._forget_failures(node)
            self._teller.pop(node, None)
            if before is None or (before.host, before.port) != (host, port) or now - before.proven > _FRESH:
                self._remember()
            self._cut()

    def claimed(self, node: NodeId, host: str, port: int) -> None:
        """A node that called says at which port of its address it listens."""
        with self._lock:
            known = self._known.get(node)
            if known is None or (not known.proven and self._teller.get(node) != node):  # its own word counts more than hearsay
                self._known[node] = Known(node, host, port)
                self._teller[node] = node
                self._remember()
                self._cut()

    def failed(self, node: NodeId) -> None:
        """It was called in vain."""
        with self._lock:
            self._failures[node] += 1
            self._rests[node] = self._utc() + _SETTLED * 2 ** min(10, self._failures[node])
            if self._failures[node] >= _FAILURES:
                self._known.pop(node, None)
                self._forget_failures(node)

    def to_call(self, linked: Collection[str], count: int) -> list[Known]:
        """Return some nodes to call that are not linked: proven ones rather than others, by chance among them."""
        now = self._utc()
        with self._lock:
            free = [one for one in self._known.values() if one.node not in linked and self._rests.get(one.node, 0) <= now]
        random.shuffle(free)
        return sorted(free, key=lambda one: not one.proven)[:count]

    def tell(self, host: str, only: NodeId | None = None) -> bytes:
        """Return what a peer at this address is told: addresses that make sense there; of one node, if it is named. Empty: nothing."""
        with self._lock:
            chosen = [one for one in self._known.values() if (only is None or one.node == only) and makes_sense(one.host, host)]
        told = [_Told(bytes.fromhex(one.node), one.host, one.port) for one in chosen[:TOLD_AT_ONCE]]
        return msgspec.msgpack.encode(told) if told else b""

    def hear(self, peer: NodeId, host: str, data: bytes) -> None:
        """Take what a peer at an address tells. Nonsense is passed over: it is only hearsay."""
        try:
            told = msgspec.msgpack.decode(data, type=list[_Told])[:TOLD_AT_ONCE]
        except (msgspec.DecodeError, RecursionError):
            return
        with self._lock:
            for one in told:
                node = one.node.hex()
                if node in self._known or node == self._own or not _is_address(one.host) or not makes_sense(one.host, host):
                    continue
                if sum(teller == peer for teller in self._teller.values()) >= _OF_ONE_TELLER:
                    return
                self._known[node] = Known(node, one.host, one.port)
                self._teller[node] = peer
            self._cut()

    def _remember(self) -> None:
        """Write down whom this node has met: not what it only heard of."""
        met = tuple(one for one in self._known.values() if one.proven or self._teller.get(one.node, one.node) == one.node)
        try:
            self._store.append(KEY, BookRecord(nodes=met[:_REMEMBERED]))
        except StoreError as problem:  # a full disk, say: it is known all the same until the node stops
            logger.warning("an address is not remembered: %s", problem)

    def _forget_failures(self, node: str) -> None:
        self._failures.pop(node, None)
        self._rests.pop(node, None)

    def _cut(self) -> None:
        """Keep the bound: what was never proven goes first."""
        over = len(self._known) - _MOST
        if over > 0:
            for one in sorted(self._known.values(), key=lambda one: -one.proven)[-over:]:
                del self._known[one.node]
        self._teller = {node: teller for node, teller in self._teller.items() if node in self._known}


def makes_sense(host: str, to: str) -> bool:
    """Tell whether an address leads to the same node from another one: loopback from this machine only, private ones from private ones."""
    try:
        address, other = (ipaddress.ip_address(one.partition("%")[0]) for one in (host, to))
    except ValueError:
        return False
    if address.is_loopback or other.is_loopback:
        return address.is_loopback and other.is_loopback
    if address.is_unspecified or address.is_multicast or address.is_link_local:
        return False
    return not address.is_private or other.is_private


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
