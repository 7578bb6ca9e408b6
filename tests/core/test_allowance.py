"""Token buckets: what is allowed is never more than the table says, and never less than it promises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claynet.actors.core.allowance import ALLOWANCES, PIECE, UNWEIGHED, Meter, excess
from claynet.actors.core.records import TAGS

SECOND = 10**9
GAPS = st.lists(st.integers(0, 3 * SECOND), max_size=80)
KINDS = st.sampled_from(["hello", "wanted", "unknown tag", "want not granted"])


def test_every_record_has_an_allowance() -> None:
    assert set(TAGS) <= set(ALLOWANCES)
    assert set(ALLOWANCES) - set(TAGS) == {"want not granted", "chunk not asked for", "unknown tag"}
    assert set(ALLOWANCES) >= UNWEIGHED
    assert all(allowance.burst >= allowance.rate >= 1 for allowance in ALLOWANCES.values())


@given(KINDS, GAPS, st.integers(1, 100))
def test_in_any_stretch_of_time_no_more_is_allowed_than_the_table_says(kind: str, gaps: list[int], tries: int) -> None:
    meter, now, allowed = Meter(), 0, []
    for gap in gaps:
        now += gap
        allowed += [now for _ in range(tries) if meter.take(kind, now)]
    allowance = ALLOWANCES[kind]
    for first, begin in enumerate(allowed):
        for last in range(first, len(allowed), 7):
            assert (last - first + 1) * SECOND <= allowance.burst * SECOND + (allowed[last] - begin) * allowance.rate


@given(KINDS, st.lists(st.integers(0, 5), max_size=200), st.integers(0, 2**62))
def test_one_who_keeps_to_the_rate_is_never_refused(kind: str, late: list[int], start: int) -> None:
    meter, rate = Meter(), ALLOWANCES[kind].rate
    now = start
    for wait in late:
        now += -(-SECOND // rate) + wait * SECOND
        assert meter.take(kind, now)


@given(KINDS, GAPS)
def test_what_is_refused_costs_nothing_and_kinds_do_not_touch_each_other(kind: str, gaps: list[int]) -> None:
    """A meter that is asked in vain as well ends where one does that is asked for what it allows only."""
    greedy, fair, now = Meter(), Meter(), 0
    for gap in gaps:
        now += gap
        for _ in range(70):
            if greedy.take(kind, now):
                assert fair.take(kind, now)
            greedy.take("bye", now)
    assert greedy.take(kind, now) == fair.take(kind, now)


def test_what_is_long_counts_as_many() -> None:
    meter, burst = Meter(), ALLOWANCES["offer"].burst
    assert all(meter.take("offer", 0, 32 * PIECE - 1) for _ in range(burst // 32))
    assert not meter.take("offer", 0)
    assert all(Meter().take("chunk", 0, 2 * 1024 * 1024) for _ in range(100))


def test_a_clock_that_stands_gives_nothing_and_one_that_goes_back_takes_nothing() -> None:
    meter = Meter()
    assert [meter.take("hello", 10) for _ in range(5)] == [True] * 4 + [False]
    assert not meter.take("hello", 0)
    assert meter.take("hello", SECOND)


def test_a_kind_that_is_not_in_the_table_is_our_mistake() -> None:
    with pytest.raises(KeyError):
        Meter().take("gossip", 0)
    assert excess("hello") == "hello: more than 4 at once and 1 a second"
