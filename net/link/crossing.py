"""Calls of one node that are under way, and what becomes of them when the other node calls at the same time: one link, not two.

Knows ids and when each call got how far. Must not know connections or threads: whoever calls says how far it is, under a lock.

The node with the lower id decides, since two that decide could decide differently. Its own call wins once it has reached the other
node (which has shown its certificate there); until then the other's call wins if it comes in first, so that a call to a dead
address holds up nobody. Either way the losing call ends within its handshake: no link stood, so nothing was sent on it that could be
lost or arrive twice. Links that stand already play no part: the peer of one that is dead without knowing it may call anew at any time.
"""

from __future__ import annotations

from dataclasses import dataclass

from claynet.actors.ports import SECOND, Address, NodeId

RECENT = 5 * SECOND
"""A call that reached its node that long ago and has no answer is stuck: it turns nobody away."""


@dataclass(slots=True, eq=False)
class Call:
    """One call under way."""

    peer: NodeId | None
    """None: whoever answers."""
    up: Address | None
    """Who is to hear of its link alone; None: whoever listens."""
    order: int
    reached: int = 0
    """When the peer had shown who it is; 0: not yet."""
    met: bool = False
    """A call of the peer's gave `up` its link."""


class Crossings:
    """The calls of one node. Times are monotonic ns, given in."""

    def __init__(self, own: NodeId) -> None:
        self._own = own
        self._calls: list[Call] = []
        self._order = 0
        self._came: dict[NodeId, int] = {}
        """When a call of that peer's became a link, as long as there are calls that began before."""
        self._made: dict[NodeId, int] = {}
        """When a call to that peer became a link, as long as callers are heard that may have called before."""
        self._hearing = 0
        self._entering: dict[NodeId, int] = {}

    def begin(self, peer: NodeId | None, up: Address | None) -> Call:
        """A call begins."""
        call = Call(peer, up, self._order)
        self._calls.append(call)
        return call

    def reached(self, call: Call, peer: NodeId, now: int) -> bool:
        """The other side has shown that it is `peer`; tell whether the call goes on. If not, a call of the peer's is the better one."""
        call.peer = peer
        if self.is_settled(call) or self._entering.get(peer):
            return False
        call.reached = now
        return True

    def hears(self) -> int:
        """Somebody is calling; return since when. `heard` follows."""
        self._hearing += 1
        return self._order

    def heard(self) -> None:
        """Whether that call goes on is decided."""
        self._hearing -= 1
        if not self._hearing:
            self._made.clear()

    def lets_in(self, peer: NodeId, since: int, now: int) -> bool:
        """Who calls `since` then is this peer; tell whether its call goes on. If so, `entered` or `fell_through` follows."""
        if self._own < peer:
            if self._made.get(peer, 0) > since:
                return False
            if any(
                call.peer == peer and call.reached and now - call.reached < RECENT and not self.is_settled(call) for call in self._calls
            ):
                return False
        self._entering[peer] = self._entering.get(peer, 0) + 1
        return True

    def entered(self, peer: NodeId) -> Address | None:
        """A call that was let in is a link now; return who had called that peer and is to have it, None when nobody had."""
        self._leave(peer)
        if self._calls:
            self._order += 1
            self._came[peer] = self._order
        for call in self._calls:
            if call.peer == peer and call.up is not None and not call.met:
                call.met = True
                return call.up
        return None

    def fell_through(self, peer: NodeId) -> None:
        """A call that was let in came to nothing."""
        self._leave(peer)

    def is_settled(self, call: Call) -> bool:
        """Tell whether a call needs no link any more: one came by a call of the peer's."""
        if call.up is not None:
            return call.met
        return call.peer is not None and self._came.get(call.peer, 0) > call.order

    def end(self, call: Call, *, made: bool) -> bool:
        """A call is over, and has made a link or not; tell whether its outcome is still owed."""
        owed = not self.is_settled(call)
        self._calls.remove(call)
        if made and self._hearing and call.peer is not None:
            self._order += 1
            self._made[call.peer] = self._order
        if not self._calls:
            self._came.clear()
        return owed

    def _leave(self, peer: NodeId) -> None:
        left = self._entering[peer] - 1
        if left:
            self._entering[peer] = left
        else:
            del self._entering[peer]
