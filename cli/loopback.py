"""A run's nodes on real links: P2PNetworks on the loopback address of this machine, for `transport: p2p`.

Knows net's network and the recorder of a run: with `real_engine`, where sim and net meet. Must not know nodes. Every node knows where every
other one is, and a new life links to all that are up, so that announcements reach them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from claynet.actors.ports import Address, LinkId, Network, NodeId, Signer
from claynet.net.link.identity import Ed25519Signer
from claynet.net.link.p2p import P2PNetwork
from claynet.net.link.peer_link import P2PLimits
from claynet.net.threads.threads_system import ThreadsSystem
from claynet.sim.watch.recorder import Recorder

_HOST = "127.0.0.1"
_ALL = 100_000
_LIMITS = P2PLimits(unproven=1024, unproven_of_one=_ALL, links=_ALL, links_of_one=_ALL, links_of_peer=64)
"""All nodes have one address here, and all are ours."""


class LoopbackWiring:
    """A `Wiring` of the host's network."""

    faults = None
    """Nobody parts or changes the links of the host."""

    def __init__(self, system: ThreadsSystem, recorder: Recorder, now: Callable[[], int]) -> None:
        self._system = system
        self._recorder = recorder
        self._now = now
        self._lock = threading.Lock()
        self._up: dict[str, P2PNetwork] = {}
        self._ids: dict[str, NodeId] = {}
        self._names: dict[NodeId, str] = {}

    def signer(self, name: str) -> Signer:
        """Make a key that nobody else has."""
        made = Ed25519Signer(Ed25519PrivateKey.generate())
        with self._lock:
            self._ids[name], self._names[made.node_id] = made.node_id, name
        return made

    def handle(self, name: str, signer: Signer) -> Network:
        """Listen at a free port."""
        assert isinstance(signer, Ed25519Signer)
        network = P2PNetwork(self._system, signer, _HOST, limits=_LIMITS)
        with self._lock:
            for other, theirs in self._up.items():
                network.learn(self._ids[other], _HOST, theirs.port)
                theirs.learn(signer.node_id, _HOST, network.port)
            self._up[name] = network
        return _Heard(network, lambda link, data: self._sent(name, network, link, data))

    def joined(self, name: str) -> None:
        """Link it to all that are up."""
        with self._lock:
            others = [theirs.port for other, theirs in self._up.items() if other != name]
            network = self._up[name]
        for port in others:
            network.dial(_HOST, port)

    def cut(self, name: str) -> None:
        """Its links break."""
        with self._lock:
            network = self._up.pop(name, None)
        if network is not None:
            network.crash()

    def _sent(self, name: str, network: P2PNetwork, link: LinkId, data: bytes) -> None:
        peer = network.peer_of(link)
        if peer is not None:
            self._recorder.arrived(self._now(), "link", name, self._names.get(peer, ""), data)


class _Heard:
    """A Network port that says what is sent on links."""

    def __init__(self, network: P2PNetwork, sent: Callable[[LinkId, bytes], None]) -> None:
        self._network = network
        self._sent = sent

    def listen(self, address: Address) -> None:
        """Pass on."""
        self._network.listen(address)

    def connect(self, peer: NodeId, reply_to: Address) -> None:
        """Pass on."""
        self._network.connect(peer, reply_to)

    def attach(self, link: LinkId, address: Address) -> None:
        """Pass on."""
        self._network.attach(link, address)

    def send(self, link: LinkId, data: bytes) -> None:
        """Say it and pass it on."""
        self._sent(link, data)
        self._network.send(link, data)

    def waiting(self, link: LinkId) -> int:
        """Pass on."""
        return self._network.waiting(link)

    def close(self, link: LinkId) -> None:
        """Pass on."""
        self._network.close(link)

    def announce(self, data: bytes, to: NodeId | None = None) -> None:
        """Pass on."""
        self._network.announce(data, to)

    def shutdown(self) -> None:
        """Pass on."""
        self._network.shutdown()
