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

from claynet.actors.ports import SECOND, ActorSystem, Address, Announced, LinkFailed, LinkId, LinkUp, NodeId
from claynet.net.handshake import HandshakeError
from claynet.net.identity import Ed25519Signer
from claynet.net.introduce import admit, call, describe, turn_away, welcome
from claynet.net.outer import ANNOUNCE, MAX_PAYLOAD, outer_frame
from claynet.net.peer_link import P2PLimits, PeerLink
from claynet.net.tls import TlsStream, dialler_context, listener_context

logger = logging.getLogger(__name__)

Place = tuple[str, int]
"""Host and port."""

_SHUTDOWN_PATIENCE = 3 * SECOND
_REFUSALS_KEPT = 100


class P2PNetwork:
    """One node's view of the peer-to-peer network (`ports.Network`). Holds the listening socket from its making on."""

    def __init__(
        self,
        system: ActorSystem,
        signer: Ed25519Signer,
        host: str = "127.0.0.1",
        port: int = 0,
        book: Mapping[NodeId, Place] | None = None,
        limits: P2PLimits | None = None,
    ) -> None:
        """Listen at `host` and `port` (0: one is chosen); `book` says where known nodes are.

        Callers wait in the system's queue until `listen`. Raises OSError when the address cannot be had.
        """
        self._system = system
        self._signer = signer
        self._limits = limits or P2PLimits()
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
        self._listener: Address | None = None
        self._refusals: deque[str] = deque(maxlen=_REFUSALS_KEPT)
        self._closed = False

    @property
    def port(self) -> int:
        """The TCP port listened at."""
        return self._port

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

    def dial(self, host: str, port: int, failed: Callable[[str], None] | None = None) -> None:
        """Try to make a link to whoever listens there; LinkUp goes to the address given to `listen`, `failed` hears why not."""

        def refuse(reason: str) -> None:
            logger.warning("dial: %s", reason)
            if failed is not None:
                failed(reason)

        with self._condition:
            listener, closed = self._listener, self._closed
            if listener is not None and not closed:
                self._start(lambda: self._dial([(host, port)], None, listener, refuse), f"p2p-{self._port}-to-{port}")
                return
        refuse(f"{_where((host, port))}: " + ("the network is shut down" if closed else "nobody listens on this side yet"))

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
                reasons.append(f"{_where(place)}: {text}")
                continue
            with self._condition:
                self._book[peer] = place  # it has just proved that it is to be found there
            if not self._carry(stream, peer, _where(place), up, incoming=False):
                failed(f"{_where(place)}: the network is shut down")
            return
        failed("; ".join(reasons))

    def _call(self, place: Place, expected: NodeId | None) -> tuple[NodeId, TlsStream]:
        trouble: OSError | None = None
        for family, kind, protocol, _, address in socket.getaddrinfo(*place, type=socket.SOCK_STREAM):
            sock = socket.socket(family, kind, protocol)
            with self._breakable(sock):
                sock.settimeout(self._limits.dial / 1e9)
                try:
                    sock.connect(address)
                except OSError as error:
                    sock.close()
                    trouble = error
                    continue
                stream = TlsStream(sock, self._dialler_tls, server_side=False)
                deadline = time.monotonic_ns() + self._limits.handshake
                return call(stream, expected, self._signer, self._port, deadline), stream
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
                # Over the bound callers wait in the system's queue, so that a burst of honest ones is not sent away.
                while self._unproven >= self._limits.unproven and not self._closed:
                    self._condition.wait()
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
            with self._condition:
                self._unproven += 1
                self._start(functools.partial(self._admit, sock, address[:2]), f"p2p-{self._port}-from-{address[1]}")

    def _admit(self, sock: socket.socket, place: Place) -> None:
        proven = False
        try:
            with self._breakable(sock):
                deadline = time.monotonic_ns() + self._limits.handshake
                stream = TlsStream(sock, self._listener_tls, server_side=True)
                peer, port = admit(stream, self._signer, deadline)
                if len(self._serving) >= self._limits.links:
                    turn_away(stream, "this node has all the links it can carry")
                    raise HandshakeError("all links are taken")
                welcome(stream, deadline)
                proven = True
        except (HandshakeError, OSError) as error:
            text = error.reason if isinstance(error, HandshakeError) else describe(error)
            logger.info("caller %s is not let in: %s", _where(place), text)
            self._refusals.append(f"{_where(place)}: {text}")
        finally:
            with self._condition:
                self._unproven -= 1
                self._condition.notify_all()
        if proven:
            with self._condition:
                listener = self._listener
                if port:
                    self._heard[peer] = (place[0], port)
            if listener is not None:
                self._carry(stream, peer, _where(place), listener, incoming=True)

    # -------------------------------------------------------- links

    def _carry(self, stream: TlsStream, peer: NodeId, where: str, up: Address, *, incoming: bool) -> bool:
        """Run a link until its end; False when there was none, since the network is shut down."""
        with self._condition:
            closed = self._closed
            if not closed:
                link = PeerLink(LinkId(next(self._numbers)), peer, where, stream, self._system, self._limits, self._on_announced)
                self._links[link.link] = link
                self._serving.add(link)
        if closed:
            stream.abort()
            stream.close()
            return False
        self._system.tell(up, LinkUp(link.link, peer, incoming))
        try:
            link.serve()
        finally:
            with self._condition:
                self._serving.discard(link)
            if link.forgettable:
                self._forget(link)
        return True

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


def _where(place: Place) -> str:
    host, port = place
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _abort(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
