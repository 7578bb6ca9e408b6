"""One life of one node on the simulated network: the Network port, and the ends of its links.

Knows the port's promises (who is told what, when nobody is attached yet, after a close). Must not know delays, loss or partitions.
"""

from __future__ import annotations

from threading import RLock
from typing import Protocol

from claynet.actors.ports import ActorSystem, Address, LinkBytes, LinkDown, LinkId, NodeId
from claynet.sim.wire.wires import Ended, Wire


class Fabric(Protocol):
    """What a handle asks of the network that it hangs on. All but `lock` and `system` under the lock."""

    lock: RLock
    system: ActorSystem

    def connect(self, caller: SimHandle, peer: NodeId, reply_to: Address) -> None:
        """Begin a connect."""

    def announce(self, sender: SimHandle, data: bytes, to: NodeId | None) -> None:
        """Send an announcement."""

    def gone(self, life: SimHandle) -> None:
        """Forget a life."""


class End:
    """One end of a link: `out` leads to the other end."""

    __slots__ = ("address", "kept", "life", "link", "open", "out", "peer")

    out: Wire

    def __init__(self, life: SimHandle, link: LinkId, peer: str) -> None:
        self.life = life
        self.link = link
        self.peer = peer
        self.open = True
        self.address: Address | None = None
        self.kept: list[LinkBytes | LinkDown] = []

    def received(self, data: bytes) -> None:
        """Bytes are here."""
        self._tell(LinkBytes(self.link, data))

    def ended(self, reason: str) -> None:
        """The other end closed or broke: tell, unless this end was closed before."""
        if self.open:
            self.open = False
            self._tell(LinkDown(self.link, reason))
            # Nothing arrives any more, so the other direction only has to tell the network that it is over.
            self.out.put(Ended("closed"))

    def attach(self, address: Address) -> None:
        """Tell what was kept, and from now on everything, to `address`."""
        self.address = address
        kept, self.kept = self.kept, []
        for message in kept:
            self._tell(message)

    def _tell(self, message: LinkBytes | LinkDown) -> None:
        if self.address is None:
            self.kept.append(message)
            return
        self.life.fabric.system.tell(self.address, message)
        if isinstance(message, LinkDown):
            self.life.forget(self)


class SimHandle:
    """Implements `ports.Network` for one life of a node. After `shutdown` or a crash it does nothing."""

    def __init__(self, fabric: Fabric, name: str, node_id: NodeId) -> None:
        self.fabric = fabric
        self.name = name
        self.node_id = node_id
        self.listening: Address | None = None
        self.dead = False
        self._ends: dict[LinkId, End] = {}
        self._links = 0

    def listen(self, address: Address) -> None:
        """Send LinkUp of incoming links, and Announced, to `address`."""
        with self.fabric.lock:
            if not self.dead:
                self.listening = address

    def connect(self, peer: NodeId, reply_to: Address) -> None:
        """Try to make a link; LinkUp or LinkFailed goes to `reply_to`, exactly one."""
        with self.fabric.lock:
            if not self.dead:
                self.fabric.connect(self, peer, reply_to)

    def attach(self, link: LinkId, address: Address) -> None:
        """From now on LinkBytes and LinkDown of this link go to `address`; what came before is delivered first."""
        with self.fabric.lock:
            end = self._ends.get(link)
            if end is not None:
                end.attach(address)

    def send(self, link: LinkId, data: bytes) -> None:
        """Send encoded bytes. On a link that is down or unknown they are dropped."""
        with self.fabric.lock:
            end = self._ends.get(link)
            if end is not None and end.open and data:
                end.out.put(data)

    def waiting(self, link: LinkId) -> int:
        """How many bytes of this link wait for the node's uplink; 0 for one that is down or unknown."""
        with self.fabric.lock:
            end = self._ends.get(link)
            return end.out.waiting if end is not None and end.open else 0

    def close(self, link: LinkId) -> None:
        """Close; bytes already sent still arrive, then the peer hears LinkDown. Idempotent."""
        with self.fabric.lock:
            end = self._ends.pop(link, None)
            if end is not None and end.open:
                end.open = False
                end.out.put(Ended("closed by peer"))

    def announce(self, data: bytes, to: NodeId | None = None) -> None:
        """Best effort to every other node, or to one."""
        with self.fabric.lock:
            if not self.dead:
                self.fabric.announce(self, data, to)

    def shutdown(self) -> None:
        """Close every link and stop listening. Idempotent."""
        with self.fabric.lock:
            for link in list(self._ends):
                self.close(link)
            self.listening = None
            self.dead = True
            self.fabric.gone(self)

    # ------------------------------------------------------------ for the network, under its lock

    def new_end(self, peer: str) -> End:
        """Make an end of a link to a node of that name."""
        self._links += 1
        end = End(self, LinkId(self._links), peer)
        self._ends[end.link] = end
        return end

    def forget(self, end: End) -> None:
        """An end is down and its last message told."""
        self._ends.pop(end.link, None)

    def die(self, reason: str) -> None:
        """Crash: every link breaks."""
        self.dead = True
        self.listening = None
        for end in self._ends.values():
            if end.open:
                end.open = False
                end.out.cut(reason)
        self._ends.clear()
        self.fabric.gone(self)
