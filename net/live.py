"""One live node: its ports made of net's parts over a data dir, and its node.

Knows which implementation of each port a live node has, and the layout of a data dir. Must not know the command line. The layout:
`identity.pem`, `node.sqlite`, `blobs/`, `work/` (one folder per environment).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
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
from claynet.net.disk_blobs import DiskBlobs
from claynet.net.identity import Ed25519Signer, load_or_make_key
from claynet.net.p2p import P2PNetwork
from claynet.net.sqlite_store import SqliteStore
from claynet.net.system_entropy import SystemEntropy
from claynet.net.thread_jobs import ThreadJobs
from claynet.net.threads_system import ThreadsSystem
from claynet.net.wall_clock import WallClock

OPENING_BALANCE = 1_000 * SECOND
"""Test tokens of a new node, in 10^-9 token."""

MakeEnvironments = Callable[[Path, Blobs], Mapping[str, Environment]]
"""Given the data dir's `work` folder and the node's blobs, returns environments by name."""


class _Lives(msgspec.Struct, frozen=True, tag="lives"):
    """How often this node was started: addresses of actors are never reused."""

    count: int


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
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._signer = Ed25519Signer(load_or_make_key(data_dir / "identity.pem"))
        self._store = SqliteStore(data_dir / "node.sqlite", STATE_TYPES | _Lives, EFFECT_TYPES)
        self._blobs = DiskBlobs(data_dir / "blobs")
        self._system = ThreadsSystem()
        self._clock = WallClock(self._system)
        self._jobs = ThreadJobs(self._system)
        self._network = P2PNetwork(self._system, self._signer, host, port)
        ports = Ports(
            system=self._system,
            clock=self._clock,
            entropy=SystemEntropy(),
            jobs=self._jobs,
            network=self._network,
            signer=self._signer,
            blobs=self._blobs,
            store=self._store,
            ledger=EmbeddedLedger(self._store, OPENING_BALANCE),
            environments=environments(data_dir / "work", self._blobs),
            sink=sink,
        )
        self.node: Node = build_node(replace(config, life=self._next_life()), ports)

    @property
    def node_id(self) -> NodeId:
        """This node's id."""
        return self._signer.node_id

    @property
    def port(self) -> int:
        """The TCP port that it listens on, once entered."""
        return self._network.port

    @property
    def blobs(self) -> DiskBlobs:
        """Where a task's inputs are put before it is created."""
        return self._blobs

    @property
    def balance(self) -> int:
        """Test tokens owned, in 10^-9 token."""
        return self.node.ports.ledger.balance()

    def dial(self, host: str, port: int) -> None:
        """Make a link to a node by its address; announcements travel over it from then on."""
        self._network.dial(host, port)

    def __enter__(self) -> Self:
        try:
            self.node.start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.node.stop()
        self._close()

    def _close(self) -> None:
        self._jobs.close()
        self._system.shutdown()
        self._clock.close()
        self._network.shutdown()
        self._store.close()

    def _next_life(self) -> int:
        lives = next((state.count for key, state, _ in self._store.load() if key == "lives"), 0) + 1
        self._store.append("lives", _Lives(lives))
        return lives
