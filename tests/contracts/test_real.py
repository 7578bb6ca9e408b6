"""The contracts of all ports over the real world's implementations, and over the simulated network in real time."""

from __future__ import annotations

import threading
import time

import pytest

from claynet.actors.ports import MILLISECOND, Address
from claynet.net.link.p2p import P2PNetwork
from claynet.net.storage.disk_blobs import DiskBlobs
from claynet.net.storage.sqlite_store import SqliteStore
from claynet.net.threads.system_entropy import SystemEntropy
from claynet.net.threads.thread_jobs import ThreadJobs
from claynet.net.threads.threads_system import ThreadsSystem
from claynet.net.threads.wall_clock import WallClock
from claynet.sim.durations import Distribution
from claynet.sim.scenario.plan import LinkQuality
from claynet.sim.virtual.entropy import SeededEntropy
from claynet.sim.wire.memory import KeyedSigner
from claynet.sim.wire.network import SimNetwork, everywhere
from claynet.sim.wire.scheduler import ClockScheduler
from tests.contracts.actor_system import ActorSystemContract
from tests.contracts.blobs import BlobsContract
from tests.contracts.clock import ClockContract
from tests.contracts.driver import PATIENCE, ThreadDriver, probe
from tests.contracts.entropy import EntropyContract
from tests.contracts.jobs import ConcurrentJobsContract
from tests.contracts.network import AnnouncingContract, NetworkContract
from tests.contracts.signer import SignerContract
from tests.contracts.store import Effect, State, StoreContract
from tests.net.p2p_nodes import new_signer


@pytest.fixture(autouse=True)
def _no_thread_left_over():
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + PATIENCE
    for thread in set(threading.enumerate()) - before:
        thread.join(max(0.0, deadline - time.monotonic()))
    assert not set(threading.enumerate()) - before


class Threads:
    @pytest.fixture
    def system(self, _no_thread_left_over):
        made = ThreadsSystem()
        yield made
        assert made.shutdown() == []

    @pytest.fixture
    def driver(self):
        return ThreadDriver()


class TestThreadsSystem(Threads, ActorSystemContract):
    pass


class TestWallClock(Threads, ClockContract):
    @pytest.fixture
    def clock(self, system):
        made = WallClock(system)
        yield made
        made.close()


class TestSystemEntropy(EntropyContract):
    @pytest.fixture
    def entropy(self):
        return SystemEntropy()


class TestThreadJobs(Threads, ConcurrentJobsContract):
    @pytest.fixture
    def jobs(self, system):
        made = ThreadJobs(system, workers=2)
        yield made
        made.close()


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def open_store(self, tmp_path):
        lives = []

        def following():
            if lives:
                lives[-1].close()
            lives.append(SqliteStore(tmp_path / "node.db", State, Effect))
            return lives[-1]

        yield following
        for life in lives:
            life.close()


class TestDiskBlobs(BlobsContract):
    @pytest.fixture
    def blobs(self, tmp_path):
        return DiskBlobs(tmp_path / "blobs")

    @pytest.fixture
    def reopened(self, tmp_path):
        return lambda _before: DiskBlobs(tmp_path / "blobs")


class TestEd25519Signer(SignerContract):
    @pytest.fixture
    def signers(self):
        return new_signer(), new_signer()


class P2PParty:
    def __init__(self, system, name):
        self.address = Address(f"{name}#1/net")
        self.box = probe(system, self.address)
        signer = new_signer()
        self.node_id = signer.node_id
        self.network = P2PNetwork(system, signer)
        self.network.listen(self.address)


class P2PJoined:
    def __init__(self, system):
        self.system = system
        self.driver = ThreadDriver()
        self.parties = []

    def join(self, name):
        party = P2PParty(self.system, name)
        for other in self.parties:
            other.network.learn(party.node_id, "127.0.0.1", party.network.port)
            party.network.learn(other.node_id, "127.0.0.1", other.network.port)
        self.parties.append(party)
        return party


class TestP2PNetwork(Threads, NetworkContract):
    @pytest.fixture
    def world(self, system):
        made = P2PJoined(system)
        yield made
        for party in made.parties:
            party.network.shutdown()


class SimParty:
    def __init__(self, world, name):
        self.node_id = KeyedSigner(b"k" * 32, name).node_id
        self.network = world.network.handle(name, self.node_id)
        self.address = Address(f"{name}#1/net")
        self.box = probe(world.system, self.address)
        self.network.listen(self.address)


class SimInRealTime:
    def __init__(self, system, clock):
        self.system = system
        self.driver = ThreadDriver()
        quality = everywhere(LinkQuality(Distribution.uniform(0, 3 * MILLISECOND), 1_000_000_000, 0.0))
        self.network = SimNetwork(ClockScheduler(system, clock), system, quality, SeededEntropy(3))

    def join(self, name):
        return SimParty(self, name)


class TestSimNetworkInRealTime(Threads, AnnouncingContract):
    @pytest.fixture
    def world(self, system):
        clock = WallClock(system)
        yield SimInRealTime(system, clock)
        clock.close()
