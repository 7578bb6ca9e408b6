"""Judges a run by its plan's expectations: pure subscribers, one for each, with a verdict at the end.

Knows events and expectations. Must not know worlds, modes or output: the same checks judge virtual, paced and real runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from claynet.actors.events import TASK_FINAL
from claynet.actors.units import format_duration
from claynet.sim.scenario.plan import Expectation, LeftoversExpected, MetricExpected, Plan, TasksExpected, WhyExpected
from claynet.sim.watch.hub import Subscriber
from claynet.sim.watch.metrics import Metrics
from claynet.sim.watch.why import Reasons


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one expectation came out."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What is left of a run after everything stopped."""

    containers: int = 0
    networks: int = 0
    processes: int = 0


class Check(Subscriber, Protocol):
    """One expectation, being watched."""

    def verdict(self, leftovers: Leftovers) -> Verdict:
        """Judge; called once, after the last event."""


class TasksCheck:
    """`tasks:` so many tasks of a name end in a state, each in time since its own creation (its first event)."""

    KINDS = frozenset({"task"})

    def __init__(self, expected: TasksExpected) -> None:
        self._expected = expected
        self._created: dict[str, int] = {}
        self._ended: dict[str, tuple[str, int]] = {}

    def on_event(self, kind: str, at: int, node: str, fields: Mapping[str, object]) -> None:  # noqa: ARG002  (the Subscriber's signature)
        """Take one event."""
        if kind != "task" or fields["name"] != self._expected.task:
            return
        task, state = str(fields["id"]), str(fields["state"])
        self._created.setdefault(task, at)
        if state in TASK_FINAL:
            self._ended.setdefault(task, (state, at))

    def verdict(self, leftovers: Leftovers) -> Verdict:  # noqa: ARG002  (the Check's signature)
        """Judge."""
        wanted = self._expected
        took = {task: at - self._created[task] for task, (state, at) in self._ended.items() if state == wanted.state}
        fit = sum(wanted.within is None or time <= wanted.within for time in took.values())
        need = wanted.total if wanted.count is None else wanted.count
        parts = [f"{fit} of {wanted.total} {wanted.state}"]
        if wanted.within is not None:
            parts[0] += f" within {format_duration(wanted.within)}"
            late = len(took) - fit
            parts += [f"{late} {wanted.state} later (the slowest after {format_duration(max(took.values()))})"] if late else []
        others: dict[str, int] = {}
        for state, _ in self._ended.values():
            if state != wanted.state:
                others[state] = others.get(state, 0) + 1
        parts += [f"{count} {state}" for state, count in sorted(others.items())]
        unfinished = wanted.total - len(self._ended)
        parts += [f"{unfinished} unfinished"] if unfinished > 0 else []
        return Verdict(wanted.label, fit >= need, ", ".join(parts))


class MetricCheck:
    """`metric:` a number counted over the whole run."""

    KINDS = frozenset[str]()

    def __init__(self, expected: MetricExpected, metrics: Metrics) -> None:
        self._expected, self._metrics = expected, metrics

    def on_event(self, kind: str, at: int, node: str, fields: Mapping[str, object]) -> None:
        """Ignore it: the metrics count for themselves."""

    def verdict(self, leftovers: Leftovers) -> Verdict:  # noqa: ARG002  (the Check's signature)
        """Judge."""
        wanted = self._expected
        value = self._metrics.value(wanted.metric)
        ok = {"equals": value == wanted.value, "at_least": value >= wanted.value, "at_most": value <= wanted.value}[wanted.relation]
        return Verdict(wanted.label, ok, f"{wanted.metric} is {value}")


class WhyCheck:
    """`why:` providers are known not to have taken a task of that name because of a rule."""

    KINDS = frozenset[str]()

    def __init__(self, expected: WhyExpected, reasons: Reasons) -> None:
        self._expected, self._reasons = expected, reasons

    def on_event(self, kind: str, at: int, node: str, fields: Mapping[str, object]) -> None:
        """Ignore it: the reasons are gathered once for all checks."""

    def verdict(self, leftovers: Leftovers) -> Verdict:  # noqa: ARG002  (the Check's signature)
        """Judge."""
        wanted = self._expected
        known = self._reasons.rules(wanted.task)
        explained = [name for name in wanted.providers if wanted.rule in known.get(name, ())]
        need = len(wanted.providers) if wanted.count is None else wanted.count
        detail = f"{len(explained)} of {len(wanted.providers)} by {wanted.rule}"
        missing = [name for name in wanted.providers if name not in explained]
        if missing:
            rules = ", ".join(sorted(known.get(missing[0], ()))) or "nothing is known"
            detail += f"; not {missing[0]} ({rules})" + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
        return Verdict(wanted.label, len(explained) >= need, detail)


class LeftoversCheck:
    """`leftovers: none`."""

    KINDS = frozenset[str]()

    def __init__(self, expected: LeftoversExpected) -> None:
        self._expected = expected

    def on_event(self, kind: str, at: int, node: str, fields: Mapping[str, object]) -> None:
        """Ignore it: what is left is counted after the run."""

    def verdict(self, leftovers: Leftovers) -> Verdict:
        """Judge."""
        counts = {"containers": leftovers.containers, "networks": leftovers.networks, "processes": leftovers.processes}
        found = [f"{count} {kind}" for kind, count in counts.items() if count]
        return Verdict(self._expected.label, not found, ", ".join(found) or "nothing is left")


def make_checks(plan: Plan, metrics: Metrics, reasons: Reasons) -> list[Check]:
    """Return one check for each expectation, in the order of the file; subscribe them, the metrics and the reasons before the run."""
    return [_check(expected, metrics, reasons) for expected in plan.expectations]


def _check(expected: Expectation, metrics: Metrics, reasons: Reasons) -> Check:
    match expected:
        case TasksExpected():
            return TasksCheck(expected)
        case MetricExpected():
            return MetricCheck(expected, metrics)
        case WhyExpected():
            return WhyCheck(expected, reasons)
        case LeftoversExpected():
            return LeftoversCheck(expected)
