"""The contracts of all ports but system and clock, on what the virtual world is made of."""

from __future__ import annotations

import pytest

from claynet.actors.ports import MILLISECOND, Address
from claynet.sim.durations import Distribution, Durations
from claynet.sim.scenario.plan import LinkQuality
from claynet.sim.virtual.entropy import SeededEntropy
from claynet.sim.virtual.jobs_direct import DirectJobs
from claynet.sim.virtual.jobs_paced import PacedJobs
from claynet.sim.virtual.system import VirtualSystem
from claynet.sim.wire.memory import KeyedSigner, MemoryBlobs, MemoryStore
from claynet.sim.wire.network import SimNetwork, everywhere
from claynet.sim.wire.scheduler import VirtualScheduler
from tests.contracts.blobs import BlobsContract
from tests.contracts.driver import VirtualDriver, probe
from tests.contracts.entropy import EntropyContract
from tests.contracts.jobs import ConcurrentJobsContract, JobsContract
from tests.contracts.network import AnnouncingContract, NetworkContract
from tests.contracts.signer import SignerContract
from tests.contracts.store import StoreContract
from tests.sim_core.test_contract_system import Virtual

WAN = LinkQuality(Distribution.lognormal(40 * MILLISECOND, 0.4), 50_000_000, 0.0)
LOSSY = LinkQuality(Distribution.exponential(80 * MILLISECOND), 2_000_000, 0.3)


class TestSeededEntropy(EntropyContract):
    @pytest.fixture
    def entropy(self):
        return SeededEntropy(7, "contract")


class TestDirectJobs(Virtual, JobsContract):
    @pytest.fixture
    def jobs(self, system):
        made = DirectJobs(system, Durations(), SeededEntropy(1))
        yield made
        made.close()


class TestPacedJobs(Virtual, ConcurrentJobsContract):
    @pytest.fixture
    def jobs(self, system):
        made = PacedJobs(system, Durations(), SeededEntropy(1), workers=2)
        yield made
        made.close()


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def open_store(self):
        lives = [MemoryStore()]

        def following():
            lives.append(lives[-1].reopen())
            return lives[-1]

        return following


class TestMemoryBlobs(BlobsContract):
    @pytest.fixture
    def blobs(self):
        return MemoryBlobs()

    @pytest.fixture
    def reopened(self):
        return lambda blobs: blobs


class TestKeyedSigner(SignerContract):
    @pytest.fixture
    def signers(self):
        return KeyedSigner(b"k" * 32, "a"), KeyedSigner(b"k" * 32, "b")

    def test_another_world_is_not_believed(self, signers):
        signature = KeyedSigner(b"x" * 32, "a").sign(b"data")
        assert not signers[1].verify(signers[0].node_id, b"data", signature)


class SimParty:
    def __init__(self, world, name):
        self.node_id = KeyedSigner(b"k" * 32, name).node_id
        self.network = world.network.handle(name, self.node_id)
        self.address = Address(f"{name}#1/net")
        self.box = probe(world.system, self.address)
        self.network.listen(self.address)


class SimJoined:
    def __init__(self, quality):
        self.system = VirtualSystem()
        self.driver = VirtualDriver(self.system)
        self.network = SimNetwork(VirtualScheduler(self.system), self.system, everywhere(quality), SeededEntropy(3))

    def join(self, name):
        return SimParty(self, name)


class TestSimNetwork(AnnouncingContract):
    @pytest.fixture
    def world(self):
        return SimJoined(WAN)


class TestLossySimNetwork(NetworkContract):
    @pytest.fixture
    def world(self):
        return SimJoined(LOSSY)
