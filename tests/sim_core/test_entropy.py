"""Seeded chance: what is drawn, and that streams do not disturb each other."""

from __future__ import annotations

import subprocess
import sys

import pytest

from claynet.sim.durations import DEFAULTS, Distribution, Durations
from claynet.sim.virtual.entropy import SeededEntropy


def draws(entropy):
    return [entropy.new_id(), entropy.below(10**9), entropy.fraction(), entropy.gauss(), entropy.nonce(5), entropy.choice(range(1000))]


def test_equal_seeds_and_names_give_equal_draws():
    assert draws(SeededEntropy(7, "a")) == draws(SeededEntropy(7, "a"))
    assert draws(SeededEntropy(7).stream("x").stream("y")) == draws(SeededEntropy(7).stream("x").stream("y"))


def test_other_seeds_and_names_give_others():
    made = [SeededEntropy(7), SeededEntropy(8), SeededEntropy(7, "a"), SeededEntropy(7).stream("a"), SeededEntropy(7).stream("b")]
    made += [SeededEntropy(7).stream("a").stream("b"), SeededEntropy(7).stream("ab"), SeededEntropy(-7), SeededEntropy(77)]
    assert len({entropy.new_id() for entropy in made}) == len(made)


def test_a_stream_does_not_depend_on_draws_made():
    fresh, used = SeededEntropy(7), SeededEntropy(7)
    draws(used)
    draws(used.stream("other"))
    assert draws(used.stream("a")) == draws(fresh.stream("a"))
    expected = draws(SeededEntropy(7))
    asked = SeededEntropy(7)
    asked.stream("a").new_id()
    assert draws(asked) == expected


def test_the_values_stay_what_they_are():
    """Recorded scenarios depend on them."""
    entropy = SeededEntropy(7, "pinned")
    code = "from claynet.sim.virtual.entropy import SeededEntropy as S; e = S(7, 'pinned'); print(e.new_id(), e.below(1000), e.fraction())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [entropy.new_id(), str(entropy.below(1000)), str(entropy.fraction())]
    assert SeededEntropy(7, "pinned").new_id() == "368b3f115d2a0b30a4776b6196f62361"


@pytest.mark.parametrize(
    ("distribution", "low", "middle", "high"),
    [
        (Distribution.constant(500), 500, 500, 500),
        (Distribution.uniform(100, 300), 100, 200, 300),
        (Distribution.normal(1000, 100), 400, 1000, 1600),
        (Distribution.lognormal(1000, 0.4), 100, 1000, 10_000),
        (Distribution.exponential(1000), 0, 693, 20_000),
    ],
)
def test_samples_lie_where_they_should(distribution, low, middle, high):
    entropy = SeededEntropy(3)
    drawn = sorted(distribution.sample(entropy) for _ in range(3001))
    assert all(isinstance(value, int) for value in drawn)
    assert low <= drawn[0] <= drawn[-1] <= high
    assert abs(drawn[1500] - middle) <= 0.1 * middle


def test_samples_are_never_negative():
    entropy = SeededEntropy(3)
    assert min(Distribution.normal(10, 1000).sample(entropy) for _ in range(200)) == 0


@pytest.mark.parametrize(
    "make", [lambda: Distribution.uniform(5, 4), lambda: Distribution.constant(-1), lambda: Distribution("normal", 1, -1.0)]
)
def test_impossible_distributions_are_refused(make):
    with pytest.raises(ValueError):
        make()


def test_durations_fall_back_on_the_defaults():
    durations = Durations({"compute": Distribution.constant(7)})
    assert durations.of("compute").typical == 7
    assert durations.of("start") == DEFAULTS["start"]
    assert durations.of("no such kind").typical > 0
