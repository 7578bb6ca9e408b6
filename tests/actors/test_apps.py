"""Apps and their services on both sides: descriptors, services that die, benchmarks, what a provider says it does not take."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from claynet.actors.descriptors import load
from claynet.actors.ports import SECOND, Outcome
from claynet.proto import golem_task_api_pb2 as api
from tests.actors.bent import DEAD, Bend, Call
from tests.actors.harness import APP, APP_ID, OTHER, OTHER_ID, PRICE, TOKEN, World, descriptor
from tests.actors.watch import Watch


def nth(method: str, n: int, outcome: Outcome = DEAD) -> Bend:
    return lambda call: outcome if call.method == method and call.n == n else None


# ---------------------------------------------------------------- descriptors


BROKEN = {
    "not json": "{",
    "a list": "[]",
    "deep": "[" * 100_000,
    "missing": '{"name": "x"}',
    "wrong type": json.dumps({**json.loads(APP[1]), "name": 5}),
    "empty name": json.dumps({**json.loads(APP[1]), "name": ""}),
    "prereq": json.dumps({**json.loads(APP[1]), "requestor_prereq": "image"}),
    "score": json.dumps({**json.loads(APP[1]), "max_benchmark_score": True}),
    "infinite": APP[1].replace("10000.0", "Infinity"),
    "nan": APP[1].replace("10000.0", "NaN"),
    "strategy": json.dumps({**json.loads(APP[1]), "market_strategy": "barter"}),
    "unreadable": "",
    "huge": " " * 300_000,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_descriptor_is_named_and_skipped_while_others_load(name: str) -> None:
    with World() as world:
        world.requestor(files=(("bad.json", BROKEN[name]), APP))
        world.provider()
        task_id = world.create(subtasks=1)
        assert world.finish(task_id).status == "finished"
        (event,) = world.seen("descriptor")
        assert event["file"] == "bad.json"
        assert event["problem"]
        world.clean()


def test_of_two_files_of_one_app_the_first_counts() -> None:
    found, problems = load((APP, ("copy.json", APP[1]), OTHER))
    assert set(found) == {APP_ID, OTHER_ID}
    ((file, problem),) = problems
    assert file == "copy.json"
    assert "same app" in problem


@pytest.mark.parametrize(
    ("changes", "task", "text"),
    [
        ({"files": (OTHER,)}, {}, "unknown_app"),
        ({"disabled_apps": frozenset({APP_ID})}, {}, "disabled_app: test/app is not enabled"),
        ({"files": (descriptor("test/app", image="not/here"),)}, {"app_id": ""}, "unknown_app"),
    ],
    ids=["unknown", "disabled", "no image"],
)
def test_an_app_that_cannot_be_used_here_is_failed_to_create_with_the_reason(changes: dict, task: dict, text: str) -> None:
    with World() as world:
        world.requestor(**changes)
        if "app_id" in task:
            task = {"app_id": next(iter(load(changes["files"])[0]))}
        task_id = world.create(**task)
        state = world.finish(task_id)
        assert state.status == "failed_to_create"
        assert text in state.reason
        assert not world.places["r0"].store.undone()
        world.clean()


def test_another_app_of_the_same_node_is_not_disturbed() -> None:
    with World() as world:
        watch = Watch(world)
        world.requestor(disabled_apps=frozenset({OTHER_ID}))
        world.provider()
        bad, good = world.create(app_id=OTHER_ID), world.create()
        assert world.finish(good).status == "finished"
        assert world.task(bad).status == "failed_to_create"
        watch.settle()


# ---------------------------------------------------------------- services of a requestor


@pytest.mark.parametrize("method", ["NextSubtask", "Verify", "HasPendingSubtasks"])
@pytest.mark.parametrize("n", [1, 2])
def test_a_service_that_dies_is_replaced_and_the_task_goes_on(method: str, n: int) -> None:
    with World() as world:
        watch = Watch(world)
        for number in range(3):
            world.provider(f"p{number}")
        world.requestor(bend=nth(method, n), retry_most=5 * SECOND)
        task_id = world.create(subtasks=3)
        assert world.finish(task_id).status == "finished"
        assert len({event["id"] for event in world.seen("runtime", side="requestor")}) == 2
        watch.settle()
        world.clean()


def test_a_discard_that_a_dying_service_did_not_answer_is_said_again() -> None:
    """Else the part is lost: nobody computes it, and the task ends without it."""
    answers = {("Verify", 1): Outcome("error", code="INTERNAL", detail="x"), ("DiscardSubtasks", 1): DEAD, ("AbortSubtask", 1): DEAD}
    with World() as world:
        watch = Watch(world)
        for number in range(2):
            world.provider(f"p{number}")
        world.requestor(bend=lambda call: answers.get((call.method, call.n)), retry_most=5 * SECOND)
        task_id = world.create(subtasks=2)
        assert world.finish(task_id).status == "finished"
        watch.settle()


def test_an_app_whose_service_never_comes_up_is_failed_to_create() -> None:
    with World() as world:
        refuse = Outcome("error", code="not_serving", detail="no health")
        world.requestor(bend=lambda call: refuse if call.method == "start" else None)
        task_id = world.create()
        state = world.finish(task_id)
        assert state.status == "failed_to_create"
        assert "no health" in state.reason
        world.clean()


def test_a_service_that_needs_several_attempts_is_given_them() -> None:
    with World() as world:
        watch = Watch(world)
        world.provider()
        world.requestor(bend=lambda call: DEAD if call.method == "start" and call.n < 3 else None)
        task_id = world.create()
        assert world.finish(task_id).status == "finished"
        watch.settle()


@pytest.mark.parametrize(
    "answer",
    [
        Outcome("ok", b"\xff\xff"),
        Outcome("ok", api.CreateTaskReply().SerializeToString()),
        Outcome("ok", api.CreateTaskReply(env_id="docker_cpu", prerequisites_json=" " * 32 * 1024).SerializeToString()),
        Outcome("error", code="INVALID_ARGUMENT", detail="bad parameters"),
        Outcome("timed_out"),
        DEAD,
    ],
    ids=["garbage", "no_environment", "too_long", "error", "timed_out", "died"],
)
def test_a_create_task_that_comes_to_nothing_is_failed_to_create_and_aborted(answer: Outcome) -> None:
    with World() as world:
        watch = Watch(world)
        world.provider()
        world.requestor(bend=nth("CreateTask", 1, answer))
        task_id, other = world.create(), world.create()
        assert world.finish(task_id).status == "failed_to_create"
        assert world.finish(other).status == "finished", "another task of the app is not touched"
        aborted = [api.AbortTaskRequest.FromString(call.request).task_id for call, _ in world.calls("AbortTask")]
        assert task_id in aborted
        watch.settle()


def test_the_service_of_an_app_nobody_uses_is_stopped_and_comes_back_on_need() -> None:
    with World() as world:
        watch = Watch(world)
        world.provider()
        world.requestor()
        for number in (1, 2):
            assert world.finish(world.create()).status == "finished"
            services = {event["id"]: event["state"] for event in world.seen("runtime", side="requestor")}
            assert list(services.values()) == ["stopped"] * number
        watch.settle()


@pytest.mark.parametrize("seconds", [2.6, 3.0, 5.95, 6.0])
def test_a_service_is_stopped_after_an_abort_whatever_was_still_asked(seconds: float) -> None:
    with World(verify=3 * SECOND, next_subtask=SECOND) as world:
        watch = Watch(world)
        for number in range(3):
            world.provider(f"p{number}")
        world.requestor()
        task_id = world.create(subtasks=6)
        world.run(seconds)
        world.abort(task_id)
        watch.settle()
        assert len({event["id"] for event in world.seen("runtime", side="requestor")}) <= 2


# ---------------------------------------------------------------- providers


def declines(world: World, rule: str, provider: str = "p0") -> int:
    said = world.seen("decline", rule=rule, provider=world.id(provider), by="provider")
    return len([event for event in said if event.node == provider])


def test_a_benchmark_that_fails_disables_that_app_with_its_reason_and_no_other() -> None:
    def bend(call: Call) -> Outcome | None:
        return Outcome("error", code="INTERNAL", detail="no such instruction") if (call.method, call.n) == ("RunBenchmark", 1) else None

    with World() as world:
        world.provider(bend=bend)
        world.requestor()
        bad = world.create(app_id=OTHER_ID, task_timeout=60 * SECOND)
        world.run(10)
        good = world.create(subtasks=1)
        assert world.finish(good).status == "finished"
        assert world.finish(bad).status == "timed_out"
        assert len(world.calls("RunBenchmark")) == 2
        event = world.seen("decline", task=bad, by="provider", rule="benchmark")[0]
        assert "no such instruction" in event["detail"]
        world.clean()


@pytest.mark.parametrize(
    "answer", [Outcome("ok", b"\xff\xff"), Outcome("ok", api.RunBenchmarkReply(score=float("nan")).SerializeToString()), DEAD]
)
def test_a_benchmark_that_answers_garbage_is_one_that_failed(answer: Outcome) -> None:
    with World() as world:
        world.provider(bend=nth("RunBenchmark", 1, answer))
        world.requestor()
        task_id = world.create(task_timeout=60 * SECOND)
        assert world.finish(task_id).status == "timed_out"
        assert declines(world, "benchmark")
        assert not world.slots()
        world.clean()


def test_two_apps_are_benchmarked_one_after_the_other() -> None:
    with World() as world:
        watch = Watch(world)
        world.provider()
        world.requestor()
        first = world.create(subtasks=1)
        assert world.finish(first).status == "finished"
        second = world.create(subtasks=1, app_id=OTHER_ID)
        assert world.finish(second).status == "finished"
        third = world.create(subtasks=1, app_id=OTHER_ID)
        assert world.finish(third).status == "finished"
        assert len(world.calls("RunBenchmark")) == 2, "once an app"
        watch.settle()
        world.clean()


def test_a_score_above_the_apps_highest_is_not_believed() -> None:
    with World() as world:
        world.provider("p0", score=10_001.0)
        world.provider("p1", score=10_000.0, price=2 * PRICE)
        world.requestor()
        task_id = world.create(subtasks=2)
        assert world.finish(task_id).status == "finished"
        assert {one.provider for one in world.subtasks(task_id)} == {world.id("p1")}
        event = world.seen("decline", provider=world.id("p0"), by="requestor")[0]
        assert event["rule"] == "score"
        assert "not believed" in event["detail"]
        world.clean()


@pytest.mark.parametrize(
    ("provider", "task", "rule"),
    [
        ({"price": 2 * TOKEN}, {}, "price"),
        ({"config": {"env": "nowhere"}}, {}, "environment"),
    ],
)
def test_a_provider_says_why_it_does_not_take_a_task(provider: dict, task: dict, rule: str) -> None:
    with World() as world:
        config = provider.pop("config", {})
        place = world.provider(start=False, **provider)
        if config:
            assert place.config.provider is not None
            place.config = replace(place.config, provider=replace(place.config.provider, **config))
        world.start("p0")
        world.requestor()
        task_id = world.create(task_timeout=60 * SECOND, **task)
        assert world.finish(task_id).status == "timed_out"
        heard = [event for event in world.seen("decline", task=task_id, rule=rule) if event.node == "r0"]
        assert heard, "the requestor heard it too"
        world.clean()


def test_declines_of_one_task_are_rate_limited() -> None:
    with World() as world:
        world.provider(price=2 * TOKEN)
        world.requestor(config={"announce_first": SECOND, "announce_most": SECOND})
        world.create(task_timeout=150 * SECOND)
        world.run(150)
        headers = len(world.frames("r0", "header"))
        assert headers > 100
        assert declines(world, "price") == 3, "one a minute"
        assert len(world.frames("p0", "decline")) == 3
        world.clean()


def test_an_environment_that_does_not_work_is_probed_again_and_then_used() -> None:
    with World() as world:
        watch = Watch(world)
        place = world.provider(start=False)
        place.environment.broken = Outcome("error", code="no_engine", detail="start the engine")
        world.start("p0")
        world.requestor()
        task_id = world.create(subtasks=1)
        world.run(20)
        assert declines(world, "environment")
        assert [event["state"] for event in world.seen("environment", side="provider")] == [
            "probing",
            "broken",
        ] * 4  # after 2, 4 and 8 s again
        place.environment.broken = None
        assert world.finish(task_id).status == "finished"
        assert [event["state"] for event in world.seen("environment", side="provider")][-2:] == ["probing", "ready"]
        watch.settle()


@pytest.mark.parametrize(
    ("bend", "rule"),
    [
        (nth("Compute", 1, Outcome("error", code="INTERNAL", detail="ValueError: no")), "compute"),
        (nth("Compute", 1, Outcome("ok", b"\xff\xff")), "compute"),
        (nth("Compute", 1, Outcome("ok", api.ComputeReply(output_filepath="../../secret").SerializeToString())), "unsafe_path"),
        (nth("Compute", 1, Outcome("ok", api.ComputeReply(output_filepath="").SerializeToString())), "unsafe_path"),
        (nth("Compute", 1, Outcome("ok", api.ComputeReply(output_filepath="missing").SerializeToString())), "missing_file"),
        (nth("Compute", 1), "exited"),
        (nth("start", 2, Outcome("error", code="not_serving", detail="no health")), "not_serving"),
    ],
    ids=["raises", "garbage", "outside", "empty", "missing", "dies", "no_start"],
)
def test_a_provider_says_how_its_work_came_to_nothing_and_is_tried_last(bend: Bend, rule: str) -> None:
    with World() as world:
        watch = Watch(world)
        world.provider(bend=bend)
        world.requestor()
        task_id = world.create(subtasks=1)
        task = world.finish(task_id)
        assert task.status == "finished"
        (failed,) = [one for one in world.subtasks(task_id) if one.status == "failed"]
        assert failed.rule == rule
        assert failed.reason.startswith("the provider failed")
        assert task.failed_providers == {world.id("p0")}
        (slot,) = [slot for slot in world.slots() if slot.status == "failed"]
        assert slot.rule == rule
        watch.settle()
        world.clean()


def test_slots_and_the_cap_of_offers_are_kept_with_many_tasks() -> None:
    with World() as world:
        watch = Watch(world)
        world.provider(config={"slots": 2, "offers_per_slot": 3})
        for number in range(2):
            world.requestor(f"r{number}")
        tasks = [(world.create(f"r{number % 2}", subtasks=2), f"r{number % 2}") for number in range(10)]
        for task_id, name in tasks:
            assert world.finish(task_id, name).status == "finished"
            watch.check()
        watch.settle()
        assert world.seen("slot", state="paid")
