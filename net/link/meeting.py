"""Coming to a relay when it says that somebody wants to meet this node there.

Knows the relay's question and how to come. Must not know links, nor what the two say to each other then. How many meetings are under way
at once is bounded, in all and for one relay: a relay that asks more is told so.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from claynet.actors.ports import NodeId
from claynet.net.link.calling import Calling
from claynet.net.link.gate import Gate
from claynet.net.link.handshake import HandshakeError
from claynet.net.link.places import Way
from claynet.net.link.relay_records import Wanted
from claynet.net.link.relayed import RelayedSocket
from claynet.net.link.running import Running

_AT_ONCE = 16
_AT_ONE = 8
"""More than a relay lets anybody ask for from one address (`RelayLimits.of_one_address`): who does is not alone in being met."""

Met = Callable[[RelayedSocket, Way, NodeId], Callable[[], None]]
"""Hears whoever comes by a relay and should be that node; returns what to do with it then. Raises HandshakeError, OSError."""


class Meetings:
    """Those of one node. From any thread; `wanted` returns at once."""

    def __init__(
        self, calling: Calling, running: Running, gate: Gate, met: Met, note: Callable[[str, HandshakeError | OSError], None]
    ) -> None:
        """`note` hears why a meeting came to nothing."""
        self._calling = calling
        self._running = running
        self._gate = gate
        self._met = met
        self._note = note
        self._lock = threading.Lock()
        self._under_way: list[NodeId] = []

    def wanted(self, way: Way, message: Wanted, decline: Callable[[str], None]) -> None:
        """A relay, to be found that way, says who wants to meet this node; `decline` tells it why this node does not come."""
        assert way.relay is not None
        relay, node = way.relay, NodeId(message.node.hex())
        refusal = self._gate.refusal_of_node(node)
        with self._lock:
            if not refusal and (len(self._under_way) >= _AT_ONCE or self._under_way.count(relay) >= _AT_ONE):
                refusal = "it meets enough others just now"
            if not refusal:
                self._under_way.append(relay)
        if refusal:
            decline(refusal)
            return
        try:
            self._running.start(lambda: self._come(way, node, message.token), f"p2p-meets-{node[:8]}")
        except OSError:
            with self._lock:
                self._under_way.remove(relay)
            decline("it has no thread left to come")

    def _come(self, way: Way, node: NodeId, token: bytes) -> None:
        try:
            try:
                with self._calling.come(way, token) as conduit:
                    then = self._met(conduit, way, node)
            finally:
                with self._lock:
                    assert way.relay is not None
                    self._under_way.remove(way.relay)
        except (HandshakeError, OSError, ValueError) as error:
            self._note(str(way), error if isinstance(error, HandshakeError | OSError) else HandshakeError(str(error)))
            return
        then()
