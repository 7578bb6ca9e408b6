"""Timers and draws of the real world."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from claynet.actors.ports import MILLISECOND, SECOND, Address, Clock, Entropy
from claynet.net.threads.alarms import Alarms
from claynet.net.threads.system_entropy import SystemEntropy
from claynet.net.threads.threads_system import ThreadsSystem
from claynet.net.threads.wall_clock import WallClock
from tests.net.conftest import Heard

A = Address("a")


@pytest.fixture
def clock(system: ThreadsSystem) -> Iterator[Clock]:
    made = WallClock(system)
    yield made
    made.close()


def test_timers_arrive_in_the_order_of_their_times(clock: Clock, listen: Callable[[str], Heard]) -> None:
    heard, now = listen("a"), clock.monotonic()
    for delay in (30, 10, 20, 0):
        clock.call_at(now + delay * MILLISECOND, A, delay)
    assert heard.count(4) == [0, 10, 20, 30]
    assert clock.monotonic() >= now + 30 * MILLISECOND


def test_equal_times_are_first_in_first_out(clock: Clock, listen: Callable[[str], Heard]) -> None:
    heard, at = listen("a"), clock.monotonic() + 20 * MILLISECOND
    for number in range(200):
        clock.call_at(at, A, number)
    assert heard.count(200) == list(range(200))


def test_a_cancelled_timer_never_arrives(clock: Clock, listen: Callable[[str], Heard]) -> None:
    heard, now = listen("a"), clock.monotonic()
    doomed = clock.call_at(now + 10 * MILLISECOND, A, "doomed")
    clock.call_at(now + 20 * MILLISECOND, A, "kept")
    clock.cancel(doomed)
    clock.cancel(doomed)
    assert heard.count(1) == ["kept"]


def test_many_forgotten_timers_do_not_stay_in_memory() -> None:
    alarms, never = Alarms("test"), Heard()
    for _ in range(5000):
        alarms.cancel(alarms.set(2**62, lambda: never.add("fired")))
    assert len(alarms._heap) < 1000
    alarms.close()
    alarms.set(0, lambda: never.add("fired"))
    assert never.messages == []


def test_a_failing_callback_does_not_end_the_thread() -> None:
    alarms, heard = Alarms("test"), Heard()

    def fail() -> None:
        raise KeyError("oops")

    alarms.set(0, fail)
    alarms.set(0, lambda: heard.add("next"))
    assert heard.count(1) == ["next"]
    alarms.close()


def test_the_clock_tells_this_century(clock: Clock) -> None:
    assert 1_600_000_000 * SECOND < clock.utc() < 5_000_000_000 * SECOND


def test_entropy_draws_in_range() -> None:
    entropy: Entropy = SystemEntropy().stream("any")
    assert len({entropy.new_id() for _ in range(100)}) == 100
    assert len(entropy.new_id()) == 32
    assert len(entropy.nonce(7)) == 7
    assert {entropy.below(3) for _ in range(200)} == {0, 1, 2}
    assert 0 <= entropy.fraction() < 1
    assert entropy.choice(["x"]) == "x"
    assert -20 < entropy.gauss() < 20
    with pytest.raises(ValueError):
        entropy.below(0)
    with pytest.raises(IndexError):
        entropy.choice([])
