"""Waits between calls in vain, and what may pass at a relay: numbers only."""

from __future__ import annotations

import pytest

from claynet.actors.ports import SECOND
from claynet.net.link.allowance import Hourly, Pace
from claynet.net.link.backoff import Backoff

MINUTE = 60 * SECOND


@pytest.mark.parametrize(("chance", "waits"), [(0.0, [1, 2, 4, 8, 16, 32, 60, 60]), (1.0, [0.75, 1.5, 3, 6, 12, 24, 45, 45])])
def test_the_wait_doubles_up_to_its_bound_and_chance_takes_up_to_a_quarter_off(chance: float, waits: list[float]) -> None:
    rest, now, seen = Backoff(SECOND, MINUTE), 5 * MINUTE, []
    for _ in waits:
        rest.failed(now, chance)
        seen.append((rest.due - now) / SECOND)
        assert not rest.is_due(rest.due - 1)
        assert rest.is_due(rest.due)
        now = rest.due
    assert seen == waits


def test_an_answer_makes_the_next_wait_the_first_again() -> None:
    rest = Backoff(SECOND, MINUTE)
    assert rest.is_due(0)
    for _ in range(100):
        rest.failed(0, 0.0)
    assert (rest.failures, rest.due) == (100, MINUTE)
    rest.succeeded()
    assert rest.is_due(0)
    rest.failed(0, 0.0)
    assert rest.due == SECOND


def test_a_pair_may_send_a_second_worth_at_once_and_then_waits() -> None:
    pace, now = Pace(1000), 7 * MINUTE
    assert pace.take(now, 600) == 0
    assert pace.take(now, 400) == 0
    assert pace.take(now, 500) == SECOND // 2
    assert pace.take(now + SECOND // 2, 2000) == 2 * SECOND
    assert pace.take(now + MINUTE, 1000) == 0, "what was not used before is not saved up"
    assert pace.take(now + MINUTE, 1000) == SECOND


def test_never_more_passes_in_an_hour_than_is_lent() -> None:
    hourly = Hourly(1000)
    passed = [second for second in range(3 * 3600) if hourly.take(second * SECOND, 7)]
    for begin in range(0, 2 * 3600, 60):
        assert 7 * sum(begin <= second < begin + 3600 for second in passed) <= 1000
    assert 7 * len(passed) > 2000, "and when an hour is over there is room again"
    assert not Hourly(1000).take(0, 1001)
    assert hourly.used(20 * 3600 * SECOND) == 0
