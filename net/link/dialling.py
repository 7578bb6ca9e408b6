"""Calls to a node by all the ways that lead to it, until a link stands: by such a call, or by one of that node's own that came meanwhile.

Knows the order of things: which way next, when a call gives way, who hears of the outcome. Must not know how a connection is made, nor
what a link is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Protocol

from claynet.actors.ports import Address, NodeId
from claynet.net.link.calling import Calling
from claynet.net.link.crossing import Call, Crossings
from claynet.net.link.handshake import CrossedError, HandshakeError
from claynet.net.link.introduce import describe
from claynet.net.link.places import Way
from claynet.net.link.running import Running
from claynet.net.link.tls import TlsStream

_WAITS = (0.2, 0.4, 0.8, 1.6, 3.2, 0.0)
"""Seconds that a call waits for the one that it gave way to, before it is made again: together longer than `crossing.RECENT`."""


class Carry(Protocol):
    """Runs a link until its end."""

    def __call__(self, stream: TlsStream, peer: NodeId, way: Way, up: Address | None, linked: Callable[[NodeId], None]) -> bool:
        """`up` hears LinkUp (None: whoever listens), `linked` too; False at once when the network is shut down."""


class Dialling:
    """The calls of one network."""

    def __init__(self, calling: Calling, crossings: Crossings, running: Running, carry: Carry) -> None:
        self._calling = calling
        self._crossings = crossings
        self._running = running
        self._carry = carry

    def start(
        self,
        name: str,
        ways: Iterable[Way],
        expected: NodeId | None,
        up: Address | None,
        linked: Callable[[NodeId], None],
        failed: Callable[[str], None],
    ) -> str:
        """Call `expected`, or whoever answers, in a thread of this name; one of `linked` and `failed` hears. `up` is to have the link for
        itself; None: whoever listens has it. Return why the call could not even begin, of which neither hears; empty when it did.
        """
        with self._running.condition:
            call = self._crossings.begin(expected, up)
            try:
                self._running.start(lambda: self._call(call, ways, linked, failed), name)
            except OSError as error:
                self._crossings.end(call, made=False)
                return f"it could not be called ({describe(error)})"
        return ""

    def _call(self, call: Call, ways: Iterable[Way], linked: Callable[[NodeId], None], failed: Callable[[str], None]) -> None:
        running, crossings = self._running, self._crossings
        reasons = []
        for way in ways:
            if self._is_settled(call):
                break
            try:
                peer, stream = self._try(way, call)
            except (HandshakeError, OSError, ValueError, OverflowError) as error:  # the last two: no such host name or port
                text = error.reason if isinstance(error, HandshakeError) else describe(error)
                reasons.append(f"{way}: {text}")
                continue
            with running.condition:
                owed = crossings.end(call, made=True)
            # When the peer's call gave `up` its link already, this one is for whoever hears of links that nobody here asked for.
            if not self._carry(stream, peer, way, call.up if owed else None, linked) and owed:
                failed(f"{way}: the network is shut down")
            return
        with running.condition:
            owed = crossings.end(call, made=False)
        if owed:
            failed("; ".join(reasons))
        elif call.peer is not None:
            linked(call.peer)

    def _try(self, way: Way, call: Call) -> tuple[NodeId, TlsStream]:
        condition = self._running.condition

        def reached(peer: NodeId) -> bool:
            with condition:
                return self._crossings.reached(call, peer, time.monotonic_ns())

        def is_over() -> bool:
            return self._running.closed or self._crossings.is_settled(call)

        for seconds in _WAITS:
            try:
                return self._calling.call(way, call.peer, reached)
            except CrossedError:
                with condition:
                    condition.wait_for(is_over, seconds)
                    if is_over() or not seconds:
                        raise
        raise AssertionError("the last try returns or raises")

    def _is_settled(self, call: Call) -> bool:
        with self._running.condition:
            return self._crossings.is_settled(call)
