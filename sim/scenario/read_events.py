"""Reads `events:`: what happens to the network and to nodes, and when.

Knows those keys. Must not know how a world makes a fault.
"""

from __future__ import annotations

from collections.abc import Callable

from claynet.actors import units
from claynet.actors.nearest import nearest
from claynet.sim.scenario.fields import Item, Section, positive_duration, text, whole
from claynet.sim.scenario.plan import (
    PROGRESS,
    At,
    CrashEvent,
    EventPlan,
    LinkChange,
    LinkEvent,
    PartitionEvent,
    PauseEvent,
    Trigger,
    When,
)
from claynet.sim.scenario.read_network import read_between, read_change
from claynet.sim.scenario.selectors import Selectors
from claynet.sim.scenario.yamltree import Mapping, Scalar

KINDS = ("partition", "crash", "link", "pause")
OF_LINKS = frozenset({"partition", "link"})
"""Faults of links that are ours: those of a simulated network."""
MOST_COUNT = 1_000_000


class EventReader:
    """Reads events against one file's nodes, tasks and network."""

    def __init__(self, selectors: Selectors, tasks: set[str], links_refused: str) -> None:
        """`links_refused` says what cannot do anything to links; empty when all can be done."""
        self._selectors, self._tasks, self._links_refused = selectors, tasks, links_refused

    def read(self, items: list[Item]) -> list[EventPlan]:
        """Read `events:`."""
        found = [self._event(section) for item in items if (section := item.section())]
        return [event for event in found if event is not None]

    def _event(self, section: Section) -> EventPlan | None:
        trigger = self._trigger(section)
        kinds = [kind for kind in KINDS if section.has(kind)]
        read: dict[str, Callable[[Section, Trigger], EventPlan | None]] = {
            "partition": self._partition,
            "crash": self._crash,
            "link": self._link,
            "pause": self._pause,
        }
        for kind in KINDS:
            section.item(kind)
        if len(kinds) != 1:
            for key in ("for", "restart_after"):
                section.item(key)
            section.close()
            section.wrong("needs exactly one of partition, crash, link, pause", f"there are {', '.join(kinds)}" if kinds else "")
            return None
        if self._links_refused and kinds[0] in OF_LINKS:
            section.wrong(f"{self._links_refused} cannot do a {kinds[0]}", "leave it out, or use simulated links", key=kinds[0])
        event = read[kinds[0]](section, trigger)
        section.close()
        return event

    def _trigger(self, section: Section) -> Trigger:
        at = section.optional("at", units.duration)
        when = section.item("when")
        if section.has("at") and when is not None:
            section.wrong("has both 'at' and 'when'", "give one of them", key="when")
        if not section.has("at") and when is None:
            section.wrong("needs 'at' or 'when'")
        inner = when.section() if when else None
        if inner is None:
            return At(at or 0)
        task = self._task(inner.required("task"))
        given = [name for name in PROGRESS if inner.has(name)]
        counts = {name: inner.value(name, whole(1, MOST_COUNT), 1) for name in PROGRESS}
        inner.close()
        if len(given) != 1:
            inner.wrong(f"needs exactly one of {', '.join(PROGRESS)}")
            return At(0)
        return When(task, given[0], counts[given[0]])

    def _task(self, item: Item | None) -> str:
        name = item.parsed(text) if item else None
        if item is not None and name is not None and name not in self._tasks:
            item.wrong(f"unknown task {name[:60]!r}", nearest(name, self._tasks))
        return name or ""

    def _partition(self, section: Section, trigger: Trigger) -> PartitionEvent:
        item = section.item("partition")
        sides = [self._selectors.some(side) for side in item.items()] if item else []
        if item and len(sides) < 2:
            item.wrong("expected at least two sides, such as [[requestors], [honest]]")
        seen: set[str] = set()
        for side in sides:
            if item and seen & set(side):
                item.wrong(f"{min(seen & set(side))} is on two sides")
            seen |= set(side)
        return PartitionEvent(trigger, tuple(sides), section.optional("for", positive_duration))

    def _crash(self, section: Section, trigger: Trigger) -> CrashEvent:
        nodes = self._selectors.some(section.item("crash"))
        return CrashEvent(trigger, nodes, section.optional("restart_after", units.duration))

    def _pause(self, section: Section, trigger: Trigger) -> PauseEvent:
        nodes = self._selectors.some(section.item("pause"))
        return PauseEvent(trigger, nodes, section.optional("for", positive_duration))

    def _link(self, section: Section, trigger: Trigger) -> LinkEvent | None:
        inner = section.section("link")
        lasts = section.optional("for", positive_duration)
        if inner is None:
            return None
        left, right = read_between(inner, self._selectors)
        change = read_change(inner)
        inner.close()
        if change == LinkChange():
            inner.wrong("changes nothing", "give one of latency, bandwidth, loss")
        return LinkEvent(trigger, left, right, change, lasts)


def check_times(sections: list[Item], at_most: int) -> None:
    """Refuse what would happen only after the end of the run (`at` of events, `start` of tasks and of their repeats)."""
    for item in sections:
        if not isinstance(item.node, Mapping):
            continue
        for key in ("at", "start"):
            entry = item.node.entries.get(key)
            if entry is None or not isinstance(entry[1], Scalar):
                continue
            try:
                late = units.duration(entry[1].value) > at_most
            except units.UnitError:
                continue  # already a finding of its own
            if late:
                message = f"is after the end of the run (at_most {units.format_duration(at_most)})"
                item.problems.add(entry[0], f"{item.path}.{key}", message)
                break
        else:
            _check_repeats(item, item.node, at_most)


def _check_repeats(item: Item, node: Mapping, at_most: int) -> None:
    values = {key: node.entries[key][1] for key in ("start", "repeat", "every") if key in node.entries}
    if "repeat" not in values or "every" not in values or not all(isinstance(value, Scalar) for value in values.values()):
        return
    given = {key: value.value for key, value in values.items() if isinstance(value, Scalar)}
    try:
        last = units.duration(given.get("start", 0)) + units.duration(given["every"]) * (int(given["repeat"] or 0) - 1)
    except (units.UnitError, ValueError, TypeError):
        return  # already a finding of its own
    if last > at_most:
        message = f"the last of {given['repeat']} would start after {units.format_duration(last)}, and the run ends after"
        item.problems.add(node.entries["every"][0], f"{item.path}.every", f"{message} {units.format_duration(at_most)} (at_most)")
