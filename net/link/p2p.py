"""The Network port over TCP and TLS 1.3: who is called, who may call, which links stand.

Knows addresses of nodes, connections and the ActorSystem port. Must not know what links carry. An Ed25519 key is the node: the
listener proves it by its certificate, the caller by a signature (`handshake`).
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping

from claynet.actors.ports import SECOND, Address, Announced, LinkFailed, LinkId, LinkUp, NodeId
from claynet.net.link.access import origin_of
from claynet.net.link.gate import Gate, Hearsay, Open
from claynet.net.link.handshake import HandshakeError
from claynet.net.link.identity import Ed25519Signer
from claynet.net.link.introduce import admit, call, describe, turn_away, welcome
from claynet.net.link.outer import ANNOUNCE, MAX_PAYLOAD, PEERS, outer_frame
from claynet.net.link.peer_link import P2PLimits, PeerLink, Place, where_is
from claynet.net.link.tls import TlsStream, dialler_context, listener_context
from claynet.net.threads.threads_system import ThreadsSystem

logger = logging.getLogger(__name__)

_SHUTDOWN_PATIENCE = 3 * SECOND
_REFUSALS_KEPT = 100
_LOOK = 0.05
"""Seconds between two looks at how slow callers are."""


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
    ) -> None:
        """Listen at `host` and `port` (0: one is chosen); `book` says where known nodes are, `gate` who is dealt with (all, by default).

        Nodes of another `network` name are not talked to. `hearsay` keeps where nodes are, and says what peers are told of that.

        Callers wait in the system's queue until `listen`. Raises OSError when the address cannot be had.
        """
        self._system = system
        self._signer = signer
        self._limits = limits or P2PLimits()
        self._gate = gate or Open()
        self._name = network
        self._hearsay = hearsay
        self._book: dict[NodeId, Place] = dict(book or {})
        self._heard: dict[NodeId, Place] = {}
        self._listener_tls = listener_context(signer.tls_pem())
        self._dialler_tls = dialler_context()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=128)
        self._port: int = self._socket.getsockname()[1]
        self._condition = threading.Condition()
        self._numbers = itertools.count(1)
        self._links: dict[LinkId, PeerLink] = {}
        self._serving: set[PeerLink] = set()
        self._opening: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._unproven = 0
        self._callers: dict[socket.socket, tuple[str, int]] = {}
        """Callers that have not proven their id: where each calls from, and since when."""
        self._turned_away = 0
        self._was_called = False
        self._listener: Address | None = None
        self._refusals: deque[str] = deque(maxlen=_REFUSALS_KEPT)
        self._closed = False
        self.sent = 0
        """Messages given to links so far."""

    @property
    def port(self) -> int:
        """The TCP port listened at."""
        return self._port

    @property
    def turned_away(self) -> int:
        """Callers that were hung up on unheard: too many from one address, too slow, or from one that is blocked."""
        with self._condition:
            return self._turned_away

    def part_with(self) -> None:
        """End the links to whomever the gate lets in no more."""
        with self._condition:
            links = list(self._serving)
        for link in links:
            if self._gate.refusal_of_node(link.peer) or self._gate.refusal_of_host(link.host):
                link.abort()

    def recent_refusals(self) -> list[str]:
        """Why the latest callers were not let in, a line each, oldest first."""
        with self._condition:
            return list(self._refusals)

    def learn(self, node_id: NodeId, host: str, port: int) -> None:
        """Note where a node is; replaces what was known."""
        with self._condition:
            self._book[node_id] = (host, port)

    def listen(self, address: Address) -> None:
        """Send LinkUp of incoming links, and Announced, to `address`. Callers are let in from now on."""
        with self._condition:
            first, self._listener = self._listener is None, address
            if first and not self._closed:
                self._start(self._accept, f"p2p-{self._port}-accept")

    def connect(self, peer: NodeId, reply_to: Address) -> None:
        """Try to make a link; LinkUp or LinkFailed goes to `reply_to`, exactly one."""

        def failed(reason: str) -> None:
            self._system.tell(reply_to, LinkFailed(peer, reason))

        with self._condition:
            places = [place for place in (self._book.get(peer), self._heard.get(peer)) if place is not None]
            if peer == self._signer.node_id:
                trouble = f"{peer[:12]} is this node itself"
            elif not places:
                trouble = f"no address is known of node {peer[:12]}"
            elif self._closed:
                trouble = "the network is shut down"
            else:
                trouble = ""
                self._start(lambda: self._dial(dict.fromkeys(places), peer, reply_to, failed), f"p2p-{self._port}-to-{peer[:8]}")
        if trouble:
            failed(trouble)

    def dial(self, host: str, port: int, failed: Callable[[str], None] | None = None, expected: NodeId | None = None) -> None:
        """Try to make a link to whoever listens there, or to the node `expected`.

        LinkUp goes to the address given to `listen`, `failed` hears why not.
        """

        def refuse(reason: str) -> None:
            logger.warning("dial: %s", reason)
            if failed is not None:
                failed(reason)

        with self._condition:
            listener, closed = self._listener, self._closed
            if listener is not None and not closed:
                self._start(lambda: self._dial([(host, port)], expected, listener, refuse), f"p2p-{self._port}-to-{port}")
                return
        refuse(f"{where_is((host, port))}: " + ("the network is shut down" if closed else "nobody listens on this side yet"))

    def was_called(self) -> bool:
        """Tell whether any node has ever called in and proven its id."""
        with self._condition:
            return self._was_called

    def peer_of(self, link: LinkId) -> NodeId | None:
        """Return who is at the other end of a link; None for one that is over."""
        found = self._links.get(link)
        return None if found is None else found.peer

    def linked(self) -> dict[NodeId, str]:
        """Return the nodes that a link stands to, and the place of the latest link to each."""
        with self._condition:
            return {link.peer: link.where for link in self._links.values()}

    def attach(self, link: LinkId, address: Address) -> None:
        """From now on LinkBytes and LinkDown of this link go to `address`; what came before is delivered first."""
        found = self._links.get(link)
        if found is not None and found.attach(address):
            self._forget(found)

    def send(self, link: LinkId, data: bytes) -> None:
        """Send encoded bytes; dropped on a link that is down or unknown. A peer that lets too much pile up loses the link."""
        found = self._links.get(link)
        if found is not None:
            self.sent += 1
            found.send(data)

    def close(self, link: LinkId) -> None:
        """Close; bytes already sent still arrive, then the peer hears LinkDown. Idempotent."""
        with self._condition:
            found = self._links.pop(link, None)
        if found is not None:
            found.close()

    def announce(self, data: bytes, to: NodeId | None = None) -> None:
        """Best effort to every node that a link stands to, or to one of them. Dropped when over 2 MiB."""
        if len(data) > MAX_PAYLOAD:
            logger.warning("an announcement of %d bytes is dropped: at most %d", len(data), MAX_PAYLOAD)
            return
        with self._condition:
            # One link a node, the latest: an older one may be dead without knowing it yet.
            chosen = {link.peer: link for link in self._links.values() if to is None or link.peer == to}
        frame = outer_frame(ANNOUNCE, data)
        for link in chosen.values():
            link.send_announcement(frame)

    def crash(self) -> None:
        """End as a process that is killed does: links break without a word. Returns when nothing is left of it."""
        with self._condition:
            self._closed = True
            serving = list(self._serving)
        for link in serving:
            link.abort()
        self.shutdown()

    def shutdown(self) -> None:
        """Close every link, stop listening, and join the threads; what does not end by itself in a few seconds is cut. Idempotent."""
        with self._condition:
            self._closed = True
            self._links.clear()
            serving = list(self._serving)
            for opening in self._opening:
                _abort(opening)
            self._condition.notify_all()
        _abort(self._socket)  # wakes the accepting thread, as closing would not
        for link in serving:
            link.close()
        deadline = time.monotonic_ns() + _SHUTDOWN_PATIENCE
        self._join(deadline)
        for link in serving:
            link.abort()
        self._join(deadline + 2 * self._limits.handshake)
        self._socket.close()

    # -------------------------------------------------------- calling

    def _dial(self, places: Iterable[Place], expected: NodeId | None, up: Address, failed: Callable[[str], None]) -> None:
        reasons = []
        for place in places:
            try:
                peer, stream = self._call(place, expected)
            except (HandshakeError, OSError, ValueError, OverflowError) as error:  # the last two: no such host name or port
                text = error.reason if isinstance(error, HandshakeError) else describe(error)
                reasons.append(f"{where_is(place)}: {text}")
                continue
            with self._condition:
                self._book[peer] = place  # it has just proved that it is to be found there
            if self._hearsay is not None:
                self._hearsay.proved(peer, *place)
            if not self._carry(stream, peer, place, up, incoming=False):
                failed(f"{where_is(place)}: the network is shut down")
            return
        failed("; ".join(reasons))

    def _call(self, place: Place, expected: NodeId | None) -> tuple[NodeId, TlsStream]:
        trouble: OSError | None = None
        for family, kind, protocol, _, address in socket.getaddrinfo(*place, type=socket.SOCK_STREAM):
            sock = socket.socket(family, kind, protocol)
            with self._breakable(sock):
                refusal = self._gate.refusal_of_host(str(address[0]))
                if refusal:
                    sock.close()
                    trouble = OSError(refusal)
                    continue
                sock.settimeout(self._limits.dial / 1e9)
                try:
                    sock.connect(address)
                except OSError as error:
                    sock.close()
                    trouble = error
                    continue
                stream = TlsStream(sock, self._dialler_tls, server_side=False)
                deadline = time.monotonic_ns() + self._limits.handshake
                found = call(stream, expected, self._signer, self._port, self._name, deadline)
                refusal = self._gate.refusal_of_node(found)
                if refusal:
                    raise HandshakeError(refusal)
                return found, stream
        raise trouble or OSError("the name has no address")

    @contextlib.contextmanager
    def _breakable(self, sock: socket.socket) -> Iterator[None]:
        with self._condition:
            if self._closed:
                sock.close()
                raise HandshakeError("the network is shut down")
            self._opening.add(sock)
        try:
            yield
        except BaseException:
            sock.close()
            raise
        finally:
            with self._condition:
                self._opening.discard(sock)

    # -------------------------------------------------------- being called

    def _accept(self) -> None:
        while True:
            with self._condition:
                # Over the bound callers wait in the system's queue, so that a burst of honest ones is not sent away; slow ones make room.
                while self._unproven >= self._limits.unproven and not self._closed:
                    self._hang_up_on_the_slowest()
                    self._condition.wait(_LOOK)
                if self._closed:
                    return
            try:
                sock, address = self._socket.accept()
            except OSError as error:
                with self._condition:
                    if not self._closed:
                        logger.warning("port %d: a caller could not be taken (%s)", self._port, describe(error))
                        self._condition.wait(0.1)  # out of file descriptors, as a rule: do not spin
                continue
            origin = origin_of(address[0])
            refusal = self._gate.refusal_of_host(address[0])
            with self._condition:
                if refusal or sum(origin == other for other, _ in self._callers.values()) >= self._limits.unproven_of_one:
                    self._turned_away += 1
                    sock.close()
                    continue
                self._unproven += 1
                self._callers[sock] = (origin, time.monotonic_ns())
                self._start(functools.partial(self._admit, sock, address[:2]), f"p2p-{self._port}-from-{address[1]}")

    def _admit(self, sock: socket.socket, place: Place) -> None:
        proven = False
        try:
            with self._breakable(sock):
                deadline = time.monotonic_ns() + self._limits.handshake
                stream = TlsStream(sock, self._listener_tls, server_side=True)
                peer, port = admit(stream, self._signer, self._name, deadline)
                refusal = self._refusal(peer, place[0])
                if refusal:
                    turn_away(stream, refusal)
                    raise HandshakeError(refusal)
                welcome(stream, deadline)
                proven = True
        except (HandshakeError, OSError) as error:
            text = error.reason if isinstance(error, HandshakeError) else describe(error)
            logger.info("caller %s is not let in: %s", where_is(place), text)
            self._refusals.append(f"{where_is(place)}: {text}")
        finally:
            with self._condition:
                self._unproven -= 1
                self._callers.pop(sock, None)
                self._condition.notify_all()
        if proven:
            with self._condition:
                listener = self._listener
                self._was_called = True
                if port:
                    self._heard[peer] = (place[0], port)
            if port and self._hearsay is not None:
                self._hearsay.claimed(peer, place[0], port)
            if listener is not None:
                self._carry(stream, peer, place, listener, incoming=True)

    def _hang_up_on_the_slowest(self) -> None:
        sock, (_, since) = min(self._callers.items(), key=lambda one: one[1][1])
        if time.monotonic_ns() - since > self._limits.slow:
            self._turned_away += 1
            _abort(sock)

    def _refusal(self, peer: NodeId, host: str) -> str:
        """Return why there will be no link with a caller who has proven its id; empty when there will."""
        refusal = self._gate.refusal_of_node(peer)
        if refusal:
            return refusal
        with self._condition:
            links = list(self._serving)
        if len(links) >= self._limits.links:
            return "this node has all the links it can carry"
        if sum(link.peer == peer for link in links) >= self._limits.links_of_peer:
            return f"there are {self._limits.links_of_peer} links to this node already"
        origin = origin_of(host)
        if sum(link.incoming and origin_of(link.host) == origin for link in links) >= self._limits.links_of_one:
            return f"there are {self._limits.links_of_one} links from this address already"
        return ""

    # -------------------------------------------------------- links

    def _carry(self, stream: TlsStream, peer: NodeId, place: Place, up: Address, *, incoming: bool) -> bool:
        """Run a link until its end; False when there was none, since the network is shut down."""
        with self._condition:
            closed = self._closed
            if not closed:
                number = LinkId(next(self._numbers))
                told = (self._on_announced, self._on_told, self._system.waiting)
                link = PeerLink(number, peer, place, incoming, stream, self._system, self._limits, *told)
                self._links[link.link] = link
                self._serving.add(link)
        if closed:
            stream.abort()
            stream.close()
            return False
        logger.info("linked to node %s at %s", peer[:12], link.where)
        self._system.tell(up, LinkUp(link.link, peer, incoming))
        self._introduce(link)
        try:
            link.serve()
        finally:
            with self._condition:
                self._serving.discard(link)
            if link.forgettable:
                self._forget(link)
        return True

    def _introduce(self, new: PeerLink) -> None:
        """Tell a new peer where others are, and others where it is."""
        if self._hearsay is None:
            return
        with self._condition:
            others = {link.peer: link for link in self._serving if link.peer != new.peer}
        for link, only in ((new, None), *((link, new.peer) for link in others.values())):
            told = self._hearsay.tell(link.host, only)
            if told:
                link.send_announcement(outer_frame(PEERS, told))

    def _on_told(self, link: PeerLink, data: bytes) -> None:
        if self._hearsay is not None:
            self._hearsay.hear(link.peer, link.host, data)

    def _on_announced(self, data: bytes) -> None:
        if self._listener is not None and not self._closed:
            self._system.tell(self._listener, Announced(data))

    def _forget(self, link: PeerLink) -> None:
        with self._condition:
            self._links.pop(link.link, None)

    # -------------------------------------------------------- threads

    def _start(self, target: Callable[[], object], name: str) -> None:
        def run() -> None:
            try:
                target()
            finally:
                with self._condition:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.add(thread)
        thread.start()

    def _join(self, deadline: int) -> None:
        while time.monotonic_ns() < deadline:
            with self._condition:
                thread = next((thread for thread in self._threads if thread is not threading.current_thread()), None)
            if thread is None:
                return
            thread.join(max(0.0, (deadline - time.monotonic_ns()) / 1e9))


def _abort(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
