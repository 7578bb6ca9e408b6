"""Reads `network:`, the links inside it, and everything else that says how long something takes.

Knows those keys. Must not know nodes except by selectors.
"""

from __future__ import annotations

from claynet.actors import units
from claynet.actors.ports import MILLISECOND
from claynet.sim.durations import DEFAULTS, Distribution
from claynet.sim.scenario.fields import Item, Section, one_of
from claynet.sim.scenario.plan import TRANSPORTS, LinkChange, LinkQuality, LinkRule, Mode, NetworkPlan
from claynet.sim.scenario.read_distribution import distribution
from claynet.sim.scenario.selectors import Selectors
from claynet.sim.scenario.yamltree import Scalar

DEFAULT_LATENCY = Distribution.constant(20 * MILLISECOND)
QUALITIES = ("latency", "bandwidth", "loss")
JOB_KINDS = tuple(DEFAULTS)
"""The kinds of outside work that can have a virtual duration."""


def read_network(section: Section | None, selectors: Selectors) -> NetworkPlan:
    """Read `network:`; None gives the default: simulated, 20 ms, no limit, no loss."""
    if section is None:
        return NetworkPlan("simulated", LinkQuality(DEFAULT_LATENCY, None, 0.0))
    transport = section.value("transport", one_of(TRANSPORTS, "transport"), "simulated")
    change = read_change(section)
    quality = LinkQuality(change.latency or DEFAULT_LATENCY, change.bandwidth, change.loss or 0.0)
    links = tuple(_link(item, selectors) for item in section.items("links"))
    section.close()
    if transport == "p2p":
        for key in (*QUALITIES, "links"):
            if section.has(key):
                section.wrong("cannot be set with transport p2p", "its links are what the host's network makes of them", key=key)
        return NetworkPlan("p2p", quality)
    return NetworkPlan("simulated", quality, tuple(link for link in links if link is not None))


def _link(item: Item, selectors: Selectors) -> LinkRule | None:
    section = item.section()
    if section is None:
        return None
    left, right = read_between(section, selectors)
    change = read_change(section)
    section.close()
    if change == LinkChange():
        section.wrong("changes nothing", f"give one of {', '.join(QUALITIES)}")
    return LinkRule(left, right, change)


def read_between(section: Section, selectors: Selectors) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read `between: [a, b]`."""
    item = section.required("between")
    ends = item.items() if item else []
    if item and len(ends) != 2:
        item.wrong("expected two selectors, such as [requestors, 'honest[0]']")
        return (), ()
    found = [selectors.some(end) for end in ends]
    return (found[0], found[1]) if len(found) == 2 else ((), ())


def read_change(section: Section) -> LinkChange:
    """Read those of `latency`, `bandwidth` and `loss` that are there."""
    return LinkChange(distribution(section.item("latency")), section.optional("bandwidth", _bandwidth), section.optional("loss", _loss))


def _bandwidth(value: object) -> int:
    bits = units.rate(value)
    if bits == 0:
        raise units.UnitError("must be above 0", "a partition cuts a link")
    return bits


def _loss(value: object) -> float:
    part = units.fraction(value)
    if part >= 1.0:
        raise units.UnitError("must be below 100%", "a partition cuts a link")
    return part


MEASURED = "measured"
"""In place of a distribution: the virtual duration is the real one."""


def read_durations(item: Item | None, mode: Mode) -> tuple[dict[str, Distribution], frozenset[str]]:
    """Read `durations:`: job kind to distribution, and the kinds that are measured."""
    found: dict[str, Distribution] = {}
    measured: set[str] = set()
    if item is None:
        return found, frozenset()
    if _is_measured(item, mode):
        return found, frozenset(JOB_KINDS)
    section = item.section()
    if section is None:
        return found, frozenset()
    for kind in JOB_KINDS:
        entry = section.item(kind)
        if entry is not None and _is_measured(entry, mode):
            measured.add(kind)
            continue
        value = distribution(entry)
        if value is not None:
            found[kind] = value
    section.close()
    return found, frozenset(measured)


def _is_measured(item: Item, mode: Mode) -> bool:
    if not isinstance(item.node, Scalar) or item.node.value != MEASURED:
        return False
    if mode == "virtual":
        item.wrong("measured durations need real ones, and the mode is virtual", "use --mode paced, or fit durations with --calibrate")
    return True
