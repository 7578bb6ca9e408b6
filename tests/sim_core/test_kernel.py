"""Virtual time: order, timers, stepping, counting, endless exchanges."""

from __future__ import annotations

import random
from heapq import heappop, heappush

import pytest

from claynet.actors.ports import Address
from claynet.sim.virtual.clock import EPOCH, VirtualClock
from claynet.sim.virtual.kernel import LivelockError
from claynet.sim.virtual.system import VirtualSystem
from tests.contracts.driver import Box, Probe, probe

ME = Address("me")


@pytest.fixture
def system():
    return VirtualSystem()


@pytest.fixture
def box(system):
    return probe(system, ME)


class Echo(Probe):
    """Tells what a script says, when it is told so."""

    def __init__(self, box, system, script):
        super().__init__(box)
        self.system = system
        self.script = script

    def on_receive(self, message):
        self.box.add((self.system.now, message))
        self.script(self.system, message)


def test_a_zero_delay_message_is_handled_before_time_moves(system):
    box = Box()

    def script(system, message):
        if message == "first":
            system.tell_after(1, ME, "later")
            system.tell(ME, "now")
            system.tell_after(0, ME, "also now")
            system.tell_at(system.now, ME, "now too")
            system.tell_at(0, ME, "the past is now")

    system.spawn(Echo, box, system, script, address=ME)
    system.tell_at(10, ME, "first")
    system.tell_at(10, ME, "second")
    system.run()
    assert box.heard == [
        (10, "first"),
        (10, "second"),
        (10, "now"),
        (10, "also now"),
        (10, "now too"),
        (10, "the past is now"),
        (11, "later"),
    ]


def test_order_is_that_of_a_heap_of_time_and_sequence():
    draw = random.Random(5)
    system, box = VirtualSystem(), Box()
    plan = {number: [draw.choice((0, 0, 1, 2, 5, 50)) for _ in range(draw.randrange(3))] for number in range(4000)}
    numbers = iter(range(50, 4000))

    def script(system, message):
        for delay in plan[message]:
            following = next(numbers, None)
            if following is not None:
                system.tell_after(delay, ME, following)

    system.spawn(Echo, box, system, script, address=ME)
    for number in range(50):
        system.tell_after(number % 7, ME, number)
    system.run()

    queue, expected, fresh = [], [], iter(range(50, 4000))
    sequence = 0
    for number in range(50):
        heappush(queue, (number % 7, sequence, number))
        sequence += 1
    while queue:
        now, _, number = heappop(queue)
        expected.append((now, number))
        for delay in plan[number]:
            following = next(fresh, None)
            if following is not None:
                heappush(queue, (now + delay, sequence, following))
                sequence += 1
    assert box.heard == expected
    assert len(expected) > 1000


def test_run_stops_at_until_inclusive_and_goes_on_later(system, box):
    for at in (1, 5, 6):
        system.tell_at(at, ME, at)
    system.run(until=5)
    assert (box.heard, system.now, system.next_time) == ([1, 5], 5, 6)
    system.run(until=3)
    assert (box.heard, system.now) == ([1, 5], 5)
    system.run(until=100)
    assert (box.heard, system.now, system.idle) == ([1, 5, 6], 100, True)


def test_run_stops_between_instants_when_asked(system, box):
    for at in (1, 2, 2, 3):
        system.tell_at(at, ME, at)
    system.run(stop=lambda: 2 in box.heard)
    assert box.heard == [1, 2, 2]


def test_step_and_run_give_the_same_order(system, box):
    for number in range(20):
        system.tell_at(number // 3, ME, number)
    for _ in range(7):
        assert system.step()
    assert (box.heard, system.deliveries) == (list(range(7)), 7)
    system.tell(ME, "at the current instant")
    system.run()
    assert box.heard == [*range(9), "at the current instant", *range(9, 20)]
    assert not system.step()


def test_deliveries_count_what_reached_the_living(system, box):
    system.tell(ME, 1)
    system.tell(Address("nobody"), 2)
    system.schedule(5, lambda: None)
    system.timer_at(6, ME, 3)
    system.cancel_timer(system.timer_at(6, ME, 4))
    system.stop(ME)
    system.tell(ME, 5)
    system.run()
    assert (system.deliveries, system.dead_letters, box.heard) == (1, 3, [1])


def test_time_does_not_stop_where_every_timer_was_cancelled(system, box):
    timers = [system.timer_at(100 * number, ME, number) for number in range(1, 5000)]
    system.tell_at(7, ME, "only this")
    for timer in timers:
        system.cancel_timer(timer)
    assert not system.idle
    system.run()
    assert (system.now, box.heard, system.idle, system.deliveries) == (7, ["only this"], True, 1)


def test_cancelled_timers_do_not_pile_up(system, box):
    for number in range(200_000):
        system.cancel_timer(system.timer_at(1_000_000 + number, ME, number))
    assert len(system._heap) < 5_000
    assert not system._buckets
    assert not system._timers
    assert system.idle


def test_a_timer_cancelled_in_its_own_instant_does_not_fire(system):
    box, timers = Box(), []

    def script(system, message):
        if message == "cancel":
            for timer in timers:
                system.cancel_timer(timer)

    system.spawn(Echo, box, system, script, address=ME)
    system.tell_at(10, ME, "cancel")
    timers += [system.timer_at(10, ME, "a"), system.timer_at(10, ME, "b"), system.timer_at(11, ME, "c")]
    system.tell_at(10, ME, "last")
    system.run()
    assert box.heard == [(10, "cancel"), (10, "last")]
    assert system.deliveries == 2


def test_a_killed_actors_timers_are_forgotten(system, box):
    system.timer_at(1_000, ME, "never")
    system.kill("me")
    system.run()
    assert (system.now, system.dead_letters) == (0, 0)


def test_hooks_run_once_an_instant_and_may_tell(system, box):
    seen = []

    def hook():
        seen.append((system.now, list(box.heard)))
        if len(seen) == 1:
            system.tell(ME, "from the hook")

    system.on_idle_instant(hook)
    for at in (3, 3, 9):
        system.tell_at(at, ME, at)
    system.run()
    assert seen == [(0, []), (0, ["from the hook"]), (3, ["from the hook", 3, 3]), (9, ["from the hook", 3, 3, 9])]


def test_what_a_callback_raises_ends_the_run_which_can_go_on(system, box):
    def fail():
        raise LookupError("harness")

    system.tell_at(5, ME, 1)
    system.schedule(5, fail)
    system.tell_at(5, ME, 2)
    system.tell_at(6, ME, 3)
    with pytest.raises(LookupError):
        system.run()
    assert not system.running
    system.run()
    assert box.heard == [1, 2, 3]


def test_an_interrupt_ends_the_run_which_can_go_on(system):
    box = Box()

    def script(system, message):
        if message == 2:
            raise KeyboardInterrupt

    system.spawn(Echo, box, system, script, address=ME)
    for number in range(5):
        system.tell(ME, number)
    with pytest.raises(KeyboardInterrupt):
        system.run()
    system.run()
    assert [message for _, message in box.heard] == [0, 1, 2, 3, 4]


def test_a_run_inside_a_run_is_refused(system):
    box = Box()
    system.spawn(Echo, box, system, lambda system, message: system.run(), address=ME)
    system.tell(ME, 1)
    system.run()
    assert not system.is_alive(ME)


def test_an_endless_exchange_is_named(system):
    class Endless(Probe):
        def on_receive(self, message):
            system.tell(ME, message)

    system.spawn(Endless, Box(), address=ME)
    system.tell_at(5, ME, "again")
    with pytest.raises(LivelockError, match=r"5 ns.*'me'"):
        system.run()


def test_clocks_of_nodes_differ_by_offset_and_drift(system, box):
    true, late, fast = VirtualClock(system), VirtualClock(system, offset=-5_000), VirtualClock(system, drift=100_000)
    assert (true.utc(), late.utc()) == (EPOCH, EPOCH - 5_000)
    system.run(until=1_000)
    assert (true.monotonic(), late.monotonic(), fast.monotonic()) == (1_000, 1_000, 1_100)
    heard = []
    for at in range(1_101, 1_200):
        fast.call_at(at, ME, at)
    while system.step():
        heard.append((box.heard[-1], system.now))
    for at, now in heard:
        assert now + now // 10 >= at > (now - 1) + (now - 1) // 10
    with pytest.raises(ValueError, match="drift"):
        VirtualClock(system, drift=-1_000_000)
