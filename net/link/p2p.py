"""The Network port over TCP and TLS 1.3: who is called, who is let in, which links stand.

Knows addresses of nodes, connections and the ActorSystem port. Must not know what links carry. An Ed25519 key is the node: the
listener proves it by its certificate, the caller by a signature (`handshake`). Of two nodes that call each other at once one
call stays (`crossing`); nodes that nobody can call meet through a relay (`relay`).
"""

from __future__ import annotations

import functools
import logging
import socket
import time
from collections.abc import Callable, Mapping

from claynet.actors.ports import SECOND, Address, Announced, LinkFailed, LinkId, LinkUp, NodeId
from claynet.net.link.calling import Calling
from claynet.net.link.crossing import Crossings
from claynet.net.link.dialling import Dialling
from claynet.net.link.door import Door
from claynet.net.link.gate import Gate, Hearsay, Open
from claynet.net.link.handshake import CrossedError, HandshakeError
from claynet.net.link.identity import Ed25519Signer
from claynet.net.link.introduce import Caller, Own, admit, turn_away, welcome
from claynet.net.link.introductions import Introductions
from claynet.net.link.outer import ANNOUNCE, MAX_PAYLOAD, MEET, PEERS, outer_frame
from claynet.net.link.peer_link import P2PLimits, PeerLink
from claynet.net.link.places import Place, Way
from claynet.net.link.relay import RelayCounts, RelayLimits
from claynet.net.link.relayed import RelayedSocket
from claynet.net.link.relaying import Relaying
from claynet.net.link.roll import Roll
from claynet.net.link.running import Running
from claynet.net.link.tls import TlsStream, listener_context
from claynet.net.link.whereabouts import Whereabouts
from claynet.net.threads.threads_system import ThreadsSystem

logger = logging.getLogger(__name__)

_SHUTDOWN_PATIENCE = 3 * SECOND


def _nobody(_peer: NodeId) -> None:
    """Nobody asked to hear of a link."""


class P2PNetwork:
    """One node's view of the peer-to-peer network (`ports.Network`). Holds the listening socket from its making on."""

    def __init__(
        self,
        system: ThreadsSystem,
        signer: Ed25519Signer,
        host: str = "127.0.0.1",
        port: int = 0,
        book: Mapping[NodeId, Place] | None = None,
        limits: P2PLimits | None = None,
        gate: Gate | None = None,
        network: str = "",
        hearsay: Hearsay | None = None,
        relay: RelayLimits | None = None,
        meets: bool = True,
    ) -> None:
        """Listen at `host` and `port` (0: one is chosen; no host: it cannot be called); `book` says where known nodes are, `gate` who is
        dealt with (all, by default).

        Nodes of another `network` name are not talked to. `hearsay` keeps where nodes are, and says what peers are told of that. With
        `relay` others meet at this node, within those bounds; with `meets` this node meets others at relays.

        Callers wait in the system's queue until `listen`. Raises OSError when the address cannot be had.
        """
        self._system = system
        self._limits = limits or P2PLimits()
        self._gate = gate or Open()
        self._hearsay = hearsay
        self._whereabouts = Whereabouts(book or {}, hearsay, meets)
        self._listener_tls = listener_context(signer.tls_pem())
        self._running = Running()
        self._condition = self._running.condition
        self._door = Door(host, port, self._limits, self._gate, self._running) if host else None
        self._own = Own(signer, network, self.port)
        calling = Calling(self._own, self._limits, self._gate, self._running, host)
        self._crossings = Crossings(signer.node_id)
        self._dialling = Dialling(calling, self._crossings, self._running, self._carry_ours)
        self._roll = Roll(self._condition, self._limits)
        self._relaying = Relaying(relay, meets, self._roll, self._whereabouts, calling, self._running, self._gate, self._on_met, self._note)
        self._introductions = Introductions()
        self._was_called = False
        self._was_met = False
        self._listener: Address | None = None
        self.sent = 0
        """Messages given to links so far."""

    @property
    def port(self) -> int:
        """The TCP port listened at; 0: none."""
        return 0 if self._door is None else self._door.port

    @property
    def turned_away(self) -> int:
        """Callers that were hung up on unheard: too many from one address, too slow, or from one that is blocked."""
        return 0 if self._door is None else self._door.turned_away

    @property
    def relaying(self) -> RelayCounts:
        """What this node does for others as a relay."""
        return self._relaying.relay.counts()

    def part_with(self) -> None:
        """End the links to whomever the gate lets in no more, and what is relayed for them."""
        for link in self._roll.unwelcome(self._gate):
            link.abort()
        self._relaying.relay.part_with(lambda node, host: self._gate.refusal_of_node(node) or self._gate.refusal_of_host(host))

    def recent_refusals(self) -> list[str]:
        """Why the latest callers were not let in, a line each, oldest first."""
        return [] if self._door is None else self._door.refusals()

    def learn(self, node_id: NodeId, host: str, port: int) -> None:
        """Note where a node is; replaces what was known."""
        self._whereabouts.learn(node_id, (host, port))

    def listen(self, address: Address) -> None:
        """Send LinkUp of incoming links, and Announced, to `address`. Callers are let in from now on."""
        with self._condition:
            first, self._listener = self._listener is None, address
            if first and not self._running.closed and self._door is not None:
                self._door.open(self._hear)

    def connect(self, peer: NodeId, reply_to: Address) -> None:
        """Try to make a link; LinkUp or LinkFailed goes to `reply_to`, exactly one."""

        def failed(reason: str) -> None:
            self._system.tell(reply_to, LinkFailed(peer, reason))

        self._reach(peer, reply_to, _nobody, failed)

    def reach(self, peer: NodeId, linked: Callable[[NodeId], None], failed: Callable[[str], None]) -> None:
        """Try to make a link to a node wherever it is known to be; LinkUp goes to the address given to `listen`, one of the two hears."""
        self._reach(peer, None, linked, failed)

    def dial(
        self,
        host: str,
        port: int,
        failed: Callable[[str], None] | None = None,
        linked: Callable[[NodeId], None] | None = None,
    ) -> None:
        """Try to make a link to whoever listens there.

        LinkUp goes to the address given to `listen`, `failed` hears why not, `linked` to whom.
        """

        def refuse(reason: str) -> None:
            logger.warning("dial: %s", reason)
            if failed is not None:
                failed(reason)

        way = Way((host, port))
        with self._condition:
            trouble = self._trouble(None)
            if not trouble:
                trouble = self._dialling.start(f"p2p-{self.port}-to-{port}", [way], None, None, linked or _nobody, refuse)
        if trouble:
            refuse(f"{way}: {trouble}")

    def was_called(self) -> bool:
        """Tell whether any node has ever called in and proven its id."""
        with self._condition:
            return self._was_called

    def was_met(self) -> bool:
        """Tell whether any node has ever met this one at a relay and proven its id."""
        with self._condition:
            return self._was_met

    def peer_of(self, link: LinkId) -> NodeId | None:
        """Return who is at the other end of a link; None for one that is over."""
        found = self._roll.find(link)
        return None if found is None else found.peer

    def linked(self) -> dict[NodeId, str]:
        """Return the nodes that a link stands to, and the place of the latest link to each."""
        return {peer: link.where for peer, link in self._roll.latest().items()}

    def linked_at(self, place: Place) -> NodeId | None:
        """Return the node that a link stands to at a place; None when there is none."""
        return self._roll.at(place)

    def relayed(self) -> dict[NodeId, NodeId]:
        """Return the nodes whose latest link a relay carries, and that relay."""
        return {peer: link.way.relay for peer, link in self._roll.latest().items() if link.way.relay is not None}

    def attach(self, link: LinkId, address: Address) -> None:
        """From now on LinkBytes and LinkDown of this link go to `address`; what came before is delivered first."""
        found = self._roll.find(link)
        if found is not None and found.attach(address):
            self._roll.forget(link)

    def send(self, link: LinkId, data: bytes) -> None:
        """Send encoded bytes; dropped on a link that is down or unknown. A peer that lets too much pile up loses the link."""
        found = self._roll.find(link)
        if found is not None:
            self.sent += 1
            found.send(data)

    def waiting(self, link: LinkId) -> int:
        """How many bytes sent on this link wait for the socket to take them; 0 for one that is down or unknown."""
        found = self._roll.find(link)
        return 0 if found is None else found.queued

    def close(self, link: LinkId) -> None:
        """Close; bytes already sent still arrive, then the peer hears LinkDown. Idempotent."""
        found = self._roll.forget(link)
        if found is not None:
            found.close()

    def announce(self, data: bytes, to: NodeId | None = None) -> None:
        """Best effort to every node that a link stands to, or to one of them. Dropped when over 2 MiB."""
        if len(data) > MAX_PAYLOAD:
            logger.warning("an announcement of %d bytes is dropped: at most %d", len(data), MAX_PAYLOAD)
            return
        frame = outer_frame(ANNOUNCE, data)
        for peer, link in self._roll.latest().items():
            if to is None or peer == to:
                link.send_announcement(frame)

    def crash(self) -> None:
        """End as a process that is killed does: links break without a word. Returns when nothing is left of it."""
        with self._condition:
            self._running.closed = True
        for link in self._roll.serving():
            link.abort()
        self._relaying.relay.abort()
        self.shutdown()

    def shutdown(self) -> None:
        """Close every link, stop listening, and join the threads; what does not end by itself in a few seconds is cut. Idempotent."""
        self._running.close()
        serving = self._roll.clear()
        if self._door is not None:
            self._door.shut()
        for link in serving:
            link.close()
        self._relaying.relay.close()
        deadline = time.monotonic_ns() + _SHUTDOWN_PATIENCE
        self._running.join(deadline)
        for link in serving:
            link.abort()
        self._relaying.relay.abort()
        self._running.join(deadline + 2 * self._limits.handshake)
        if self._door is not None:
            self._door.close()

    # -------------------------------------------------------- calling

    def _reach(self, peer: NodeId, up: Address | None, linked: Callable[[NodeId], None], failed: Callable[[str], None]) -> None:
        ways = self._whereabouts.ways(peer)
        with self._condition:
            if peer == self._own.signer.node_id:
                trouble = f"{peer[:12]} is this node itself"
            elif not ways:
                trouble = f"no address is known of node {peer[:12]}"
            else:
                trouble = self._trouble(up)
            if not trouble:
                trouble = self._dialling.start(f"p2p-{self.port}-to-{peer[:8]}", ways, peer, up, linked, failed)
        if trouble:
            failed(trouble)

    def _trouble(self, up: Address | None) -> str:
        if self._running.closed:
            return "the network is shut down"
        return "" if up is not None or self._listener is not None else "nobody listens on this side yet"

    def _carry_ours(self, stream: TlsStream, peer: NodeId, way: Way, up: Address | None, linked: Callable[[NodeId], None]) -> bool:
        if way.relay is None:
            self._whereabouts.proved(peer, way.place)
        return self._carry(stream, peer, way, up or self._listener, incoming=False, linked=linked)

    # -------------------------------------------------------- being called

    def _hear(self, sock: socket.socket, place: Place) -> Callable[[], None]:
        """Introduce a caller; return what to do with it then."""
        return self._introduce_caller(TlsStream(sock, self._listener_tls, server_side=True), Way(place), None)

    def _on_met(self, conduit: RelayedSocket, way: Way, expected: NodeId) -> Callable[[], None]:
        """The same of one that comes by a relay, which said who it is."""
        return self._introduce_caller(TlsStream(conduit, self._listener_tls, server_side=True), way, expected)

    def _introduce_caller(self, stream: TlsStream, way: Way, expected: NodeId | None) -> Callable[[], None]:
        deadline = time.monotonic_ns() + self._limits.handshake
        with self._condition:
            since = self._crossings.hears()
        try:
            caller = admit(stream, self._own, deadline)
            if expected is not None and caller.node != expected:
                self._refuse(stream, HandshakeError(f"the relay announced node {expected[:12]}, and node {caller.node[:12]} came"))
            if caller.errand and way.relay is not None:
                self._refuse(stream, HandshakeError("there is no relaying over a relay"))
            if caller.errand:
                return lambda: self._relaying.run_errand(stream, caller, way)
            return self._let_in(stream, caller, way, since, deadline)
        finally:
            with self._condition:
                self._crossings.heard()

    def _let_in(self, stream: TlsStream, caller: Caller, way: Way, since: int, deadline: int) -> Callable[[], None]:
        peer = caller.node
        refusal = self._gate.refusal_of_node(peer) or self._roll.refusal(peer, way.place[0])
        if refusal:
            self._refuse(stream, HandshakeError(refusal))
        with self._condition:
            goes_on = self._crossings.lets_in(peer, since, time.monotonic_ns())
        if not goes_on:
            self._refuse(stream, CrossedError("the two nodes call each other at once"))
        try:
            welcome(stream, deadline)
        except BaseException:
            with self._condition:
                self._crossings.fell_through(peer)
            raise
        with self._condition:
            asker = self._crossings.entered(peer)
            up = asker or self._listener
            self._was_called |= way.relay is None
            self._was_met |= way.relay is not None
            self._condition.notify_all()
        return functools.partial(self._enter, stream, caller, way, up, asker)

    def _enter(self, stream: TlsStream, caller: Caller, way: Way, up: Address | None, asker: Address | None) -> None:
        if caller.port and way.relay is None:
            self._whereabouts.claimed(caller.node, (way.place[0], caller.port))
        if not self._carry(stream, caller.node, way, up, incoming=True) and asker is not None:
            self._system.tell(asker, LinkFailed(caller.node, "the network is shut down"))

    def _refuse(self, stream: TlsStream, error: HandshakeError) -> None:
        turn_away(stream, error)
        raise error

    def _note(self, where: str, error: HandshakeError | OSError) -> None:
        if self._door is not None:
            self._door.note(where, error)

    # -------------------------------------------------------- links

    def _carry(
        self,
        stream: TlsStream,
        peer: NodeId,
        way: Way,
        up: Address | None,
        *,
        incoming: bool,
        linked: Callable[[NodeId], None] = _nobody,
    ) -> bool:
        """Run a link until its end; False when there was none, since the network is shut down."""
        with self._condition:
            closed = self._running.closed or up is None
            if not closed:
                told = (self._on_announced, self._on_told, self._system.waiting)
                link = PeerLink(self._roll.next_number(), peer, way, incoming, stream, self._system, self._limits, *told)
                self._roll.add(link)
        if closed or up is None:
            stream.abort()
            stream.close()
            return False
        logger.info("linked to node %s at %s", peer[:12], link.where)
        self._system.tell(up, LinkUp(link.link, peer, incoming))
        linked(peer)
        self._introduce(link)
        try:
            link.serve()
        finally:
            self._roll.ended(link)
        return True

    def _introduce(self, new: PeerLink) -> None:
        """Tell a new peer where others are, and others where it is, unless they have heard that lately."""
        if self._hearsay is None or new.way.relay is not None:
            return
        places = {way.place for way in self._whereabouts.ways(new.peer) if way.relay is None}
        others = self._roll.direct().values() if self._introductions.are_due(new.peer, places, new.host) else ()
        for link, only in ((new, None), *((link, new.peer) for link in others if link.peer != new.peer)):
            told = self._hearsay.tell(link.host, only, self._relaying.here(link, self.port, only))
            if told:
                link.send_announcement(outer_frame(PEERS, told))

    def _on_told(self, link: PeerLink, kind: int, data: bytes) -> None:
        if kind == MEET:
            self._relaying.hear(link, data)
        elif kind == PEERS and self._hearsay is not None and link.way.relay is None:
            self._hearsay.hear(link.peer, link.host, data)

    def _on_announced(self, data: bytes) -> None:
        if self._listener is not None and not self._running.closed:
            self._system.tell(self._listener, Announced(data))
