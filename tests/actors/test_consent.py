"""Whose images a provider runs: asked, allowed, taken back, and remembered over restarts. Nothing is looked at before that."""

from __future__ import annotations

from claynet.actors.core.consent import ConsentState
from claynet.actors.ports import SECOND
from tests.actors.harness import APP, OTHER_ID, Place, World
from tests.actors.watch import Watch


def strict(world: World, **config: object) -> Place:
    """A provider that has heard of no source yet."""
    place = world.provider(start=False, config=config)
    place.environment.source = "registry.example/team"
    world.start("p0")
    return place


def seen(place: Place) -> dict[str, tuple[str, ...]]:
    states = [state for _, state, _ in place.store.load() if isinstance(state, ConsentState)]
    return {one.source: one.asked_by for state in states for one in state.seen}


def test_an_image_of_a_source_that_nobody_allowed_is_declined_remembered_and_not_even_looked_at() -> None:
    with World() as world:
        place = strict(world)
        world.requestor()
        task_id = world.create(subtasks=1, task_timeout=60 * SECOND)
        assert world.finish(task_id).status == "timed_out"
        declined = world.seen("decline", by="provider", rule="whitelist")
        assert "registry.example/team" in declined[0]["detail"]
        assert [event for event in world.seen("decline", rule="whitelist") if event.node == "r0"], "the requestor heard why"
        assert seen(place) == {"registry.example/team": (world.id("r0"),)}
        assert place.environment.looks == 0
        assert place.environment.ran == []
        (event,) = world.seen("source")
        assert (event["state"], event["source"], event["image"], event["peer"]) == (
            "asked",
            "registry.example/team",
            "test/app:1",
            world.id("r0"),
        )
        world.clean()


def test_allowing_a_source_takes_effect_at_once_for_headers_held() -> None:
    with World() as world:
        watch = Watch(world)
        place = strict(world)
        world.requestor()
        task_id = world.create(subtasks=2)
        world.run_until(lambda: bool(seen(place)), 30)
        headers = len(world.frames("r0", "header"))
        assert place.node is not None
        place.node.allow_source("registry.example/team")
        world.run_until(lambda: bool(world.seen("evidence", tag="offer")), 30)
        assert len(world.frames("r0", "header")) == headers, "it did not wait for the next one"
        assert world.finish(task_id).status == "finished"
        assert seen(place) == {}
        watch.settle()
        world.clean()


def test_taking_a_source_back_ends_offers_to_come_and_refuses_assignments_but_not_work_under_way() -> None:
    with World(compute=20 * SECOND) as world:
        watch = Watch(world)
        place = strict(world, whitelist=("registry.example/team",), slots=1)
        world.requestor()
        task_id = world.create(subtasks=3, task_timeout=200 * SECOND)
        world.run_until(lambda: bool(world.slots()), 60)
        assert place.node is not None
        place.node.forbid_source("registry.example/team")
        assert world.finish(task_id).status == "timed_out"
        done = [one for one in world.subtasks(task_id) if one.status == "finished"]
        assert len(done) == 1, "what had begun was computed"
        assert len(world.slots()) == 1
        assert world.seen("decline", by="provider", rule="whitelist")
        watch.settle()
        world.clean()


def test_an_assignment_that_answers_an_offer_from_before_is_refused_when_its_source_was_taken_back() -> None:
    with World() as world:
        place = strict(world, whitelist=("registry.example/team",))
        world.requestor()
        task_id = world.create(subtasks=1, task_timeout=60 * SECOND)
        world.run_until(lambda: bool(world.seen("evidence", tag="offer")), 30)
        assert place.node is not None
        place.node.forbid_source("registry.example/team")
        assert world.finish(task_id).status == "timed_out"
        assert world.slots() == []
        refused = world.frames("p0", "refused")
        assert [frame.record.rule for frame in refused] == ["whitelist"]
        world.clean()


def test_what_the_operator_said_and_who_asked_outlast_a_power_cut() -> None:
    with World() as world:
        watch = Watch(world)
        place = strict(world)
        world.requestor()
        task_id = world.create(subtasks=1)
        world.run_until(lambda: bool(seen(place)), 30)
        world.restart("p0")
        assert seen(place) == {"registry.example/team": (world.id("r0"),)}
        assert place.node is not None
        place.node.allow_source("registry.example/team")
        world.run(0.1)
        world.restart("p0")
        assert world.finish(task_id).status == "finished"
        assert len(world.seen("source", state="asked")) == 1
        watch.settle()
        world.clean()


def test_an_app_of_a_descriptor_that_nobody_allowed_is_not_measured_either() -> None:
    with World() as world:
        place = world.provider(start=False, files=(APP,))
        place.environment.source = "registry.example/team"
        world.start("p0")
        world.run(60)
        assert place.environment.looks == 0
        assert world.calls("RunBenchmark") == []
        assert place.node is not None
        place.node.allow_source("registry.example/team")
        world.run(60)
        assert len(world.calls("RunBenchmark")) == 1, "nobody had to ask for it"
        world.requestor()
        assert world.finish(world.create(app_id=OTHER_ID, subtasks=1)).status == "finished"
        world.clean()
