"""Weak points 1 to 3: the app's Verify, asked neither without pause nor in vain, and never lost."""

from __future__ import annotations

from claynet.actors.ports import SECOND, Outcome
from tests.actors.bent import Call, straight, subtask_of
from tests.actors.harness import World
from tests.weak_points.verdicts import raised, verdict


def awaits(call: Call) -> Outcome | None:
    return verdict("AWAITING_DATA") if call.method == "Verify" else None


def test_1_a_lone_awaiting_subtask_is_asked_once_more_and_then_fails() -> None:
    with World() as world:
        world.provider()
        world.requestor(bend=awaits, config={"give_up_after": 1})
        task_id = world.create(subtasks=1)
        task = world.finish(task_id)
        assert task.status == "failed"
        [subtask] = world.subtasks(task_id)
        assert (subtask.status, subtask.rule) == ("failed", "awaiting_data")
        assert len(world.calls("Verify")) == 2
        [slot] = world.slots()
        assert slot.status == "rejected", "its provider heard the verdict"
        world.clean()


def test_1_several_awaiting_subtasks_are_asked_once_for_each_further_result() -> None:
    count = 4
    with World() as world:
        for n in range(count):
            world.provider(f"p{n}")
        world.requestor(bend=awaits, config={"give_up_after": count})
        task_id = world.create(subtasks=count)
        assert world.finish(task_id).status == "failed"
        tries = [one for one in world.subtasks(task_id) if one.report]
        assert {one.rule for one in tries} <= {"awaiting_data", "cancelled"}
        assert len(world.calls("Verify")) <= len(tries) * (len(tries) + 1), "once when it came, once for each later result, once at last"
        world.clean()


def test_2_a_verify_that_raises_counts_as_inconclusive_and_the_next_one_is_asked() -> None:
    def raises_once(call: Call) -> Outcome | None:
        raising = call.method == "Verify" and call.n == 1
        return raised("ValueError: out of cheese") if raising else None

    with World() as world:
        world.provider()
        world.requestor(bend=raises_once)
        task_id = world.create(subtasks=2)
        assert world.finish(task_id).status == "finished"
        failed = [one for one in world.subtasks(task_id) if one.status == "failed"]
        assert [(one.rule, "out of cheese" in one.reason) for one in failed] == [("inconclusive", True)]
        assert not world.task(task_id).failed_providers, "it says nothing against the provider"
        slots = {slot.id: slot.status for slot in world.slots()}
        assert slots.pop(failed[0].id) == "rejected"
        assert set(slots.values()) == {"paid"}
        world.clean()


def test_2_a_task_aborted_while_verify_runs_tells_the_provider() -> None:
    with World(verify=30 * SECOND) as world:
        world.provider()
        world.requestor()
        task_id = world.create(subtasks=1)
        world.run_until(lambda: any(one.status == "verifying" for one in world.subtasks(task_id)))
        world.abort(task_id)
        world.run(120)
        assert world.task(task_id).status == "aborted"
        assert [one.status for one in world.subtasks(task_id)] == ["cancelled"]
        assert [slot.status for slot in world.slots()] == ["cancelled"]
        world.clean()


def test_3_a_verification_under_way_when_the_node_stopped_is_asked_again() -> None:
    with World(verify=5 * SECOND) as world:
        world.provider()
        world.requestor()
        task_id = world.create(subtasks=1)
        world.run_until(lambda: any(one.status == "verifying" for one in world.subtasks(task_id)))
        world.run(1)
        world.restart("r0")
        assert world.finish(task_id).status == "finished"
        asked = [subtask_of(call) for call, _ in world.calls("Verify")]
        assert len(asked) == 2
        assert len(set(asked)) == 1
        assert [slot.status for slot in world.slots()] == ["paid"]
        world.clean()


def test_straight_worlds_finish() -> None:
    """The ground on which the others stand."""
    with World() as world:
        world.provider(bend=straight)
        world.requestor()
        assert world.finish(world.create()).status == "finished"
        world.clean()
