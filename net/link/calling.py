"""Making connections to other nodes: at a place of their own, or through a relay; and coming to a relay where somebody waits.

Knows host names, TCP, TLS and the caller's part of the handshake. Must not know links, nor which node is called when.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

from claynet.actors.ports import NodeId
from claynet.net.link import relay_records
from claynet.net.link.gate import Gate
from claynet.net.link.handshake import HandshakeError
from claynet.net.link.introduce import Own, call
from claynet.net.link.peer_link import P2PLimits
from claynet.net.link.places import Place, Way
from claynet.net.link.relay_records import Come, Meet
from claynet.net.link.relayed import RelayedSocket
from claynet.net.link.running import Running
from claynet.net.link.tls import TlsStream, dialler_context

LookUp = Callable[..., Sequence[tuple[int, int, int, str, tuple[Any, ...]]]]
"""`socket.getaddrinfo`, or what answers like it."""


class Calling:
    """How one node calls others. From any thread; every method blocks."""

    def __init__(
        self, own: Own, limits: P2PLimits, gate: Gate, running: Running, listens_on: str, look_up: LookUp = socket.getaddrinfo
    ) -> None:
        """`listens_on` is the address at which this node listens; empty: it does not. `look_up` finds the addresses of a name."""
        self._own = own
        self._limits = limits
        self._gate = gate
        self._running = running
        self._look_up = look_up
        self._tls = dialler_context()
        self._only_here = _is_loopback(listens_on)

    def call(self, way: Way, expected: NodeId | None, reached: Callable[[NodeId], bool]) -> tuple[NodeId, TlsStream]:
        """Go a way to a node; return who it is, and the connection on which both are introduced.

        `reached` hears who it is before this node has said who calls, and says whether the call goes on. Raises HandshakeError,
        OSError, ValueError.
        """
        if way.relay is None:
            with self._connected(way.place) as stream:
                peer = call(stream, expected, self._own_at(stream), self._deadline(), reached)
                self._check(peer)
                return peer, stream
        if expected is None:
            raise HandshakeError("nobody is named who is to be met there")
        self._check(way.relay)
        with self._connected(way.place) as outer:
            errand = relay_records.encode(Meet(bytes.fromhex(expected)))
            inner = TlsStream(self._spliced(outer, way.relay, errand), self._tls, server_side=False)
            peer = call(inner, expected, self._own._replace(port=0), self._deadline(), reached)
            self._check(peer)
            return peer, inner

    @contextmanager
    def come(self, way: Way, token: bytes) -> Iterator[RelayedSocket]:
        """Go to a relay where somebody waits; yield what leads to them. Raises HandshakeError, OSError, ValueError."""
        assert way.relay is not None
        with self._connected(way.place) as outer:
            yield self._spliced(outer, way.relay, relay_records.encode(Come(token)))

    def _spliced(self, outer: TlsStream, relay: NodeId, errand: bytes) -> RelayedSocket:
        call(outer, relay, self._own._replace(port=0), self._deadline(), errand=errand)
        return RelayedSocket(outer)

    def _own_at(self, stream: TlsStream) -> Own:
        # Who listens on the loopback address only is not to be found where it calls others from.
        return self._own._replace(port=0) if self._only_here and not _is_loopback(stream.local_host) else self._own

    def _check(self, peer: NodeId) -> None:
        refusal = self._gate.refusal_of_node(peer)
        if refusal:
            raise HandshakeError(refusal)

    def _deadline(self) -> int:
        return time.monotonic_ns() + self._limits.handshake

    @contextmanager
    def _connected(self, place: Place) -> Iterator[TlsStream]:
        """Connect to the first address of a host that answers; while it is used here, a shutdown breaks it."""
        trouble: OSError | None = None
        for family, kind, protocol, _, address in self._look_up(*place, type=socket.SOCK_STREAM):
            refusal = self._gate.refusal_of_host(str(address[0]))
            if refusal:
                trouble = OSError(refusal)
                continue
            try:
                sock = socket.socket(family, kind, protocol)
            except OSError as error:  # a system without IPv6, say: the name may have an IPv4 address too
                trouble = error
                continue
            with self._running.breakable(sock):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(self._limits.dial / 1e9)
                try:
                    sock.connect(address)
                except OSError as error:
                    sock.close()
                    trouble = error
                    continue
                yield TlsStream(sock, self._tls, server_side=False)
                return
        raise trouble or OSError("the name has no address")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"
