"""What a valid file becomes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from claynet.actors.ports import MILLISECOND, SECOND
from claynet.sim.durations import Distribution
from claynet.sim.scenario.plan import (
    At,
    CrashEvent,
    LinkEvent,
    MetricExpected,
    PartitionEvent,
    PauseEvent,
    TasksExpected,
    When,
    WhyExpected,
)
from claynet.sim.scenario.reader import Overrides, load
from tests.scenario.samples import FULL, write


def test_top_level_values(tmp_path: Path) -> None:
    plan = load(write(tmp_path))
    assert (plan.name, plan.seed, plan.seed_given, plan.mode, plan.until) == ("first-light", 7, True, "paced", None)
    assert plan.at_most == 600 * SECOND
    assert plan.notes == ()


def test_network_links_and_durations(tmp_path: Path) -> None:
    plan = load(write(tmp_path))
    quality = plan.network.quality
    assert (quality.latency, quality.bandwidth, quality.loss) == (Distribution.lognormal(40 * MILLISECOND, 0.4), 50_000_000, 0.005)
    (rule,) = plan.network.links
    assert (rule.left, rule.right) == (("requestors-0", "requestors-1"), ("honest-0",))
    assert (rule.change.latency, rule.change.bandwidth, rule.change.loss) == (Distribution.constant(15 * MILLISECOND), None, 0.01)
    assert plan.durations == {
        "compute": Distribution.uniform(SECOND, 2 * SECOND),
        "verify": Distribution.constant(50 * MILLISECOND),
        "start": Distribution.exponential(300 * MILLISECOND),
    }


def test_nodes_are_expanded_from_groups(tmp_path: Path) -> None:
    plan = load(write(tmp_path))
    nodes = {node.name: node for node in plan.nodes}
    assert list(nodes) == ["requestors-0", "requestors-1", *(f"honest-{n}" for n in range(5)), "liars-0", "mixed-0"]
    asker, seller, liar, both = nodes["requestors-1"], nodes["honest-4"], nodes["liars-0"], nodes["mixed-0"]
    assert asker.provider is None
    assert asker.requestor is not None
    assert (asker.requestor.pool_time, asker.requestor.give_up_after, asker.requestor.env) == (500 * MILLISECOND, 4, "process")
    assert seller.requestor is None
    assert seller.provider is not None
    assert (seller.price, seller.provider.slots, seller.provider.memory_mib) == (SECOND // 2, 2, 512.0)
    assert (seller.clock_offset, both.clock_drift) == (-2 * SECOND, 0.001)
    assert seller.behaviour.is_honest
    assert liar.behaviour.wrong_result == 0.5
    assert both.requestor is not None
    assert both.provider is not None


def test_apps_and_tasks(tmp_path: Path) -> None:
    plan = load(write(tmp_path))
    app = plan.apps["tutorial"]
    assert (app.name, app.image, app.module) == ("claynet/tutorial", "claynet/tutorial:1.0.0", "claynet.apps.tutorial.app:APP")
    assert len(app.app_id) == 32
    assert app.build == tmp_path / "app"
    (task,) = plan.tasks
    assert json.loads(task.params_json) == {"difficulty": 12, "resources": ["input.txt"]}
    assert [(given.name, given.data) for given in task.inputs] == [("input.txt", b"clay\n")]
    assert (task.subtasks, task.max_price, task.task_timeout, task.subtask_timeout) == (4, SECOND, 300 * SECOND, 20 * SECOND)
    made = [(instance.node, instance.nth, instance.at // SECOND) for instance in plan.instances()]
    assert made == [(f"requestors-{n}", nth, 1 + 10 * nth) for n in range(2) for nth in range(3)]


def test_events_and_expectations(tmp_path: Path) -> None:
    plan = load(write(tmp_path))
    partition, crash, link = plan.events
    assert isinstance(partition, PartitionEvent)
    assert (partition.trigger, partition.lasts) == (At(20 * SECOND), 15 * SECOND)
    assert partition.sides == (("requestors-0", "requestors-1"), (*(f"honest-{n}" for n in range(5)), "liars-0"))
    assert crash == CrashEvent(When("pow", "subtasks_finished", 2), ("honest-0",), 5 * SECOND)
    assert isinstance(link, LinkEvent)
    assert (link.change.bandwidth, link.change.loss, link.lasts) == (1_000_000, 0.02, 10 * SECOND)
    tasks, wrong, paid, why, left = plan.expectations
    assert tasks == TasksExpected("tasks pow finished: all within 5m", "pow", "finished", None, 6, 300 * SECOND)
    assert wrong == MetricExpected("results_accepted_wrong equals 0", "results_accepted_wrong", "equals", 0)
    assert isinstance(paid, MetricExpected)
    assert paid.value == 12_500_000_000
    assert why == WhyExpected("why pow price: at least 1 of 1", "pow", ("liars-0",), "price", 1)
    assert left.label == "leftovers none"


def test_a_pause_lasts_for_a_while_or_for_good(tmp_path: Path) -> None:
    pause = 'pause: "honest[0]"'
    text = FULL.replace('crash: "honest[0]", restart_after: 5s', f"{pause}, for: 5s")
    assert load(write(tmp_path, text)).events[1] == PauseEvent(When("pow", "subtasks_finished", 2), ("honest-0",), 5 * SECOND)
    text = FULL.replace('crash: "honest[0]", restart_after: 5s', pause)
    assert load(write(tmp_path, text)).events[1] == PauseEvent(When("pow", "subtasks_finished", 2), ("honest-0",), None)


def test_isolation_on_the_command_line_brings_mode_and_transport_with_it(tmp_path: Path) -> None:
    text = FULL.replace(", clock_offset: -2s", "").replace(", clock_drift: 0.001", "")
    text = "\n".join(line for line in text.splitlines() if "partition:" not in line and "  - {at: 1m, link" not in line)
    plan = load(write(tmp_path, text), Overrides(isolate="process"))
    assert (plan.isolate, plan.mode, plan.network.transport) == ("process", "real", "p2p")
    plan = load(write(tmp_path, text))
    assert (plan.isolate, plan.mode, plan.network.transport) == ("none", "paced", "simulated")


def test_overrides_win(tmp_path: Path) -> None:
    plan = load(write(tmp_path), Overrides(seed=99, mode="virtual", env="model"))
    assert (plan.seed, plan.mode, plan.environments()) == (99, "virtual", ("model",))


def test_an_override_replaces_every_environment(tmp_path: Path) -> None:
    path = write(tmp_path, FULL.replace("env: process", "env: docker_gpu"))
    assert load(path, Overrides(env="process")).environments() == ("process",)


def test_without_a_seed_it_is_zero_and_the_plan_says_so(tmp_path: Path) -> None:
    plan = load(write(tmp_path, FULL.replace("seed: 7\n", "")))
    assert (plan.seed, plan.seed_given) == (0, False)
    assert "seed" in plan.notes[0]


def test_defaults_of_a_small_file(tmp_path: Path) -> None:
    text = "schema: 1\nseed: 1\nuntil: 30s\nnodes: [{group: a, count: 1, role: both, env: model}]\n"
    plan = load(write(tmp_path, text))
    assert (plan.name, plan.mode, plan.until, plan.at_most) == ("x", "paced", 30 * SECOND, 30 * SECOND)
    assert plan.network.quality.bandwidth is None


def test_aliases_and_a_place_for_anchors(tmp_path: Path) -> None:
    text = FULL.replace("schema: 1\n", "schema: 1\nx-slow: &slow {constant: 2s}\n").replace("verify: 50ms", "verify: *slow")
    assert load(write(tmp_path, text)).durations["verify"] == Distribution.constant(2 * SECOND)


@pytest.mark.parametrize(
    "change",
    [
        ("x.yaml", b"# a comment\n"),
        ("data/input.txt", b"!"),
        ("app/descriptor.json", b" "),
    ],
)
def test_the_digest_covers_every_file(tmp_path: Path, change: tuple[str, bytes]) -> None:
    path = write(tmp_path)
    before = load(path).digest()
    assert load(path).digest() == before
    with (tmp_path / change[0]).open("ab") as stream:
        stream.write(change[1])
    assert load(path).digest() != before


def test_the_digest_covers_what_overrides_change_and_only_that(tmp_path: Path) -> None:
    path = write(tmp_path)
    usual = load(path).digest()
    assert load(path, Overrides(seed=7, mode="paced", env="process")).digest() == usual
    others = {load(path, given).digest() for given in (Overrides(seed=8), Overrides(env="model"), Overrides(mode="virtual", env="inproc"))}
    assert len(others - {usual}) == 3


def test_a_plan_does_not_depend_on_where_the_folder_is(tmp_path: Path) -> None:
    digests = set()
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        digests.add(load(write(tmp_path / name)).digest())
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [("TRUE", True), ("FALSE", False), ("0x1F", 31), ("0o17", 15), ("017", 17), ("0xG", "0xG"), ("0o8", "0o8"), ("yes", "yes")],
)
def test_scalars_are_those_of_the_core_schema(tmp_path: Path, text: str, value: object) -> None:
    plan = load(write(tmp_path, FULL.replace("params: {difficulty: 12", f"params: {{difficulty: {text}")))
    assert json.loads(plan.tasks[0].params_json)["difficulty"] == value
    assert type(json.loads(plan.tasks[0].params_json)["difficulty"]) is type(value)
