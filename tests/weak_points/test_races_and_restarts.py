"""Weak points 5, 6, 12, 18 and 34: what happens meanwhile, and what a restart finds."""

from __future__ import annotations

import pytest

from claynet.actors.core.records import amount_due
from claynet.actors.ports import SECOND, Outcome
from claynet.proto import golem_task_api_pb2 as api
from tests.actors.bent import Call
from tests.actors.harness import PRICE, World


@pytest.mark.parametrize("method", ["next_subtask", "verify", "create_task"])
def test_5_an_answer_that_comes_after_the_abort_changes_nothing(method: str) -> None:
    with World(**{method: 5 * SECOND}) as world:
        world.provider()
        world.requestor()
        task_id = world.create(subtasks=1)
        waiting = {"next_subtask": "requested", "verify": "verifying"}.get(method)
        if waiting:
            world.run_until(lambda: any(one.status == waiting for one in world.subtasks(task_id)))
        world.run(2)
        world.abort(task_id)
        world.run(60)
        assert world.task(task_id).status == "aborted"
        assert all(one.status == "cancelled" for one in world.subtasks(task_id))
        assert len([event for event in world.seen("task", id=task_id) if event["state"] == "aborted"]) == 1
        world.clean()


def test_5_a_timeout_while_the_app_is_asked_stays_a_timeout() -> None:
    with World(next_subtask=50 * SECOND) as world:
        world.provider()
        world.requestor(config={"call_limit": 100 * SECOND})
        task_id = world.create(subtasks=1, task_timeout=20 * SECOND)
        world.run(120)
        assert world.task(task_id).status == "timed_out"
        assert [one.status for one in world.subtasks(task_id)] == ["cancelled"]
        world.clean()


def test_6_a_restart_does_not_shorten_a_subtasks_time() -> None:
    with World(compute=20 * SECOND) as world:
        world.provider()
        world.requestor()
        task_id = world.create(subtasks=1, subtask_timeout=30 * SECOND)
        world.run_until(lambda: any(one.status == "computing" for one in world.subtasks(task_id)))
        world.run(3)
        world.restart("r0")
        assert world.finish(task_id).status == "finished"
        assert [one.status for one in world.subtasks(task_id)] == ["finished"]
        world.clean()


def test_6_nor_does_it_lengthen_it() -> None:
    with World(compute=100 * SECOND) as world:
        world.provider()
        world.requestor(config={"give_up_after": 1})
        task_id = world.create(subtasks=1, subtask_timeout=30 * SECOND)
        world.run_until(lambda: any(one.status == "computing" for one in world.subtasks(task_id)))
        assigned = world.system.now
        world.run(20)
        world.restart("r0")
        world.run_until(lambda: world.is_over(task_id))
        assert 29 * SECOND <= world.system.now - assigned <= 31 * SECOND
        world.clean()


def test_12_restarting_a_subtask_of_a_finished_task_does_nothing() -> None:
    with World() as world:
        world.provider()
        world.requestor()
        task_id = world.create(subtasks=1)
        assert world.finish(task_id).status == "finished"
        [subtask] = world.subtasks(task_id)
        services = len(world.seen("runtime", state="created"))
        node = world.places["r0"].node
        assert node is not None
        node.restart_subtask(subtask.id)
        world.run(60)
        assert [one.status for one in world.subtasks(task_id)] == ["finished"]
        assert len(world.seen("runtime", state="created")) == services
        world.clean()


def test_12_dependents_that_the_app_discards_are_computed_again() -> None:
    done: list[str] = []

    def dependent(call: Call) -> Outcome | None:
        if call.method != "DiscardSubtasks" or len(done) != 2:
            return None
        [asked] = api.DiscardSubtasksRequest.FromString(call.request).subtask_ids
        others = sorted(done, key=lambda name: name != asked)
        return Outcome("ok", api.DiscardSubtasksReply(discarded_subtask_ids=others).SerializeToString())

    with World(compute=10 * SECOND) as world:
        world.provider()
        world.requestor(bend=dependent)
        task_id = world.create(subtasks=3)
        world.run_until(lambda: sum(one.status == "finished" for one in world.subtasks(task_id)) == 2)
        done += [one.id for one in world.subtasks(task_id) if one.status == "finished"]
        node = world.places["r0"].node
        assert node is not None
        node.restart_subtask(done[0])
        world.run(2)
        by_id = {one.id: one.status for one in world.subtasks(task_id)}
        assert [by_id[name] for name in done] == ["restarted", "restarted"]


def test_18_a_report_survives_the_crash_of_its_provider() -> None:
    with World() as world:
        world.provider()
        world.requestor()
        task_id = world.create(subtasks=1)
        world.run_until(lambda: any(slot.status == "computing" for slot in world.slots()))
        world.partition(("r0",), ("p0",))
        world.run_until(lambda: any(slot.status == "reported" for slot in world.slots()))
        world.crash("p0")
        world.run(1)
        world.heal()
        world.start("p0")
        assert world.finish(task_id).status == "finished"
        assert [slot.status for slot in world.slots()] == ["paid"]
        world.clean()


def test_34_what_is_set_aside_is_what_a_subtask_costs_and_outlives_a_crash() -> None:
    cost = amount_due(PRICE, 30 * SECOND)
    with World(compute=10 * SECOND) as world:
        world.provider()
        world.requestor(opening=2 * cost)
        task_id = world.create(subtasks=2)
        world.run_until(lambda: any(one.status == "computing" for one in world.subtasks(task_id)))
        held = {name: hold.amount for name, hold in world.places["r0"].store.states("hold").items()}
        assert set(held.values()) == {cost}
        world.restart("r0")
        assert {name: hold.amount for name, hold in world.places["r0"].store.states("hold").items()} == held
        assert world.finish(task_id).status == "finished"
        assert not world.places["r0"].store.states("hold")
        assert world.balance("r0") == 0
        world.clean()


def test_34_without_the_money_nothing_is_assigned_and_the_reason_is_said() -> None:
    with World() as world:
        world.provider()
        world.requestor(opening=amount_due(PRICE, 30 * SECOND) - 1)
        task_id = world.create(subtasks=1, task_timeout=30 * SECOND)
        assert world.finish(task_id).status == "timed_out"
        assert world.seen("decline", rule="funds", by="requestor")
        assert not world.subtasks(task_id)
        world.clean()
