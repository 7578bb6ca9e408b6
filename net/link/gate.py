"""What the network asks of whoever knows other nodes: whom to deal with, and where they are.

Knows promises only, and the gate that is open to all. Must not know connections, nor where the answers come from.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from claynet.actors.ports import NodeId
from claynet.net.link.places import Way


class Gate(Protocol):
    """Whom a node deals with. Asked from any thread."""

    def refusal_of_node(self, node: NodeId) -> str:
        """Return why it is not dealt with; empty when it is."""

    def refusal_of_host(self, host: str) -> str:
        """The same of an IP address."""


class Here(NamedTuple):
    """What a relay tells of itself."""

    host: str
    """Where it is, as far as it knows."""
    port: int
    nodes: Collection[NodeId]
    """Who is to be met there."""


class Hearsay(Protocol):
    """Where nodes are. Called from any thread."""

    def proved(self, node: NodeId, host: str, port: int) -> None:
        """A node answered there."""

    def claimed(self, node: NodeId, host: str, port: int) -> None:
        """A node that called says that it listens there."""

    def ways(self, node: NodeId) -> Sequence[Way]:
        """Return how a node may be reached."""

    def tell(self, host: str, only: NodeId | None = None, here: Here | None = None) -> bytes:
        """Return what a peer at an address is told, and who is to be met `here`, at this node as a relay; empty: nothing."""

    def hear(self, peer: NodeId, host: str, data: bytes) -> None:
        """Take what a peer tells."""


class Open:
    """A gate that lets everybody in."""

    def refusal_of_node(self, node: NodeId) -> str:
        """Nobody is refused."""
        del node
        return ""

    def refusal_of_host(self, host: str) -> str:
        """Nobody is refused."""
        del host
        return ""
