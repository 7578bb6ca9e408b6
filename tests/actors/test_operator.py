"""What an operator tells a running node: take no more work, use other descriptors, measure again, forget a task."""

from __future__ import annotations

import pytest

from claynet.actors.descriptors import parse
from claynet.actors.ports import SECOND
from tests.actors.harness import APP, APP_ID, OTHER, OTHER_ID, World
from tests.actors.watch import Watch


def lending(world: World) -> list[str]:
    return [event["state"] for event in world.seen("lending")]


def test_a_draining_provider_ends_its_work_takes_none_and_says_when_nothing_is_left() -> None:
    with World(compute=20 * SECOND) as world:
        watch = Watch(world)
        place = world.provider()
        world.requestor()
        task_id = world.create(subtasks=2, task_timeout=600 * SECOND)
        world.run_until(lambda: any(slot.status == "computing" for slot in world.slots()), 60)
        assert place.node is not None
        place.node.drain("maintenance")
        world.run(1)
        assert lending(world) == ["draining"]
        world.run(60)
        assert lending(world) == ["draining", "drained"]
        assert len(world.slots()) == 1
        assert world.slots()[0].status == "paid", "what had begun was ended and paid"
        assert "maintenance" in world.seen("decline", by="provider", rule="drained")[0]["detail"]
        place.node.resume()
        assert world.finish(task_id).status == "finished"
        assert lending(world) == ["draining", "drained", "open"]
        watch.settle()
        world.clean()


def test_an_idle_provider_is_drained_at_once_and_refuses_what_answers_an_older_offer() -> None:
    with World() as world:
        place = world.provider()
        world.requestor()
        task_id = world.create(subtasks=1)
        world.run_until(lambda: bool(world.seen("evidence", tag="offer")), 30)
        assert place.node is not None
        place.node.drain("night")
        world.run(60)
        assert lending(world) == ["draining", "drained"]
        assert world.slots() == []
        assert {frame.record.rule for frame in world.frames("p0", "refused")} == {"drained"}
        place.node.resume()
        assert world.finish(task_id).status == "finished"
        world.clean()


def test_other_descriptors_count_at_once_for_requests_and_are_measured_by_the_provider() -> None:
    with World() as world:
        provider = world.provider()
        requestor = world.requestor(files=(APP,))
        assert "unknown_app" in world.finish(world.create(app_id=OTHER_ID)).reason
        assert requestor.node is not None
        assert provider.node is not None
        for place in (requestor, provider):
            assert place.node is not None
            place.node.set_apps((APP, OTHER, ("bad.json", "{")), frozenset({APP_ID}))
        world.run(60)
        assert [call.request for call, _ in world.calls("RunBenchmark")] == [b""], "the one that is enabled"
        assert [event["file"] for event in world.seen("descriptor")] == ["bad.json"]
        assert world.finish(world.create(app_id=OTHER_ID)).status == "finished"
        assert "disabled_app" in world.finish(world.create()).reason
        requestor.node.set_apps((APP, OTHER, ("bad.json", "{")), frozenset())
        world.run(1)
        assert len(world.seen("descriptor")) == 1, "a problem is named once"
        assert world.finish(world.create()).status == "finished"
        world.clean()


def test_a_score_that_is_not_believed_follows_the_descriptors() -> None:
    low = (APP[0], APP[1].replace("10000.0", "10.0"))
    with World() as world:
        world.provider()
        requestor = world.requestor()
        assert requestor.node is not None
        requestor.node.set_apps((low,), frozenset())
        task_id = world.create(app_id=parse(low[1]).app_id, task_timeout=60 * SECOND)
        assert world.finish(task_id).status == "timed_out"
        assert world.seen("decline", by="requestor", rule="score")
        world.clean()


def test_measuring_again_forgets_the_scores() -> None:
    with World() as world:
        place = world.provider(files=(APP,))
        world.run(60)
        assert place.node is not None
        place.node.remeasure()
        world.run(60)
        assert len(world.calls("RunBenchmark")) == 2
        assert len(world.seen("benchmark", image="")) == 2
        world.restart("p0")
        world.run(60)
        assert len(world.calls("RunBenchmark")) == 2, "the new score is kept"
        world.clean()


def deleted(world: World) -> str:
    return world.seen("deleted")[-1]["problem"]


def delete(world: World, task_id: str) -> str:
    node = world.places["r0"].node
    assert node is not None
    before = len(world.seen("deleted"))
    node.delete_task(task_id)
    world.run_until(lambda: len(world.seen("deleted")) > before, 5)
    return deleted(world)


def test_a_task_that_is_over_is_forgotten_and_its_money_is_not() -> None:
    with World() as world:
        watch = Watch(world)
        world.provider()
        world.requestor()
        first, second = world.create(), world.create()
        assert world.finish(first).status == world.finish(second).status == "finished"
        balance = world.balance("r0")
        assert delete(world, first) == ""
        store = world.places["r0"].store
        assert set(store.states("task")) == {second}
        assert {one.task_id for one in store.states("subtask").values()} == {second}
        assert len(store.states("payment")) == 2
        assert world.balance("r0") == balance < world.places["r0"].opening
        assert "no such task" in delete(world, first)
        world.restart("r0")
        assert world.balance("r0") == balance
        watch.settle()
        world.clean()


def test_a_task_that_is_not_over_or_owes_something_is_not_forgotten() -> None:
    with World() as world:
        watch = Watch(world)
        world.provider()
        world.requestor()
        task_id = world.create(subtasks=1)
        assert "abort it first" in delete(world, task_id)
        world.run_until(lambda: bool(world.seen("subtask", state="verifying")), 60)
        world.partition(("r0",), ("p0",))
        world.run_until(lambda: world.is_over(task_id), 600)
        world.run(5)
        assert "has not acknowledged" in delete(world, task_id)
        world.heal()
        world.run(120)
        assert delete(world, task_id) == ""
        watch.settle()
        world.clean()


def test_what_a_peer_repeats_of_a_deleted_task_is_no_misuse() -> None:
    with World() as world:
        world.provider()
        world.requestor()
        task_id = world.create(subtasks=1)
        world.finish(task_id)
        (report,) = world.frames("p0", "report")
        assert delete(world, task_id) == ""
        shell = world.shell("p0", "computer")
        shell._say(world.id("r0"), report.record)
        world.run(5)
        world.clean()


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_power_cut_in_the_middle_of_forgetting_leaves_a_task_that_can_be_forgotten(cut: int) -> None:
    with World() as world:
        watch = Watch(world)
        world.provider()
        place = world.requestor()
        task_id = world.create(subtasks=2)
        world.finish(task_id)
        balance = world.balance("r0")
        place.store.cut_in = cut
        assert place.node is not None
        place.node.delete_task(task_id)
        world.run(5)
        place.store.cut_in = None
        if not world.up("r0"):
            world.start("r0")
        world.run(120)
        if task_id in place.store.states("task"):
            assert delete(world, task_id) == ""
        assert not place.store.states("task")
        assert not place.store.states("subtask")
        assert world.balance("r0") == balance, "nothing is paid twice"
        assert world.balance("p0") == place.opening + 2 * (place.opening - balance) // 2
        watch.settle()
