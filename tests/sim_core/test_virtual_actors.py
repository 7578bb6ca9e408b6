"""What is special about Pykka actors on virtual time: no blocking, references for drivers, determinism across processes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pykka
import pytest

from claynet.actors.ports import Address
from claynet.sim.virtual.actor import BlockingGetError
from claynet.sim.virtual.system import VirtualSystem
from tests.contracts.driver import Box, Probe, probe

ME, OTHER = Address("n#1/me"), Address("n#1/other")


class Failing(Probe):
    """Does a thing that cannot be done; keeps the error."""

    def __init__(self, box, action):
        super().__init__(box)
        self.action = action

    def on_receive(self, message):
        self.action(self)

    def on_failure(self, kind, value, trace):
        self.box.add(value)


@pytest.fixture
def system():
    return VirtualSystem()


def failure(system, action):
    box = Box()
    system.spawn(Failing, box, action, address=ME)
    system.tell_at(1_234, ME, "go")
    system.run()
    assert len(box.heard) == 1
    return box.heard[0]


def test_a_blocking_ask_names_the_actor_and_the_time(system):
    probe(system, OTHER)
    error = failure(system, lambda actor: system.ref(OTHER).ask("anything"))
    assert isinstance(error, BlockingGetError)
    assert "n#1/me" in str(error)
    assert "1234 ns" in str(error)


def test_a_get_of_a_future_names_the_actor(system):
    error = failure(system, lambda actor: actor.actor_ref.ask("me", block=False).map(str).get())
    assert isinstance(error, BlockingGetError)
    assert "n#1/me" in str(error)


def test_a_thread_future_or_event_in_a_handler_is_refused_instead_of_hanging(system):
    assert "messages" in str(failure(system, lambda actor: pykka.ThreadingFuture().get()))


def test_an_event_in_a_handler_is_refused_instead_of_hanging(system):
    assert "messages" in str(failure(system, lambda actor: threading.Event().wait()))


def test_a_blocking_get_in_on_start_names_the_one_that_starts(system):
    class Starts(Failing):
        def on_start(self):
            self.actor_ref.ask("me")

    box = Box()
    system.spawn(Starts, box, None, address=OTHER)
    assert "n#1/other" in str(box.heard[0])


class Calculator(pykka.Actor):
    total = 0

    def on_receive(self, message):
        if message == "raise":
            raise LookupError("asked to")
        return message * 2

    def add(self, number):
        self.total += number
        return self.total


def test_a_driver_may_ask_and_use_proxies(system):
    ref = system.ref(system.spawn(Calculator, address=ME))
    assert ref.ask(21) == 42
    with pytest.raises(LookupError):
        ref.ask("raise")
    assert ref.is_alive()
    proxy = ref.proxy()
    assert proxy.add(2).get() == 2
    assert proxy.total.get() == 2
    proxy.add.defer(5)
    assert proxy.total.get() == 7
    later = ref.ask(1, block=False)
    assert ref.stop() is True
    assert later.get() == 2
    assert not ref.is_alive()
    with pytest.raises(pykka.ActorDeadError):
        ref.ask(1)
    assert ref.stop() is False


def test_an_actor_has_what_pykka_documents(system):
    seen = {}

    def look(actor):
        seen.update(urn=actor.actor_urn, ref=actor.actor_ref, stopped=actor.actor_stopped.is_set(), text=str(actor))

    system.spawn(Failing, Box(), look, address=ME)
    system.tell(ME, 1)
    system.run()
    assert seen["urn"] == "n#1/me"
    assert seen["ref"] == system.ref(ME)
    assert hash(seen["ref"]) == hash(system.ref(ME))
    assert seen["stopped"] is False
    assert "n#1/me" in seen["text"]


def test_a_class_with_a_runtime_of_its_own_is_refused(system):
    with pytest.raises(TypeError, match="runtime of its own"):
        system.spawn(pykka.ThreadingActor, address=ME)
    with pytest.raises(TypeError, match=r"not a pykka\.Actor"):
        system.spawn(dict, address=ME)
    assert not system.is_alive(ME)


def test_an_init_that_raises_leaves_nothing(system):
    with pytest.raises(TypeError):
        system.spawn(Probe, address=ME)
    assert not system.is_alive(ME)
    probe(system, ME)


def test_an_actor_killed_in_its_own_handler_tells_nobody(system):
    box = Box()

    def die(actor):
        system.kill("n#1/")
        raise LookupError

    system.spawn(Failing, box, die, address=ME)
    system.tell(ME, 1)
    system.run()
    assert box.heard == []


GOSSIP = """
import sys
from hashlib import blake2b
import pykka
from claynet.actors.ports import MILLISECOND, Address
from claynet.sim.durations import Distribution
from claynet.sim.virtual.entropy import SeededEntropy
from claynet.sim.virtual.clock import VirtualClock
from claynet.sim.virtual.system import VirtualSystem

system, trace = VirtualSystem(), blake2b()
clock, world = VirtualClock(system), SeededEntropy(int(sys.argv[1]))
latency = Distribution.lognormal(20 * MILLISECOND, 0.5)

class Gossip(pykka.Actor):
    def __init__(self, number):
        super().__init__()
        self.number, self.draw, self.timer = number, world.stream(f"gossip/{number}"), None
    def on_receive(self, message):
        trace.update(f"{system.now} {self.number} {message}".encode())
        if message == "tick" or message < 4:
            for _ in range(2):
                peer = Address(f"gossip/{self.draw.below(40)}")
                system.tell_after(latency.sample(self.draw), peer, 1 if message == "tick" else message + 1)
            if self.timer is not None:
                clock.cancel(self.timer)
            self.timer = clock.call_at(clock.monotonic() + 50 * MILLISECOND, Address(f"gossip/{self.number}"), "tick")

for number in range(40):
    system.spawn(Gossip, number, address=Address(f"gossip/{number}"))
    system.tell(Address(f"gossip/{number}"), "tick")
system.run(until=600 * MILLISECOND)
print(system.deliveries, trace.hexdigest())
"""


def test_the_same_seed_gives_the_same_order_in_any_process():
    def run(seed, hash_seed):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run([sys.executable, "-c", GOSSIP, seed], env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    first = run("7", "0")
    assert int(first.split()[0]) > 3_000
    assert {run("7", "1"), run("7", "random")} == {first}
    assert run("8", "0") != first
