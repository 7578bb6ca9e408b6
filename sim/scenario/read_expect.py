"""Reads `expect:`: what must hold at the end.

Knows those keys and the names that can be expected. Must not know how anything is counted or judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Literal

from claynet.actors import units
from claynet.actors.events import TASK_FINAL
from claynet.actors.nearest import nearest
from claynet.actors.rules import RULES
from claynet.sim.scenario.fields import Item, Section, one_of, positive_duration, text, whole
from claynet.sim.scenario.plan import Expectation, LeftoversExpected, MetricExpected, NodePlan, TaskPlan, TasksExpected, WhyExpected
from claynet.sim.scenario.selectors import Selectors
from claynet.sim.watch.metrics import METRICS

FORMS = ("tasks", "metric", "why", "leftovers")
_RULES = sorted({rule.name for rule in RULES} | {"silent", "timed_out"})
_ALIKE = 0.8
"""Environments have rules of their own, which may look a little like these."""
RELATIONS: tuple[Literal["equals", "at_least", "at_most"], ...] = ("equals", "at_least", "at_most")


class ExpectReader:
    """Reads expectations against one file's nodes and tasks."""

    def __init__(self, selectors: Selectors, tasks: Iterable[TaskPlan]) -> None:
        self._selectors = selectors
        self._totals: dict[str, int] = {}
        for task in tasks:
            self._totals[task.name] = self._totals.get(task.name, 0) + len(task.by) * task.repeat

    def read(self, items: list[Item]) -> list[Expectation]:
        """Read `expect:`."""
        found = [self._one(section) for item in items if (section := item.section())]
        return [expectation for expectation in found if expectation is not None]

    def _one(self, section: Section) -> Expectation | None:
        forms: dict[str, Callable[[Section], Expectation | None]] = {
            "tasks": self._tasks,
            "metric": self._metric,
            "why": self._why,
            "leftovers": self._leftovers,
        }
        given = [form for form in FORMS if section.has(form)]
        if len(given) == 1:
            read = forms[given[0]](section)
            section.close()
            return read
        unknown = [key for key in section.names() if key not in (*FORMS, "count", "within", *RELATIONS)]
        if unknown and not given:
            section.wrong("unknown key", nearest(unknown[0], FORMS), key=unknown[0])
        else:
            section.wrong(f"needs exactly one of {', '.join(FORMS)}")
        return None

    def _tasks(self, section: Section) -> TasksExpected | None:
        count = _count(section)
        within = section.optional("within", positive_duration)
        inner = section.section("tasks")
        if inner is None:
            return None
        task = self._task(inner, "name")
        state = inner.needed("state", one_of(sorted(TASK_FINAL), "state"), "")
        inner.close()
        total = self._totals.get(task, 0)
        if count is not None and count > total and task in self._totals:
            section.wrong(f"more than the {total} tasks there are", key="count")
        limit = f" within {units.format_duration(within)}" if within else ""
        return TasksExpected(f"tasks {task} {state}: {_many(count)}{limit}", task, state, count, total, within)

    def _metric(self, section: Section) -> MetricExpected | None:
        metric = section.needed("metric", one_of(METRICS, "metric"), "")
        given = [relation for relation in RELATIONS if section.has(relation)]
        number = _amount if metric.startswith("tokens_") else whole()
        values = {relation: section.optional(relation, number) for relation in RELATIONS}
        if len(given) != 1:
            section.wrong(f"needs exactly one of {', '.join(RELATIONS)}")
            return None
        value = values[given[0]]
        return None if value is None else MetricExpected(f"{metric} {given[0]} {value}", metric, given[0], value)

    def _why(self, section: Section) -> WhyExpected | None:
        count = _count(section)
        inner = section.section("why")
        if inner is None:
            return None
        task = self._task(inner, "task")
        providers = self._selectors.some(inner.required("provider"), _is_provider, "is no provider: its role is requestor")
        rule = inner.needed("rule", _rule, "")
        inner.close()
        if count is not None and providers and count > len(providers):
            section.wrong(f"more than the {len(providers)} providers named", key="count")
        return WhyExpected(f"why {task} {rule}: {_many(count)} of {len(providers)}", task, providers, rule, count)

    def _leftovers(self, section: Section) -> LeftoversExpected:
        section.value("leftovers", one_of(["none"], "amount"), "none")
        return LeftoversExpected("leftovers none")

    def _task(self, section: Section, key: str) -> str:
        item = section.required(key)
        name = item.parsed(text) if item else None
        if item is not None and name is not None and name not in self._totals:
            item.wrong(f"unknown task {name[:60]!r}", nearest(name, self._totals))
        return name or ""


def _is_provider(node: NodePlan) -> bool:
    return node.role != "requestor"


def _count(section: Section) -> int | None:
    def parse(value: object) -> int:
        return -1 if value == "all" else whole(1)(value)

    count = section.value("count", parse, -1)
    return None if count == -1 else count


def _rule(value: object) -> str:
    """Environments and apps may have rules of their own; one that is almost a known one is a slip of the pen."""
    rule = text(value)
    close = [] if rule in _RULES else get_close_matches(rule, _RULES, 1, _ALIKE)
    if close:
        raise units.UnitError(f"unknown rule {rule!r}", f"did you mean {close[0]!r}?")
    return rule


def _amount(value: object) -> int:
    return units.tokens(value) if isinstance(value, str) else whole()(value)


def _many(count: int | None) -> str:
    return "all" if count is None else f"at least {count}"
