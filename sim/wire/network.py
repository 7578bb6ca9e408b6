"""The simulated network: delay, bandwidth, loss, partitions and crashes between named nodes, carrying encoded bytes.

Knows nodes by name and id, and a scheduler. Must not know what the bytes mean, nor whether time is virtual; it may be used from many
threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from threading import RLock
from typing import Final, Literal, Protocol

from claynet.actors.ports import SECOND, ActorSystem, Address, Announced, Entropy, LinkFailed, LinkUp, NodeId
from claynet.sim.wire.network_handle import End, SimHandle
from claynet.sim.wire.scheduler import Scheduler
from claynet.sim.wire.wires import Access, Ended, Path, Quality, Wire

CONNECT_TIMEOUT: Final = 5 * SECOND
"""After this a connect into a partition fails, ns."""


class NetworkObserver(Protocol):
    """Hears of everything that arrives at a node that is up."""

    def arrived(self, at: int, kind: Literal["link", "announcement"], source: str, target: str, data: bytes) -> None:
        """Take one arrival; `at` is the scheduler's time in ns, source and target are node names."""


class _Unobserved:
    def arrived(self, at: int, kind: Literal["link", "announcement"], source: str, target: str, data: bytes) -> None:
        pass


def everywhere(quality: Quality) -> Callable[[str, str], Quality]:
    """The same quality between all nodes."""
    return lambda _source, _target: quality


class SimNetwork:
    """The world's network. `handle` gives each life of a node its Network port.

    A connect takes one and a half round trips. During a partition bytes on links are held and arrive one latency after the heal,
    connects fail after five seconds, announcements are lost. How bytes queue is told by `wires.Wire`: a shared uplink for each sender
    and a shared downlink for each receiver, at the bandwidth of the path in use; announcements are small and take none.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        system: ActorSystem,
        quality: Callable[[str, str], Quality],
        entropy: Entropy,
        observer: NetworkObserver | None = None,
    ) -> None:
        """`quality(source, target)` is asked once for each direction in use; see `refresh`."""
        self.lock = RLock()
        self.scheduler = scheduler
        self.system = system
        self._quality = quality
        self._entropy = entropy
        self._observer: NetworkObserver = _Unobserved() if observer is None else observer
        self._accesses: dict[str, Access] = {}
        self._paths: dict[tuple[str, str], Path] = {}
        self._announcing: dict[str, Entropy] = {}
        self._lives: dict[str, SimHandle] = {}  # by name, in the order of first coming up; dead ones are taken out
        self._known: dict[NodeId, str] = {}
        self._partitions: list[dict[str, int]] = []
        self._wires: dict[Wire, None] = {}  # as an ordered set: what a heal has to look at

    # ------------------------------------------------------------ for the world

    def handle(self, name: str, node_id: NodeId) -> SimHandle:
        """Make the Network port of a new life of a node. Raises ValueError while another life of that name is up."""
        with self.lock:
            if name in self._lives:
                raise ValueError(f"node {name!r} is up already")
            self._accesses.setdefault(name, Access(name))
            self._known[node_id] = name
            life = SimHandle(self, name, node_id)
            self._lives[name] = life
            return life

    def cut(self, name: str) -> None:
        """Crash a node: it hears nothing more, its peers hear LinkDown one latency from now. Ignored when it is down."""
        with self.lock:
            life = self._lives.get(name)
            if life is not None:
                life.die("peer is gone")

    def partition(self, groups: Iterable[Iterable[str]], on: bool) -> None:
        """Part nodes of different groups from each other, or (`on` false) end that partition. Nodes in no group reach everybody.

        Partitions add up. Raises ValueError when one to be ended does not stand, or a node is in two groups.
        """
        sides: dict[str, int] = {}
        for number, group in enumerate(groups):
            for name in sorted(group):
                if sides.setdefault(name, number) != number:
                    raise ValueError(f"node {name!r} is on two sides of a partition")
        with self.lock:
            if on:
                self._partitions.append(sides)
                return
            if sides not in self._partitions:
                raise ValueError("no such partition stands")
            parted = [wire for wire in self._wires if not wire.empty and self.is_parted(wire.path.source.name, wire.path.target.name)]
            self._partitions.remove(sides)
            for wire in parted:
                if not self.is_parted(wire.path.source.name, wire.path.target.name):
                    wire.resume()

    def refresh(self) -> None:
        """Ask for the quality of every path again; what is on the way keeps its times."""
        with self.lock:
            for (source, target), path in self._paths.items():
                path.quality = self._quality(source, target)

    def is_parted(self, source: str, target: str) -> bool:
        """Tell whether a partition stands between two nodes."""
        for sides in self._partitions:
            left, right = sides.get(source), sides.get(target)
            if left is not None and right is not None and left != right:
                return True
        return False

    @property
    def nodes(self) -> list[str]:
        """The names of the nodes that are up."""
        return list(self._lives)

    # ------------------------------------------------------------ for handles, under the lock

    def connect(self, caller: SimHandle, peer: NodeId, reply_to: Address) -> None:
        """Begin a connect; LinkUp or LinkFailed goes to `reply_to`."""
        name, started = self._known.get(peer), self.scheduler.now()
        if name is None or name == caller.name:
            reason = "no node of that id is known" if name is None else "a node does not link to itself"
            self._fail(caller, peer, reply_to, reason)
        elif self.is_parted(caller.name, name):
            self._fail(caller, peer, reply_to, "timed out", started + CONNECT_TIMEOUT)
        else:
            there, back = self._path(caller.name, name), self._path(name, caller.name)
            at = started + there.delay() + back.delay() + there.delay()
            self.scheduler.call(at, partial(self._connected, caller, name, peer, reply_to, started))

    def announce(self, sender: SimHandle, data: bytes, to: NodeId | None) -> None:
        """Send to every other node that is up, or to one; each copy may be lost."""
        stream = self._announcing.get(sender.name)
        if stream is None:
            stream = self._announcing[sender.name] = self._entropy.stream(f"announce/{sender.name}")
        names = list(self._lives) if to is None else [self._known.get(to, "")]
        now = self.scheduler.now()
        for name in names:
            if name == sender.name or name not in self._lives:
                continue
            quality = self._quality(sender.name, name)
            at = now + quality.latency.sample(stream)
            lost = quality.loss > 0.0 and stream.fraction() < quality.loss
            if not lost and not self.is_parted(sender.name, name):
                self.scheduler.call(at, partial(self._announced, sender.name, self._lives[name], data))

    def gone(self, life: SimHandle) -> None:
        """A life has ended."""
        if self._lives.get(life.name) is life:
            del self._lives[life.name]

    # ------------------------------------------------------------ arrivals

    def _path(self, source: str, target: str) -> Path:
        path = self._paths.get((source, target))
        if path is None:
            stream = self._entropy.stream(f"link/{source}->{target}")
            path = Path(self._accesses[source], self._accesses[target], self._quality(source, target), stream)
            self._paths[source, target] = path
        return path

    def _fail(self, caller: SimHandle, peer: NodeId, reply_to: Address, reason: str, at: int = 0) -> None:
        def tell() -> None:
            with self.lock:
                if not caller.dead:
                    self.system.tell(reply_to, LinkFailed(peer, reason))

        self.scheduler.call(max(at, self.scheduler.now()), tell)

    def _connected(self, caller: SimHandle, name: str, peer: NodeId, reply_to: Address, started: int) -> None:
        with self.lock:
            called = self._lives.get(name)
            if caller.dead:
                return
            if self.is_parted(caller.name, name):
                self._fail(caller, peer, reply_to, "timed out", started + CONNECT_TIMEOUT)
            elif called is None or called.node_id != peer or called.listening is None:
                self._fail(caller, peer, reply_to, "refused: nobody listens there")
            else:
                near, far = caller.new_end(called.name), called.new_end(caller.name)
                near.out, far.out = self._wire(far), self._wire(near)
                self.system.tell(called.listening, LinkUp(far.link, caller.node_id, incoming=True))
                self.system.tell(reply_to, LinkUp(near.link, peer, incoming=False))

    def _wire(self, end: End) -> Wire:
        """Make the direction towards an end."""
        wire = Wire(self._path(end.peer, end.life.name), self.scheduler, partial(self._arrived, end))
        self._wires[wire] = None
        return wire

    def _arrived(self, end: End, wire: Wire) -> None:
        with self.lock:
            source, target = wire.path.source.name, wire.path.target.name
            if self.is_parted(source, target):
                return  # held: the heal resumes it
            while (content := wire.take()) is not None:
                if isinstance(content, Ended):
                    self._wires.pop(wire, None)
                    end.ended(content.reason)
                elif end.open:
                    self._observer.arrived(self.scheduler.now(), "link", source, target, content)
                    end.received(content)

    def _announced(self, source: str, life: SimHandle, data: bytes) -> None:
        with self.lock:
            if life.dead or life.listening is None or self.is_parted(source, life.name):
                return
            self._observer.arrived(self.scheduler.now(), "announcement", source, life.name, data)
            self.system.tell(life.listening, Announced(data))
