"""The contracts of actor system and clock, on virtual time. Run alone over other versions of Pykka by test_pykka_range."""

from __future__ import annotations

import pytest

from claynet.actors.ports import SECOND
from claynet.sim.virtual.clock import VirtualClock
from claynet.sim.virtual.system import VirtualSystem
from tests.contracts.actor_system import ActorSystemContract
from tests.contracts.clock import ClockContract
from tests.contracts.driver import VirtualDriver


class Virtual:
    @pytest.fixture
    def system(self):
        return VirtualSystem()

    @pytest.fixture
    def driver(self, system):
        return VirtualDriver(system)


class TestVirtualSystem(Virtual, ActorSystemContract):
    pass


class TestVirtualClock(Virtual, ClockContract):
    @pytest.fixture(params=[(0, 0), (-90 * SECOND, 0), (0, 700), (5 * SECOND, -300)], ids=["true", "behind", "fast", "slow"])
    def clock(self, system, request):
        return VirtualClock(system, *request.param)
