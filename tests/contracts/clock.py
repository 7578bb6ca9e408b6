"""The contract of the Clock port."""

from __future__ import annotations

import pytest

from claynet.actors.ports import MILLISECOND, SECOND, ActorSystem, Address, Clock, TimerId
from tests.contracts.driver import Box, Driver, probe

ME = Address("n#1/me")
YEAR_2020 = 1_577_836_800 * SECOND


class ClockContract:
    @pytest.fixture
    def system(self) -> ActorSystem:
        raise NotImplementedError

    @pytest.fixture
    def driver(self, system: ActorSystem) -> Driver:
        raise NotImplementedError

    @pytest.fixture
    def clock(self, system: ActorSystem) -> Clock:
        raise NotImplementedError

    @pytest.fixture
    def box(self, system: ActorSystem) -> Box:
        return probe(system, ME)

    def test_time_is_whole_nanoseconds_and_never_goes_back(self, clock, driver, box):
        before, utc = clock.monotonic(), clock.utc()
        clock.call_at(before + MILLISECOND, ME, "later")
        driver.until(lambda: box.heard)
        assert isinstance(before, int)
        assert isinstance(utc, int)
        assert clock.monotonic() >= before + MILLISECOND
        assert clock.utc() > utc > YEAR_2020

    def test_timers_come_in_order_of_time_never_early(self, clock, driver, box):
        start = clock.monotonic()
        for delay in (30, 10, 20):
            clock.call_at(start + delay * MILLISECOND, ME, delay)
        driver.until(lambda: len(box.heard) == 1)
        assert clock.monotonic() >= start + 10 * MILLISECOND
        driver.until(lambda: len(box.heard) == 3)
        assert clock.monotonic() >= start + 30 * MILLISECOND
        assert box.heard == [10, 20, 30]

    def test_equal_times_come_first_in_first_out(self, clock, driver, box):
        at = clock.monotonic() + 5 * MILLISECOND
        for number in range(50):
            clock.call_at(at, ME, number)
        driver.until(lambda: len(box.heard) == 50)
        assert box.heard == list(range(50))

    def test_a_time_in_the_past_comes_at_once(self, clock, driver, box):
        far = clock.call_at(clock.monotonic() + 3600 * SECOND, ME, "far")
        clock.call_at(clock.monotonic() - SECOND, ME, "past")
        clock.call_at(clock.monotonic(), ME, "now")
        driver.until(lambda: len(box.heard) == 2)
        assert sorted(box.heard) == ["now", "past"]
        clock.cancel(far)

    def test_a_cancelled_timer_never_comes(self, clock, driver, box):
        at = clock.monotonic() + 20 * MILLISECOND
        timers = [clock.call_at(at, ME, number) for number in range(5)]
        for number in (1, 3):
            clock.cancel(timers[number])
        clock.call_at(at + MILLISECOND, ME, "end")
        driver.until(lambda: "end" in box.heard)
        assert box.heard == [0, 2, 4, "end"]

    def test_cancelling_what_fired_or_never_was_is_ignored(self, clock, driver, box):
        timer = clock.call_at(clock.monotonic(), ME, 1)
        driver.until(lambda: box.heard)
        clock.cancel(timer)
        clock.cancel(timer)
        clock.cancel(TimerId(987_654_321))
        clock.call_at(clock.monotonic(), ME, 2)
        driver.until(lambda: len(box.heard) == 2)
        assert box.heard == [1, 2]

    def test_a_timer_to_nobody_is_no_error(self, clock, driver, box):
        clock.call_at(clock.monotonic(), Address("nobody"), 1)
        clock.call_at(clock.monotonic() + MILLISECOND, ME, 2)
        driver.until(lambda: box.heard)
        assert box.heard == [2]
