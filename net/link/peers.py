"""Other nodes, as an operator deals with them: who is linked, and making a link by an address.

Knows the network. Must not know what links carry.
"""

from __future__ import annotations

import queue
from collections.abc import Callable

from claynet.actors.ports import NodeId
from claynet.net.link.access import Access, AccessError, Block
from claynet.net.link.p2p import P2PNetwork
from claynet.net.link.places import Place, where_is
from claynet.net.link.relay import RelayCounts


class PeerError(Exception):
    """A node is not reached, and why."""


class Peers:
    """The nodes that one node knows."""

    def __init__(self, network: P2PNetwork, access: Access) -> None:
        self._network = network
        self._access = access

    def linked(self) -> dict[NodeId, str]:
        """Return the nodes that a link stands to, and where each is."""
        return self._network.linked()

    def relayed(self) -> dict[NodeId, NodeId]:
        """Return the nodes whose link a relay carries, and that relay."""
        return self._network.relayed()

    @property
    def relaying(self) -> RelayCounts:
        """What this node does for others as a relay."""
        return self._network.relaying

    @property
    def turned_away(self) -> int:
        """Callers that were hung up on unheard."""
        return self._network.turned_away

    def refusals(self) -> list[str]:
        """Return why the latest callers were not let in."""
        return self._network.recent_refusals()

    def was_called(self) -> bool:
        """Tell whether any node has ever called in."""
        return self._network.was_called()

    def was_met(self) -> bool:
        """Tell whether any node has ever met this one at a relay."""
        return self._network.was_met()

    def blocks(self) -> tuple[Block, ...]:
        """Return whom this node does not deal with."""
        return self._access.blocks()

    def block(self, subject: str, duration: int, reason: str) -> Block:
        """Deal with a node or an address no more, for `duration` ns (0: for good); its links end now. Raises PeerError."""
        try:
            made = self._access.block(subject, duration, reason)
        except AccessError as error:
            raise PeerError(str(error)) from None
        self._network.part_with()
        return made

    def allow(self, subject: str) -> None:
        """Take a block back. Raises PeerError."""
        try:
            was_blocked = self._access.allow(subject)
        except AccessError as error:
            raise PeerError(str(error)) from None
        if not was_blocked:
            raise PeerError(f"{subject} is not blocked; `claynet peer list` shows what is")

    def connect(self, host: str, port: int, seconds: float) -> NodeId:
        """Make a link to whoever listens there; return who it is. Raises PeerError."""
        place = (host, port)
        before = self._network.linked_at(place)
        if before is not None:
            return before
        outcome: queue.SimpleQueue[NodeId | PeerError] = queue.SimpleQueue()
        self.call(place, outcome.put, lambda reason: outcome.put(PeerError(reason)))
        try:
            found = outcome.get(timeout=seconds)
        except queue.Empty:
            raise PeerError(f"{where_is(place)} did not answer within {seconds:g} s") from None
        if isinstance(found, PeerError):
            raise found
        return found

    def call(self, whom: Place | NodeId, linked: Callable[[NodeId], None], failed: Callable[[str], None]) -> None:
        """Make a link to whoever listens at a place, or to a node by any way that is known. Returns at once; one of the two hears, from
        any thread.
        """
        if isinstance(whom, str):
            self._network.reach(whom, linked, failed)
        else:
            self._network.dial(*whom, failed=failed, linked=linked)
