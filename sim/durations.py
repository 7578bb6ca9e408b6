"""How long things take in virtual time: distributions, and the duration model of jobs by kind.

Knows numbers and streams. Must not know jobs, clocks or scenario files.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from claynet.actors.ports import MILLISECOND, SECOND

Shape = Literal["constant", "uniform", "normal", "lognormal", "exponential"]


class Draws(Protocol):
    """What a distribution needs of an Entropy."""

    def fraction(self) -> float:
        """Return a float in [0, 1)."""

    def gauss(self) -> float:
        """Return a draw of the standard normal distribution."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution of durations in nanoseconds; samples are never negative. Make one by the named constructors.

    The meaning of `first` and `second`: constant (value, -), uniform (low, high), normal (mean, deviation), lognormal (median, sigma: no
    unit), exponential (mean, -).
    """

    shape: Shape
    first: int
    second: float = 0.0

    def __post_init__(self) -> None:
        if self.first < 0 or self.second < 0 or not math.isfinite(self.second):
            raise ValueError(f"a {self.shape} distribution takes no negative or infinite numbers: {self.first}, {self.second}")
        if self.shape == "uniform" and self.second < self.first:
            raise ValueError(f"a uniform distribution from {self.first} up to {self.second} is empty")

    @classmethod
    def constant(cls, value: int) -> Distribution:
        """Always `value` ns."""
        return cls("constant", value)

    @classmethod
    def uniform(cls, low: int, high: int) -> Distribution:
        """Between `low` and `high` ns, both possible."""
        return cls("uniform", low, high)

    @classmethod
    def normal(cls, mean: int, deviation: int) -> Distribution:
        """Normal with `mean` and standard `deviation` in ns, cut off at zero."""
        return cls("normal", mean, deviation)

    @classmethod
    def lognormal(cls, median: int, sigma: float) -> Distribution:
        """Lognormal with `median` in ns; `sigma` is the standard deviation of the logarithm."""
        return cls("lognormal", median, sigma)

    @classmethod
    def exponential(cls, mean: int) -> Distribution:
        """Exponential with `mean` in ns."""
        return cls("exponential", mean)

    def sample(self, entropy: Draws) -> int:
        """Draw a duration in ns; a constant draws nothing."""
        if self.shape == "constant":
            return self.first
        if self.shape == "uniform":
            low, high = self.first, int(self.second)
            return low + int(entropy.fraction() * (high - low + 1))
        if self.shape == "normal":
            return max(0, round(self.first + self.second * entropy.gauss()))
        if self.shape == "lognormal":
            return round(self.first * math.exp(self.second * entropy.gauss()))
        return round(-self.first * math.log(1.0 - entropy.fraction()))

    @property
    def typical(self) -> int:
        """A middle value in ns: the median, or the mean where that is what is given."""
        return (self.first + int(self.second)) // 2 if self.shape == "uniform" else self.first


def _ms(milliseconds: int) -> Distribution:
    return Distribution.constant(milliseconds * MILLISECOND)


DEFAULTS: Final[Mapping[str, Distribution]] = {
    "probe": _ms(0),
    "identify": _ms(0),
    "benchmark": Distribution.constant(SECOND),
    "start": _ms(500),
    "stop": _ms(20),
    "shutdown": _ms(20),
    "place": _ms(10),
    "collect": _ms(10),
    "discard": _ms(10),
    "create_task": _ms(50),
    "next_subtask": _ms(30),
    "compute": Distribution.constant(2 * SECOND),
    "run_benchmark": Distribution.constant(SECOND),
    "verify": _ms(100),
    "has_pending_subtasks": _ms(5),
    "discard_subtasks": _ms(10),
    "abort_task": _ms(10),
    "abort_subtask": _ms(10),
}
"""Virtual durations of the kinds of jobs that a scenario says nothing about."""

UNKNOWN_KIND: Final = _ms(10)
"""For a kind that is in no table."""


class Durations:
    """The duration model: kind of job -> distribution."""

    def __init__(self, by_kind: Mapping[str, Distribution] | None = None, measured: Collection[str] = ()) -> None:
        """`measured` are the kinds whose virtual duration is the real one."""
        self._by_kind = {**DEFAULTS, **(by_kind or {})}
        self._measured = frozenset(measured)

    def of(self, kind: str) -> Distribution:
        """Return the distribution of a kind of job."""
        return self._by_kind.get(kind, UNKNOWN_KIND)

    def is_measured(self, kind: str) -> bool:
        """Tell whether a job of this kind takes in virtual time what it really takes."""
        return kind in self._measured
