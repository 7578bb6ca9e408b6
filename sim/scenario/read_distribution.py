"""Reads a distribution of durations: `40ms`, or a shape with its numbers such as `{lognormal: {median: 40ms, sigma: 0.4}}`.

Knows the shapes and their keys. Must not know what is drawn from them. A bare duration inside a shape of one number is that number:
`{exponential: 30ms}`.
"""

from __future__ import annotations

from claynet.actors import units
from claynet.actors.nearest import nearest
from claynet.sim.durations import Distribution
from claynet.sim.scenario.fields import Item, Section, number
from claynet.sim.scenario.yamltree import Scalar

SHAPES = ("constant", "uniform", "normal", "lognormal", "exponential")
MOST_SIGMA = 5.0
"""Largest sigma of a lognormal: e^5 is a factor of 148 for each standard deviation."""


def distribution(item: Item | None) -> Distribution | None:
    """Read one; None when it is absent or wrong (then with a finding)."""
    if item is None:
        return None
    if isinstance(item.node, Scalar):
        value = item.parsed(units.duration)
        return None if value is None else Distribution.constant(value)
    section = item.section()
    if section is None:
        return None
    given = [shape for shape in SHAPES if section.has(shape)]
    inner = [section.item(shape) for shape in SHAPES]
    section.close()
    if len(given) != 1:
        if len(given) > 1 or not section.names():
            section.wrong("needs exactly one shape", nearest("", SHAPES))
        return None
    chosen = next(found for found in inner if found is not None)
    return _shape(given[0], chosen)


def _shape(shape: str, item: Item) -> Distribution | None:
    if isinstance(item.node, Scalar) and shape in ("constant", "exponential"):
        value = item.parsed(units.duration)
        return None if value is None else Distribution("constant" if shape == "constant" else "exponential", value)
    section = item.section()
    if section is None:
        return None
    made = _from_keys(shape, section)
    section.close()
    return made


def _from_keys(shape: str, section: Section) -> Distribution | None:
    if shape == "constant":
        return Distribution.constant(section.needed("value", units.duration, 0))
    if shape == "exponential":
        return Distribution.exponential(section.needed("mean", units.duration, 0))
    if shape == "normal":
        return Distribution.normal(section.needed("mean", units.duration, 0), section.needed("deviation", units.duration, 0))
    if shape == "lognormal":
        return Distribution.lognormal(section.needed("median", units.duration, 0), section.needed("sigma", number(0.0, MOST_SIGMA), 0.0))
    low, high = section.needed("low", units.duration, 0), section.needed("high", units.duration, 0)
    if high < low:
        section.wrong("low is above high", key="low")
        return None
    return Distribution.uniform(low, high)


def format_distribution(made: Distribution) -> str:
    """Write one for people: `40ms`, `lognormal 40ms sigma 0.4`."""
    first = units.format_duration(made.first)
    if made.shape == "constant":
        return first
    if made.shape == "exponential":
        return f"exponential {first}"
    if made.shape == "lognormal":
        return f"lognormal {first} sigma {made.second:g}"
    return f"{made.shape} {first} {'to' if made.shape == 'uniform' else '+-'} {units.format_duration(int(made.second))}"
