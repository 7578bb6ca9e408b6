"""Expectations, metrics, reasons and triggers, fed with events made by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from claynet.actors.ports import SECOND
from claynet.sim.durations import Distribution
from claynet.sim.scenario.plan import (
    At,
    CrashEvent,
    Expectation,
    LeftoversExpected,
    LinkChange,
    LinkQuality,
    MetricExpected,
    NetworkPlan,
    TasksExpected,
    When,
    WhyExpected,
)
from claynet.sim.scenario.reader import load
from claynet.sim.watch.expect import Leftovers, Verdict, make_checks
from claynet.sim.watch.hub import EventHub, Subscriber
from claynet.sim.watch.metrics import METRICS, Metrics, TasksDone
from claynet.sim.watch.results import Results
from claynet.sim.watch.triggers import Triggers
from claynet.sim.watch.why import MOST_ENTRIES, Reasons
from claynet.sim.wire.links import Links
from claynet.sim.wire.memory import MemoryBlobs
from tests.scenario.samples import write


class Story:
    """Events told one after the other to everything that listens."""

    def __init__(self, tmp_path: Path, *expectations: Expectation, providers: tuple[str, ...] = ("honest-0", "liars-0")) -> None:
        self.now = 0
        self.hub = EventHub(lambda: self.now)
        self.metrics, self.reasons, self.done = Metrics(), Reasons(providers), TasksDone(2)
        plan = replace(load(write(tmp_path)), expectations=expectations)
        self.checks = make_checks(plan, self.metrics, self.reasons)
        listeners: list[Subscriber] = [self.metrics, self.reasons, self.done, *self.checks]
        for subscriber in listeners:
            self.hub.subscribe(subscriber)
        for name in providers:
            self.hub.sink(name).emit("node", state="started", id=f"id-of-{name}")

    def task(self, task: str, state: str, at: int = 0, name: str = "pow") -> None:
        self.now = at * SECOND
        self.hub.sink("requestors-0").emit("task", id=task, name=name, app="a", before=None, state=state, reason="")

    def subtask(self, subtask: str, state: str, task: str = "t1", provider: str = "honest-0") -> None:
        fields = {"task": task, "name": "pow", "provider": f"id-of-{provider}", "before": None, "state": state, "reason": ""}
        self.hub.sink("requestors-0").emit("subtask", id=subtask, **fields)

    def payment(self, payment: str, state: str, amount: int = 5, node: str = "requestors-0") -> None:
        self.hub.sink(node).emit("payment", id=payment, payer="p", payee="q", amount=amount, state=state)

    def decline(self, provider: str, rule: str, task: str = "t1", by: str = "provider") -> None:
        fields = {"task": task, "provider": f"id-of-{provider}", "rule": rule, "detail": f"because of {rule}", "by": by}
        self.hub.sink("requestors-0").emit("decline", **fields)

    def verdicts(self, leftovers: Leftovers | None = None) -> list[Verdict]:
        return [check.verdict(leftovers or Leftovers()) for check in self.checks]


def tasks(count: int | None = None, within: int | None = None, state: str = "finished") -> TasksExpected:
    return TasksExpected("label", "pow", state, count, 2, None if within is None else within * SECOND)


def test_all_tasks_in_time(tmp_path: Path) -> None:
    story = Story(tmp_path, tasks(within=10))
    for task, start, end in (("t1", 0, 10), ("t2", 5, 12)):
        story.task(task, "creating", start)
        story.task(task, "finished", end)
    assert story.verdicts() == [Verdict("label", True, "2 of 2 finished within 10s")]


def test_time_counts_from_each_tasks_own_creation(tmp_path: Path) -> None:
    story = Story(tmp_path, tasks(within=10), tasks(count=1, within=10))
    story.task("t1", "creating", 0)
    story.task("t2", "creating", 20)
    story.task("t1", "finished", 11)
    story.task("t2", "finished", 30)
    strict, lenient = story.verdicts()
    assert (strict.ok, strict.detail) == (False, "1 of 2 finished within 10s, 1 finished later (the slowest after 11s)")
    assert lenient.ok


def test_other_ends_and_missing_tasks_are_told(tmp_path: Path) -> None:
    story = Story(tmp_path, tasks(), tasks(state="timed_out", count=1))
    story.task("t1", "creating")
    story.task("t1", "timed_out", 3)
    story.task("x", "finished", 3, name="another")
    finished, timed_out = story.verdicts()
    assert (finished.ok, finished.detail) == (False, "0 of 2 finished, 1 timed_out, 1 unfinished")
    assert timed_out.ok


def test_a_wrong_result_that_was_accepted(tmp_path: Path) -> None:
    zero = MetricExpected("zero", "results_accepted_wrong", "equals", 0)
    story = Story(tmp_path, zero)
    story.subtask("s1", "assigned")
    story.hub.sink("liars-0").emit("tampered", id="s1")
    assert story.verdicts()[0].ok
    story.subtask("s1", "finished")
    story.subtask("s2", "finished")
    assert story.verdicts() == [Verdict("zero", False, "results_accepted_wrong is 1")]


@pytest.mark.parametrize(
    ("relation", "oks"), [("equals", [False, True, False]), ("at_least", [False, True, True]), ("at_most", [True, True, False])]
)
def test_relations(tmp_path: Path, relation: str, oks: list[bool]) -> None:
    story = Story(tmp_path, MetricExpected("label", "misuse", relation, 1))  # type: ignore[arg-type]
    seen = []
    for _ in range(3):
        seen.append(story.verdicts()[0].ok)
        story.hub.sink("honest-0").emit("misuse", peer="p", rule="r", detail="d")
    assert seen == oks


def test_ids_are_counted_not_events(tmp_path: Path) -> None:
    story = Story(tmp_path)
    for _ in range(2):
        story.task("t1", "finished")
        story.subtask("s1", "assigned")
        story.subtask("s1", "finished")
        story.payment("s1", "due")
        story.payment("s1", "acknowledged")
        story.payment("s1", "received", node="honest-0")
        story.hub.sink("requestors-0").emit("evidence", tag="rejection", id="s9", digest="d")
    expected = dict.fromkeys(("tasks_finished", "subtasks_assigned", "subtasks_finished", "payments_acknowledged", "results_rejected"), 1)
    assert {metric: story.metrics.value(metric) for metric in expected} == expected
    assert (story.metrics.value("tokens_paid"), story.metrics.value("tokens_earned"), story.metrics.earned) == (5, 5, {"honest-0": 5})


def test_a_restarted_subtask_stays_a_success(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.subtask("s1", "finished")
    story.subtask("s1", "restarted")
    assert [story.metrics.subtasks(state) for state in ("finished", "restarted", "failed")] == [1, 1, 0]


def test_restarts_are_second_starts(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.hub.sink("honest-0").emit("node", state="started", id="id-of-honest-0")
    assert story.metrics.value("restarts") == 1


def test_every_metric_has_a_value() -> None:
    assert {Metrics().value(metric) for metric in METRICS} == {0}


def test_done_means_final_stored_and_paid(tmp_path: Path) -> None:
    story = Story(tmp_path)
    seen = []
    steps: list[Callable[[], None]] = [
        lambda: story.task("t1", "finished"),
        lambda: story.payment("s1", "due"),
        lambda: story.task("t2", "failed"),
        lambda: story.payment("s1", "sent"),
        lambda: story.payment("s1", "received", node="honest-0"),
        lambda: story.payment("s1", "acknowledged"),
        lambda: story.hub.sink("requestors-0").emit("results", id="t1", name="pow", files=[]),
        lambda: story.payment("s1", "sent"),
    ]
    for tell in steps:
        tell()
        seen.append(story.done.done)
    assert seen == [False, False, False, False, False, False, True, True]


def test_why_needs_the_rule_of_each_provider(tmp_path: Path) -> None:
    every = WhyExpected("all", "pow", ("honest-0", "liars-0"), "price", None)
    story = Story(tmp_path, every, replace(every, label="one", count=1))
    story.decline("honest-0", "price")
    story.decline("liars-0", "memory")
    story.task("t1", "waiting")  # the name of a task may be heard later than its declines
    for_all, for_one = story.verdicts()
    assert (for_all.ok, for_all.detail) == (False, "1 of 2 by price; not liars-0 (memory)")
    assert for_one.ok


def test_why_of_another_task_does_not_count(tmp_path: Path) -> None:
    story = Story(tmp_path, WhyExpected("label", "pow", ("honest-0",), "price", None))
    story.decline("honest-0", "price", task="t9")
    story.task("t9", "waiting", name="another")
    assert story.verdicts() == [Verdict("label", False, "0 of 1 by price; not honest-0 (nothing is known)")]


def test_reasons_of_unfinished_tasks_only_and_never_guessed(tmp_path: Path) -> None:
    story = Story(tmp_path, providers=("a", "b", "c", "d"))
    story.task("t1", "timed_out")
    story.task("t2", "finished")
    story.decline("a", "memory")
    story.decline("a", "price")
    story.decline("a", "price", task="t2")
    story.hub.sink("requestors-0").emit("offer", task="t1", name="pow", provider="id-of-b", price=1, score=1.0)
    story.subtask("s1", "assigned", provider="c")
    entries = [(entry.task, entry.node, entry.rule) for entry in story.reasons.entries()]
    assert entries == [("pow (t1)", "a", "price"), ("pow (t1)", "b", "not_chosen"), ("pow (t1)", "d", "silent")]


def test_reasons_are_bounded(tmp_path: Path) -> None:
    story = Story(tmp_path, providers=tuple(f"n-{n}" for n in range(MOST_ENTRIES + 7)))
    story.task("t1", "timed_out")
    entries = story.reasons.entries()
    assert len(entries) == MOST_ENTRIES + 1
    assert entries[-1].detail == "7 more entries are left out"


def test_leftovers(tmp_path: Path) -> None:
    story = Story(tmp_path, LeftoversExpected("left"))
    assert story.verdicts() == [Verdict("left", True, "nothing is left")]
    assert story.verdicts(Leftovers(containers=2, processes=1)) == [Verdict("left", False, "2 containers, 1 processes")]


def test_a_trigger_fires_once_for_the_first_task_that_is_so_far(tmp_path: Path) -> None:
    early, late = (CrashEvent(trigger, ("honest-0",), None) for trigger in (At(0), When("pow", "subtasks_finished", 2)))
    fired: list[int] = []
    story = Story(tmp_path)
    story.hub.subscribe(Triggers([early, late, late], fired.append))  # two that are equal are two
    story.subtask("s1", "finished", task="t1")
    story.subtask("s1", "finished", task="t1")
    story.subtask("s2", "finished", task="t2")
    assert fired == []
    story.subtask("s3", "finished", task="t2")
    assert fired == [1, 2]
    story.subtask("s4", "finished", task="t1")
    assert fired == [1, 2]


def test_why_knows_who_stayed_silent_and_who_was_not_chosen(tmp_path: Path) -> None:
    silent = WhyExpected("silent", "pow", ("liars-0",), "silent", None)
    not_chosen = WhyExpected("not chosen", "pow", ("honest-0",), "not_chosen", None)
    story = Story(tmp_path, silent, not_chosen)
    story.task("t1", "waiting")
    story.hub.sink("requestors-0").emit("offer", task="t1", name="pow", provider="id-of-honest-0", price=1, score=1.0)
    assert [verdict.ok for verdict in story.verdicts()] == [True, True]
    story.subtask("s1", "assigned", provider="honest-0")
    assert [verdict.ok for verdict in story.verdicts()] == [True, False]


def test_results_of_names_that_cannot_be_here_are_told_and_cost_no_other(tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    files = [[name, blobs.put(name.encode()), len(name)] for name in ("good.out", "x" * 300, "y" * 250)]
    results = Results()
    results.on_event("results", 0, "requestor", {"name": "pow", "id": "0123456789", "files": files, "problem": ""})
    results.write(tmp_path, lambda _node: blobs)
    folder = tmp_path / "requestor" / "pow-01234567"
    assert {path.name for path in folder.iterdir()} == {"good.out", "y" * 250}
    assert folder.with_name("pow-01234567.problem").read_text() == f"{'x' * 300}: File name too long\n"


def test_a_change_of_links_is_taken_back_and_not_its_equal() -> None:
    links = Links(NetworkPlan("simulated", LinkQuality(Distribution.constant(1), None, 0.0)))
    slow, fast = (LinkChange(latency=Distribution.constant(latency)) for latency in (500, 10))
    links.change(("a",), ("b",), slow)
    links.change(("a",), ("b",), fast)
    undo = links.change(("a",), ("b",), slow)
    assert links.quality("a", "b").latency == Distribution.constant(500)
    undo()
    assert links.quality("a", "b").latency == Distribution.constant(10)
