"""One live node: its ports made of net's parts over a data dir, and its node.

Knows which implementation of each port a live node has, and the layout of a data dir. Must not know the command line. The layout:
`identity.pem`, `node.sqlite`, `blobs/`, `work/` (one folder per environment).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from claynet.actors.config import NodeConfig
from claynet.actors.environment import Environment
from claynet.actors.ledger import EmbeddedLedger
from claynet.actors.node import EFFECT_TYPES, STATE_TYPES, Node, build_node
from claynet.actors.ports import SECOND, Blobs, EventSink, NodeId
from claynet.actors.world import Ports
from claynet.net.app_shelf import AppShelf
from claynet.net.blob_sweep import BlobSweep
from claynet.net.lending import Lending
from claynet.net.link.access import Access, AccessRecord
from claynet.net.link.address_book import AddressBook, BookRecord
from claynet.net.link.identity import Ed25519Signer, load_or_make_key
from claynet.net.link.p2p import P2PNetwork
from claynet.net.link.peers import Peers
from claynet.net.link.relay import RelayLimits
from claynet.net.storage.data_dir import DataDir
from claynet.net.storage.disk_blobs import DiskBlobs
from claynet.net.storage.seen_store import SeenStore
from claynet.net.storage.sqlite_store import SqliteStore
from claynet.net.threads.system_entropy import SystemEntropy
from claynet.net.threads.thread_jobs import ThreadJobs
from claynet.net.threads.threads_system import ThreadsSystem
from claynet.net.threads.wall_clock import WallClock
from claynet.net.view.event_hub import EventHub
from claynet.net.view.node_view import NodeView
from claynet.net.view.result_keeper import ResultKeeper
from claynet.net.view.values import RECORDS

OPENING_BALANCE = 1_000 * SECOND
"""Test tokens of a new node, in 10^-9 token."""

RESERVE = 256 << 20
"""Bytes of the disk that files of tasks never take: what a node remembers goes on being written when they fill it."""
_SHARE = 8
"""Of a small disk this part of it is enough."""

MakeEnvironments = Callable[[Path, Blobs], Mapping[str, Environment]]
"""Given the data dir's `work` folder and the node's blobs, returns environments by name."""


class _Lives(msgspec.Struct, frozen=True, tag="lives"):
    """How often this node was started: addresses of actors are never reused."""

    count: int


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """How a node is reached."""

    host: str = "127.0.0.1"
    """Where it listens; empty: it cannot be called."""
    port: int = 0
    """0: one is chosen."""
    network: str = ""
    """Nodes of another network are not talked to."""
    relay: RelayLimits | None = None
    """What it lends as a relay; None: nothing."""
    meets: bool = True
    """Whether it meets others at relays."""


class LiveNode:
    """A node on this machine; use it as a context manager.

    Raises StoreError, KeyFileError or OSError when its data dir cannot be used.
    """

    def __init__(
        self,
        data_dir: Path,
        config: NodeConfig,
        environments: MakeEnvironments,
        sink: EventSink,
        link: LinkOptions | None = None,
        balance: int = OPENING_BALANCE,
    ) -> None:
        """`sink` hears every event; `balance` is what a new node owns, in 10^-9 token."""
        link = link or LinkOptions()
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.data_dir = DataDir(data_dir)
        self._host = link.host
        self.view = NodeView()
        self._signer = Ed25519Signer(load_or_make_key(data_dir / "identity.pem"))
        with ExitStack() as undo:
            kept = STATE_TYPES | _Lives | AccessRecord | BookRecord | RECORDS
            self._store = SeenStore(SqliteStore(data_dir / "node.sqlite", kept, EFFECT_TYPES), self.view.committed)
            undo.callback(self._store.close)
            self.view.load(self._store.load())
            self._system = ThreadsSystem()
            undo.callback(self._system.shutdown)
            self._clock = WallClock(self._system)
            undo.callback(self._clock.close)
            self._jobs = ThreadJobs(self._system)
            undo.callback(self._jobs.close)
            self.access = Access(self._store)
            self.book = AddressBook(self._signer.node_id, self._store)
            self._network = self._make_network(link)
            undo.callback(self._network.shutdown)
            self.peers = Peers(self._network, self.access)
            self._blobs = DiskBlobs(data_dir / "blobs", _reserve(data_dir))
            self.sweep = BlobSweep(self._blobs, self.view)
            self.results = ResultKeeper(self._store, self.view, self._blobs)
            self.hub = EventHub(self.view.on_event, self.results.on_event, lambda event: sink.emit(event.kind, **event.fields))
            self.apps = AppShelf(self.data_dir.apps, self._store, config.descriptors)
            config = replace(config, descriptors=self.apps.files, disabled_apps=self.apps.disabled | config.disabled_apps)
            ports = self._make_ports(environments(data_dir / "work", self._blobs), balance)
            self.node: Node = build_node(replace(config, life=self._next_life()), ports)
            self.lending = Lending(self.node, self._store, self.view)
            undo.pop_all()

    @property
    def node_id(self) -> NodeId:
        """This node's id."""
        return self._signer.node_id

    @property
    def port(self) -> int:
        """The TCP port that it listens on, once entered; 0: it does not listen."""
        return self._network.port

    @property
    def listens(self) -> str:
        """HOST:PORT of that; empty: it does not listen."""
        if not self._host:
            return ""
        return f"[{self._host}]:{self.port}" if ":" in self._host else f"{self._host}:{self.port}"

    @property
    def network(self) -> P2PNetwork:
        """Its links."""
        return self._network

    @property
    def store(self) -> SeenStore:
        """What it remembers."""
        return self._store

    @property
    def environments(self) -> Mapping[str, Environment]:
        """What runs apps on it, by name."""
        return self.node.ports.environments

    @property
    def blobs(self) -> DiskBlobs:
        """Where a task's inputs are put before it is created."""
        return self._blobs

    @property
    def deliveries(self) -> int:
        """Messages that reached an actor of this life."""
        return self._system.deliveries

    @property
    def balance(self) -> int:
        """Test tokens owned, in 10^-9 token."""
        return self.node.ports.ledger.balance()

    def dial(self, host: str, port: int) -> None:
        """Make a link to a node by its address; announcements travel over it from then on."""
        self._network.dial(host, port)

    def __enter__(self) -> Self:
        try:
            self.results.start(self.hub.emit)
            self.node.start()
            self.lending.start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.node.stop()
        self._close()

    def _make_network(self, link: LinkOptions) -> P2PNetwork:
        return P2PNetwork(
            self._system,
            self._signer,
            link.host,
            link.port,
            gate=self.access,
            network=link.network,
            hearsay=self.book,
            relay=link.relay,
            meets=link.meets,
        )

    def _make_ports(self, environments: Mapping[str, Environment], balance: int) -> Ports:
        return Ports(
            system=self._system,
            clock=self._clock,
            entropy=SystemEntropy(),
            jobs=self._jobs,
            network=self._network,
            signer=self._signer,
            blobs=self._blobs,
            store=self._store,
            ledger=EmbeddedLedger(self._store, balance),
            environments=environments,
            sink=self.hub,
        )

    def _close(self) -> None:
        self.results.stop()
        self._jobs.close()
        self._system.shutdown()
        self._clock.close()
        self._network.shutdown()
        self._blobs.close()
        self._store.close()
        self.hub.close()

    def _next_life(self) -> int:
        lives = next((state.count for key, state, _ in self._store.load() if key == "lives"), 0) + 1
        self._store.append("lives", _Lives(lives))
        return lives


def _reserve(folder: Path) -> int:
    """Return how many bytes stay free; none where the file system does not say how large it is."""
    disk = os.statvfs(folder)
    return min(RESERVE, disk.f_blocks * disk.f_frsize // _SHARE)
