"""Other nodes, as an operator deals with them: who is linked, and making a link by an address.

Knows the network. Must not know what links carry.
"""

from __future__ import annotations

import threading
import time

from claynet.actors.ports import NodeId
from claynet.net.link.access import Access, AccessError, Block
from claynet.net.link.p2p import P2PNetwork

_LOOK = 0.02
"""Seconds between two looks at whether a link stands."""


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

    def connect(self, host: str, port: int, seconds: float, expected: NodeId | None = None) -> NodeId:
        """Make a link to whoever listens there, or to the node `expected`; return who it is. Raises PeerError."""
        reasons: list[str] = []
        refused = threading.Event()

        def failed(reason: str) -> None:
            reasons.append(reason)
            refused.set()

        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        before = {peer for peer, where in self.linked().items() if where == place}
        if before:
            return before.pop()
        self._network.dial(host, port, failed, expected)
        until = time.monotonic() + seconds
        while not refused.wait(_LOOK):
            found = next((peer for peer, where in self.linked().items() if where == place), None)
            if found is not None:
                return found
            if time.monotonic() > until:
                raise PeerError(f"{place} did not answer within {seconds:g} s")
        raise PeerError(reasons[0])
