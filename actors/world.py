"""What a node has of the world that it lives in: all the ports of one life.

Knows promises only. Must not know any implementation, nor whether time is real.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from claynet.actors.environment import Environment
from claynet.actors.ports import ActorSystem, Blobs, Clock, Entropy, EventSink, Jobs, Ledger, Network, Signer, Store


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
