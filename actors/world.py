"""The world that nodes live in: all the ports of one node's life, and what can be done to a node.

Knows names and promises only. Must not know any implementation, nor whether time is real.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from claynet.actors.environment import Environment
from claynet.actors.ports import ActorSystem, Blobs, Clock, Entropy, EventSink, Jobs, Ledger, Network, Signer, Store

Capability = Literal["crash", "partition", "change_links"]


class World(Protocol):
    """Where nodes live, and what can be done to them. A fault that is not among its capabilities is refused before a run."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this world can do to nodes."""

    def ports_for(self, name: str) -> Ports:
        """Make the ports of a node's next life."""

    def crash(self, name: str) -> None:
        """End a node's life without a word; what its store committed stays."""

    def restart(self, name: str) -> None:
        """Begin the next life of a node that is down."""

    def partition(self, sides: tuple[tuple[str, ...], ...]) -> Callable[[], None]:
        """Part the sides from each other; call what is returned to heal."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything that one life of one node gets from its world."""

    system: ActorSystem
    clock: Clock
    entropy: Entropy
    jobs: Jobs
    network: Network
    signer: Signer
    blobs: Blobs
    store: Store
    ledger: Ledger
    environments: Mapping[str, Environment]
    sink: EventSink
