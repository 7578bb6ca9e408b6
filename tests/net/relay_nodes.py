"""Nodes that nobody can call, the relays at which they meet, and relays that cheat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from claynet.actors.node import EFFECT_TYPES
from claynet.actors.ports import Address, LinkDown, LinkFailed, LinkId, LinkUp
from claynet.net.link.access import Access, AccessRecord
from claynet.net.link.address_book import AddressBook, BookRecord
from claynet.net.link.p2p import P2PNetwork
from claynet.net.link.peer_link import P2PLimits
from claynet.net.link.relay import Relay, RelayCounts, RelayLimits
from claynet.net.storage.sqlite_store import SqliteStore
from claynet.net.threads.threads_system import ThreadsSystem
from tests.net.conftest import PATIENCE, Heard, Listener
from tests.net.p2p_nodes import LIMITS, Node, new_signer

LENT = RelayLimits(rate=1 << 30)


class Met(Node):
    """A node with a book and a gate of its own. Without a host it does not listen."""

    def __init__(
        self,
        system: ThreadsSystem,
        name: str,
        folder: Path,
        host: str = "",
        relay: RelayLimits | None = None,
        limits: P2PLimits = LIMITS,
        meets: bool = True,
    ) -> None:
        self.address = Address(name)
        self.heard = Heard()
        system.spawn(Listener, self.heard, address=self.address)
        self.signer = new_signer()
        self.store = SqliteStore(folder / f"{name}.sqlite", BookRecord | AccessRecord, EFFECT_TYPES)
        self.book = AddressBook(self.id, self.store)
        self.access = Access(self.store)
        self.network = P2PNetwork(system, self.signer, host, limits=limits, gate=self.access, hearsay=self.book, relay=relay, meets=meets)
        self.network.listen(self.address)

    def cheats(self, kind: Callable[..., Relay]) -> None:
        """Relay in another way from now on."""
        relaying = self.network._relaying
        assert relaying.relay._limits is not None
        relaying.relay = kind(relaying.relay._limits, relaying.relay._ask, self.network._running.start)

    def counts(self, wanted: Callable[[RelayCounts], bool]) -> RelayCounts:
        """Wait until what it relays is so."""
        relay = self.network._relaying.relay
        with relay._condition:
            assert relay._condition.wait_for(lambda: wanted(relay.counts()), PATIENCE), relay.counts()
            return relay.counts()

    def heard_of(self, other: Met, relay: Met) -> None:
        """Be told by a relay that another node is to be met there."""
        told = [[bytes.fromhex(other.id), "127.0.0.1", relay.network.port, bytes.fromhex(relay.id)]]
        self.book.hear(relay.id, "127.0.0.1", msgspec.msgpack.encode(told))


Desk = Callable[..., Met]


@contextmanager
def desk(system: ThreadsSystem, folder: Path) -> Iterator[Desk]:
    """Makes such nodes, and ends them."""
    with ExitStack() as ending:

        def make(name: str, **how: Any) -> Met:
            node = Met(system, name, folder, **how)
            ending.callback(node.store.close)
            ending.callback(node.network.shutdown)
            return node

        yield make


def gather(relay: Met, *nodes: Met) -> None:
    """Have nodes call a relay; returns when each has been told of those that came after it."""
    ways = []
    for node in nodes:
        count, known = len(node.heard.all(LinkUp)), len(relay.heard.all(LinkUp))
        node.network.dial("127.0.0.1", relay.network.port)
        here, there = node.up(count + 1).link, relay.up(known + 1).link
        node.network.attach(here, node.address)
        relay.network.attach(there, relay.address)
        node.network.send(here, b"hello")  # the relay reads only when it has told of this node
        relay.received(there, 5)
        ways.append((node, here, there))
    for node, here, there in ways:
        relay.network.send(there, b"told")
        node.received(here, 4)


def meet(caller: Met, called: Met) -> tuple[LinkId, LinkId]:
    """Make a link by whatever way; attach both ends."""
    before = len(caller.heard.all(LinkUp)), len(called.heard.all(LinkUp))
    caller.network.connect(called.id, caller.address)
    ours, theirs = caller.up(before[0] + 1), called.up(before[1] + 1)
    assert (ours.peer, ours.incoming, theirs.peer, theirs.incoming) == (called.id, False, caller.id, True)
    caller.network.attach(ours.link, caller.address)
    called.network.attach(theirs.link, called.address)
    return ours.link, theirs.link


def three(make: Desk, lent: RelayLimits | None = LENT) -> tuple[Met, Met, Met]:
    """Two nodes that do not listen, and the relay that both have called."""
    relay, y, x = make("relay", host="127.0.0.1", relay=lent), make("y"), make("x")
    gather(relay, y, x)
    return relay, y, x


def why_not(caller: Met, called: Met) -> str:
    """Return why no link comes to stand."""
    before = len(caller.heard.all(LinkFailed))
    caller.network.connect(called.id, caller.address)
    failed = caller.heard.until(lambda told: [one for one in told if isinstance(one, LinkFailed)][before : before + 1])[0]
    assert failed.peer == called.id
    assert "\n" not in failed.reason
    return str(failed.reason)


def down(node: Met, link: LinkId) -> str:
    """Return why a link ended."""
    return str(node.heard.until(lambda told: [one for one in told if isinstance(one, LinkDown) and one.link == link])[0].reason)
