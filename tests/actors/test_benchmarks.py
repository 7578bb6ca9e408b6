"""What a provider finds out of images before it offers: what their names stand for, and how fast their apps are here. Once, and kept."""

from __future__ import annotations

import msgspec
import pytest

from claynet.actors.environment import Identity
from claynet.actors.ports import SECOND, Outcome
from tests.actors.bent import DEAD, Call
from tests.actors.harness import APP, OTHER, OTHER_ID, World
from tests.actors.watch import Watch


def stands_for(digest: str, hardware: str = "here") -> Outcome:
    return Outcome("ok", msgspec.json.encode(Identity(digest, hardware)))


def broken(call: Call) -> Outcome | None:
    return Outcome("error", code="INTERNAL", detail="no such instruction") if call.method == "RunBenchmark" else None


def test_apps_of_ones_own_descriptors_and_the_environment_are_measured_before_anybody_asks() -> None:
    with World() as world:
        world.provider(files=(APP, OTHER))
        world.run(60)
        assert len(world.calls("RunBenchmark")) == 2
        told = [(event["image"], event["state"]) for event in world.seen("benchmark")]
        assert told == [("test/app:1", "scored"), ("test/other:1", "scored"), ("", "scored")]
        world.requestor()
        assert world.finish(world.create(app_id=OTHER_ID, subtasks=1)).status == "finished"
        assert len(world.calls("RunBenchmark")) == 2
        world.clean()


def test_an_app_whose_benchmark_hangs_is_disabled_with_the_reason_and_holds_no_other_up() -> None:
    """The job's wall limit ends it; this is what is left of it then."""
    with World() as world:
        hangs = Outcome("timed_out")
        world.provider(files=(APP,), bend=lambda call: hangs if (call.method, call.n) == ("RunBenchmark", 1) else None)
        world.requestor()
        bad = world.create(subtasks=1, task_timeout=100 * SECOND)
        good = world.create(app_id=OTHER_ID, subtasks=1)
        assert world.finish(good).status == "finished"
        assert world.finish(bad).status == "timed_out"
        details = {event["detail"] for event in world.seen("decline", task=bad, rule="benchmark", by="provider")}
        assert details == {"the app's benchmark failed here: timed_out"}
        assert len(world.calls("RunBenchmark")) == 2
        world.clean()


def test_a_score_is_kept_over_restarts_as_long_as_image_and_hardware_are_the_same() -> None:
    with World() as world:
        watch = Watch(world)
        place = world.provider(start=False)
        place.environment.identity = stands_for("sha256:a")
        world.start("p0")
        world.requestor()
        assert world.finish(world.create(subtasks=1)).status == "finished"
        world.restart("p0")
        assert world.finish(world.create(subtasks=1)).status == "finished"
        assert len(world.calls("RunBenchmark")) == 1, "the score of the last life counts"
        for identity in (stands_for("sha256:a", "a new processor"), stands_for("sha256:b", "a new processor")):
            place.environment.identity = identity
            world.restart("p0")
            assert world.finish(world.create(subtasks=1)).status == "finished"
        assert len(world.calls("RunBenchmark")) == 3
        watch.settle()
        world.clean()


def test_offer_slot_and_service_name_the_very_image_that_was_looked_at() -> None:
    with World() as world:
        place = world.provider(start=False)
        place.environment.identity = stands_for("sha256:a")
        world.start("p0")
        world.requestor()
        world.finish(world.create(subtasks=1))
        (offer,) = world.frames("p0", "offer")
        assert offer.record.digest == "sha256:a"
        (slot,) = world.slots()
        assert slot.digest == "sha256:a"
        assert {runnable.digest for runnable in place.environment.ran} == {"sha256:a"}, "its benchmark too"
        world.clean()


def test_work_that_was_agreed_runs_what_was_agreed_though_the_name_stands_for_another_image_by_now() -> None:
    with World(place=30 * SECOND) as world:
        place = world.provider(start=False)
        place.environment.identity = stands_for("sha256:a")
        world.start("p0")
        world.requestor()
        task_id = world.create(subtasks=1, subtask_timeout=100 * SECOND)
        world.run_until(lambda: bool(world.seen("evidence", tag="offer")), 60)
        place.environment.identity = stands_for("sha256:b")
        assert world.finish(task_id).status == "finished"
        assert {runnable.digest for runnable in place.environment.ran} == {"sha256:a"}
        world.run(120)
        assert world.finish(world.create(subtasks=1, subtask_timeout=100 * SECOND)).status == "finished"
        world.run(120)
        assert world.finish(world.create(subtasks=1, subtask_timeout=100 * SECOND)).status == "finished"
        assert {runnable.digest for runnable in place.environment.ran} == {"sha256:a", "sha256:b"}, "a later offer names the new one"
        world.clean()


def test_an_image_that_failed_its_benchmark_is_not_measured_again_but_a_better_one_of_its_name_is() -> None:
    with World() as world:
        place = world.provider(start=False, bend=broken)
        place.environment.identity = stands_for("sha256:a")
        world.start("p0")
        world.requestor()
        task_id = world.create(subtasks=1, task_timeout=3000 * SECOND)
        world.run(600)
        assert place.environment.looks > 3, "its name is looked up now and then"
        assert len(world.calls("RunBenchmark")) == 1
        place.environment.bend = lambda _call: None
        place.environment.identity = stands_for("sha256:b")
        assert world.finish(task_id).status == "finished"
        assert len(world.calls("RunBenchmark")) == 2
        world.clean()


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (Outcome("error", code="image_missing", detail="the image test/app:1 is not here"), "image_missing"),
        (Outcome("timed_out"), "identify"),
        (Outcome("ok", b"no identity"), "identify"),
    ],
)
def test_an_image_that_cannot_be_identified_is_declined_by_that_reason_until_it_can(answer: Outcome, rule: str) -> None:
    with World() as world:
        watch = Watch(world)
        place = world.provider(start=False)
        place.environment.identity = answer
        world.start("p0")
        world.requestor()
        task_id = world.create(subtasks=1)
        world.run_until(lambda: bool(world.seen("decline", by="provider", rule=rule)), 60)
        place.environment.identity = None
        assert world.finish(task_id).status == "finished"
        watch.settle()
        world.clean()


def test_an_image_that_vanished_after_it_was_measured_is_looked_at_again_before_the_next_offer() -> None:
    gone = Outcome("error", code="image_missing", detail="the image test/app:1 is not here")

    def bend(call: Call) -> Outcome | None:
        return gone if call.method == "start" and call.n == 2 else None

    with World() as world:
        watch = Watch(world)
        place = world.provider(bend=bend)
        world.requestor()
        task_id = world.create(subtasks=1)
        world.run_until(lambda: any(slot.status == "computing" for slot in world.slots()), 60)
        place.environment.identity = gone
        world.run_until(lambda: bool(world.seen("decline", by="provider", rule="image_missing")), 120)
        assert [slot.rule for slot in world.slots()] == ["image_missing"]
        place.environment.identity = None
        assert world.finish(task_id).status == "finished"
        watch.settle()
        world.clean()


def test_a_service_that_dies_in_its_benchmark_disables_that_image_with_the_reason() -> None:
    with World() as world:
        world.provider(bend=lambda call: DEAD if call.method == "start" else None, files=(APP,))
        world.run(60)
        (event,) = world.seen("benchmark", image="test/app:1")
        assert event["state"] == "failed"
        assert "the service has ended" in event["reason"]
        assert world.seen("benchmark", image="", state="scored"), "the environment is measured all the same"
        world.clean()
