"""Quantities: exact both ways."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claynet.actors import units
from claynet.actors.units import UnitError


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (units.duration, "250ms", 250_000_000),
        (units.duration, "10s", 10**10),
        (units.duration, "5m", 300 * 10**9),
        (units.duration, "2h", 7200 * 10**9),
        (units.duration, "1m30s", 90 * 10**9),
        (units.duration, "1.5s", 1_500_000_000),
        (units.duration, "0.1ms", 100_000),
        (units.duration, "3 us", 3_000),
        (units.duration, 0, 0),
        (units.size, "64MiB", 64 * 2**20),
        (units.size, "10kB", 10_000),
        (units.rate, "10Mbit", 10**7),
        (units.rate, "50Mbit/s", 5 * 10**7),
        (units.tokens, "12.5tok", 12_500_000_000),
        (units.tokens, "0.000000001tok", 1),
        (units.tokens, "9007199.254740993tok", 9007199254740993),
        (units.fraction, "0.5%", 0.005),
        (units.fraction, 0.25, 0.25),
        (units.fraction, 1, 1.0),
    ],
)
def test_what_is_read(parse: Callable[[object], float], text: object, value: float) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "value", "words"),
    [
        (units.duration, "5", "has no unit; write a duration such as 250ms"),
        (units.duration, 5, "5 has no unit"),
        (units.duration, "5sec", "unknown unit 'sec' in '5sec'; allowed are ns, us, ms, s, m, h"),
        (units.duration, "1s1m", "from large to small"),
        (units.duration, "-2s", "expected a duration"),
        (units.duration, "0.5ns", "finer than the smallest step"),
        (units.duration, "1.0000000000000000000000000001s", "finer than the smallest step"),
        (units.duration, "9999999999h", "too large"),
        (units.duration, "9" * 70 + "s", "expected a duration"),
        (units.duration, None, "expected a duration"),
        (units.duration, True, "expected a duration"),
        (units.duration, "", "expected a duration"),
        (units.duration, "\t", "expected a duration"),
        (units.size, "10KB", "allowed are B, kB, MB, GB, KiB, MiB, GiB"),
        (units.size, "1MiB1kB", "each once"),
        (units.rate, "10MB", "allowed are bit, kbit, Mbit, Gbit"),
        (units.tokens, "1tokens", "allowed are tok"),
        (units.fraction, "101%", "from 0 to 1"),
        (units.fraction, -0.1, "from 0 to 1"),
        (units.fraction, float("nan"), "from 0 to 1"),
        (units.fraction, [], "from 0 to 1"),
    ],
)
def test_what_is_refused(parse: Callable[[object], float], value: object, words: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse(value)
    assert words in str(caught.value)


def test_signed_durations() -> None:
    assert [units.duration(text, signed=True) for text in ("-2s", "+2s", "2s")] == [-2 * 10**9, 2 * 10**9, 2 * 10**9]


@given(st.integers(0, 10**17))
def test_durations_survive_a_round_trip(ns: int) -> None:
    assert units.duration(units.format_duration(ns)) == ns


@given(st.integers(0, 2**62))
def test_amounts_sizes_and_rates_survive_a_round_trip(value: int) -> None:
    assert units.tokens(units.format_tokens(value)) == value
    assert units.size(units.format_size(value)) == value
    assert units.rate(units.format_rate(value)) == value


@given(st.floats(0, 1).map(lambda value: round(value, 6)))
def test_fractions_survive_a_round_trip(value: float) -> None:
    assert units.fraction(units.format_fraction(value)) == value


@given(st.one_of(st.text(max_size=80), st.integers(), st.floats(), st.booleans(), st.none()))
def test_anything_is_read_or_refused(value: object) -> None:
    for parse in (units.duration, units.size, units.rate, units.tokens, units.fraction):
        try:
            assert parse(value) >= 0
        except UnitError:
            continue


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0s"), (90 * 10**9, "1m30s"), (1_500_000, "1.5ms"), (3_661_500_000_000, "1h1m1.5s"), (-(10**9), "-1s")]
)
def test_durations_are_written_for_people(value: int, text: str) -> None:
    assert units.format_duration(value) == text
