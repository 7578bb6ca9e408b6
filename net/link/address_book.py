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
from claynet.net.link.access import origin_of, plain
from claynet.net.link.backoff import Backoff
from claynet.net.link.gate import Here
from claynet.net.link.places import Way
from claynet.net.link.relay_hints import RelayHints
from claynet.net.storage.schema import StoreError

logger = logging.getLogger(__name__)

KEY = "book"
TOLD_AT_ONCE = 32
"""Addresses in one telling."""
_OF_ONE_TELLER = 64
_OF_ONE_ORIGIN = 64
"""Nodes that called from one address and were never found where they say they listen: ids cost nothing, and each is written to the disk."""
_MOST = 512
_REMEMBERED = 128
_FAILURES = 5
"""Calls in vain after which a node that was never found at its address is forgotten. One that was met once is kept, since the reason may be
here: a machine without a network would forget all its peers within minutes."""
_FRESH = 600 * SECOND
"""An address that was proven again is written down anew at most this often."""
_REST = 15 * SECOND
_LONGEST_REST = 600 * SECOND
"""So long a node rests after calls in vain."""


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
    """One address on the wire. With `relay` it is the teller's, at which the node is to be met; a version that does not know of relays
    calls there in vain once.
    """

    node: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    host: Annotated[str, msgspec.Meta(min_length=2, max_length=45)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    relay: Annotated[bytes, msgspec.Meta(max_length=32)] = b""


class AddressBook:
    """The book of one node. Every method may be called from any thread."""

    def __init__(
        self, own: NodeId, store: Store, utc: Callable[[], int] = time.time_ns, chance: Callable[[], float] = random.random
    ) -> None:
        self._own = own
        self._store = store
        self._utc = utc
        self._chance = chance
        self._lock = threading.Lock()
        record = next((state for key, state, _ in store.load() if key == KEY), BookRecord())
        self._known: dict[str, Known] = {one.node: one for one in record.nodes}
        self._teller: dict[str, str] = {}
        self._rests: dict[str, Backoff] = {}
        self._hints = RelayHints()

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
            self._rests.pop(node, None)
            self._teller.pop(node, None)
            self._cut()
            if before is None or (before.host, before.port) != (host, port) or now - before.proven > _FRESH:
                self._remember()

    def claimed(self, node: NodeId, host: str, port: int) -> None:
        """A node that called says at which port of its address it listens."""
        with self._lock:
            known = self._known.get(node)
            if known is not None and (known.proven or self._teller.get(node) == node):
                return  # its own word counts more than hearsay only
            if self._callers_of(origin_of(host)) >= _OF_ONE_ORIGIN:
                return
            self._known[node] = Known(node, host, port)
            self._teller[node] = node
            self._cut()
            if node in self._known:  # a write is waited for, so nobody may cause one in vain
                self._remember()

    def failed(self, node: NodeId) -> None:
        """It was called in vain, by every way that is known."""
        with self._lock:
            rest = self._rests.setdefault(node, Backoff(_REST, _LONGEST_REST))
            rest.failed(self._utc(), self._chance())
            if rest.failures >= _FAILURES:
                self._hints.forget(node)
                if node not in self._known or not self._known[node].proven:
                    self._known.pop(node, None)
                    del self._rests[node]

    def reached(self, node: NodeId) -> None:
        """A link to it stands, by whatever way."""
        with self._lock:
            self._rests.pop(node, None)

    def to_call(self, linked: Collection[str], count: int) -> list[NodeId]:
        """Return some nodes to call that are not linked: proven ones rather than others, by chance among them."""
        now = self._utc()
        with self._lock:
            all_known = {**dict.fromkeys(self._hints.nodes(), 0), **{one.node: one.proven for one in self._known.values()}}
            free = [node for node in all_known if node not in linked and (node not in self._rests or self._rests[node].is_due(now))]
        random.shuffle(free)
        return [NodeId(node) for node in sorted(free, key=lambda node: not all_known[node])[:count]]

    def ways(self, node: NodeId) -> list[Way]:
        """Return how a node may be reached: at its own address, then by relays."""
        with self._lock:
            known = self._known.get(node)
            return ([] if known is None else [Way((known.host, known.port))]) + self._hints.ways(node)

    def tell(self, host: str, only: NodeId | None = None, here: Here | None = None) -> bytes:
        """Return what a peer at this address is told: addresses that make sense there, of one node, if it is named; and who is to be
        met `here`, at this node as a relay. Empty: nothing.
        """
        with self._lock:
            chosen = [one for one in self._known.values() if (only is None or one.node == only) and makes_sense(one.host, host)]
        told = []
        if here is not None:
            own = bytes.fromhex(self._own)
            told = [_Told(bytes.fromhex(node), here.host[:45], here.port, own) for node in here.nodes]
            told = told[: TOLD_AT_ONCE // 2]
        told = [_Told(bytes.fromhex(one.node), one.host, one.port) for one in chosen[: TOLD_AT_ONCE - len(told)]] + told
        return msgspec.msgpack.encode(told) if told else b""

    def hear(self, peer: NodeId, host: str, data: bytes) -> None:
        """Take what a peer at an address tells. Nonsense is passed over: it is only hearsay."""
        try:
            told = msgspec.msgpack.decode(data, type=list[_Told])[:TOLD_AT_ONCE]
        except (ValueError, RecursionError):  # msgspec's errors and those of UTF-8 are ValueErrors
            return
        with self._lock:
            for one in told:
                node = one.node.hex()
                if node == self._own:
                    continue
                if one.relay:
                    # Of others' relays nothing is taken; where this one is, its link says better than it knows itself.
                    if one.relay.hex() == peer != node:
                        self._hints.hear(peer, (host, one.port), node)
                    continue
                if node in self._known or not _is_address(one.host) or not makes_sense(one.host, host):
                    continue
                if sum(teller == peer for teller in self._teller.values()) >= _OF_ONE_TELLER:
                    return
                self._known[node] = Known(node, one.host, one.port)
                self._teller[node] = peer
            self._cut()

    def _remember(self) -> None:
        """Write down whom this node has met: not what it only heard of."""
        met = tuple(one for one in self._known.values() if one.proven or self._said_itself(one))
        try:
            self._store.append(KEY, BookRecord(nodes=met[:_REMEMBERED]))
        except StoreError as problem:  # a full disk, say: it is known all the same until the node stops
            logger.warning("an address is not remembered: %s", problem)

    def _cut(self) -> None:
        """Keep the bound: what was never proven goes first, and of that the latest of whichever origin or teller has the most."""
        over = len(self._known) - _MOST
        if over > 0:
            worth = self._worth()
            for node in sorted(self._known, key=lambda node: worth[node])[-over:]:
                del self._known[node]
        self._teller = {node: teller for node, teller in self._teller.items() if node in self._known}
        met = {*self._known, *self._hints.nodes()}
        self._rests = {node: rest for node, rest in self._rests.items() if node in met}

    def _worth(self) -> dict[str, tuple[int, int, bool]]:
        """What each that is known counts, the least most: so that who invents ids crowds out these, and no others."""
        crowds: Counter[str] = Counter()
        found = {}
        for one in self._known.values():
            is_hearsay = not self._said_itself(one)
            crowd = self._teller[one.node] if is_hearsay else origin_of(one.host)
            found[one.node] = (-one.proven, crowds[crowd], is_hearsay)
            crowds[crowd] += not one.proven
        return found

    def _callers_of(self, origin: str) -> int:
        return sum(not one.proven and self._said_itself(one) and origin_of(one.host) == origin for one in self._known.values())

    def _said_itself(self, one: Known) -> bool:
        return self._teller.get(one.node, one.node) == one.node


def makes_sense(host: str, to: str) -> bool:
    """Tell whether an address leads to the same node from another one: loopback from this machine only, private ones from private ones."""
    try:
        address, other = (plain(ipaddress.ip_address(one.partition("%")[0])) for one in (host, to))
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
