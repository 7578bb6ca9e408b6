"""Wiring: what joins a world's nodes, and who they are to each other; and the simulated kind of it.

Knows names of nodes. Must not know nodes' insides, nor when anything happens. The kind that uses the host's network comes from above.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from claynet.actors.ports import Network, Signer
from claynet.sim.scenario.plan import LinkChange
from claynet.sim.wire.links import Links
from claynet.sim.wire.memory import KeyedSigner
from claynet.sim.wire.network import SimNetwork


class LinkFaults(Protocol):
    """What can be done to links."""

    def partition(self, sides: tuple[tuple[str, ...], ...]) -> Callable[[], None]:
        """Part the sides from each other; call what is returned to heal."""

    def change(self, left: tuple[str, ...], right: tuple[str, ...], change: LinkChange) -> Callable[[], None]:
        """Change links in both directions; call what is returned to change them back."""


class Wiring(Protocol):
    """Links between the nodes of one run."""

    @property
    def faults(self) -> LinkFaults | None:
        """What can be done to these links; None: nothing, they are not ours."""

    def signer(self, name: str) -> Signer:
        """Make a node's identity: once, it outlasts its lives."""

    def handle(self, name: str, signer: Signer) -> Network:
        """Make the Network port of a node's next life."""

    def joined(self, name: str) -> None:
        """A node's life has begun: it listens."""

    def cut(self, name: str) -> None:
        """A node's life has ended without a word. Ignored for one that is down."""


class SimulatedWiring:
    """A SimNetwork, and identities that need no keys: a node of a simulated world cannot read another's memory."""

    def __init__(self, network: SimNetwork, links: Links, world_key: bytes) -> None:
        self._network = network
        self._world_key = world_key
        self.faults: LinkFaults = _SimulatedFaults(network, links)

    def signer(self, name: str) -> Signer:
        """Make it of the world's key and the name."""
        return KeyedSigner(self._world_key, name)

    def handle(self, name: str, signer: Signer) -> Network:
        """Make the Network port of a node's next life."""
        return self._network.handle(name, signer.node_id)

    def joined(self, name: str) -> None:
        """Everybody hears everybody in a simulated network."""

    def cut(self, name: str) -> None:
        """Its peers hear LinkDown one latency from now."""
        self._network.cut(name)


class _SimulatedFaults:
    """What happens to the links of a SimNetwork."""

    def __init__(self, network: SimNetwork, links: Links) -> None:
        self._network = network
        self._links = links

    def partition(self, sides: tuple[tuple[str, ...], ...]) -> Callable[[], None]:
        """Part the sides; partitions add up."""
        self._network.partition(sides, True)
        return lambda: self._network.partition(sides, False)

    def change(self, left: tuple[str, ...], right: tuple[str, ...], change: LinkChange) -> Callable[[], None]:
        """Change links that stand, too."""
        undo = self._links.change(left, right, change)
        self._network.refresh()

        def back() -> None:
            undo()
            self._network.refresh()

        return back
