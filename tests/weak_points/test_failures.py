"""Weak points 7, 8, 10, 13 and 16: failures are told, at once, with their cause, and bar nobody."""

from __future__ import annotations

from claynet.actors.ports import SECOND, Outcome
from tests.actors.bent import Call
from tests.actors.harness import World
from tests.weak_points.verdicts import raised


def test_7_a_providers_failure_ends_the_subtask_at_once() -> None:
    def fails(call: Call) -> Outcome | None:
        return raised("RuntimeError: out of order") if call.method == "Compute" else None

    with World() as world:
        world.provider(bend=fails)
        world.requestor(config={"give_up_after": 1})
        task_id = world.create(subtasks=1, subtask_timeout=600 * SECOND, task_timeout=3600 * SECOND)
        world.run_until(lambda: world.is_over(task_id), 60)
        [subtask] = world.subtasks(task_id)
        assert subtask.status == "failed"
        assert "out of order" in subtask.reason
        assert "out of order" in world.task(task_id).reason
        world.clean()


def test_7_a_result_that_cannot_be_fetched_ends_the_subtask_too() -> None:
    with World() as world:
        place = world.provider()
        world.requestor(config={"give_up_after": 1})
        task_id = world.create(subtasks=1, subtask_timeout=600 * SECOND, task_timeout=3600 * SECOND)
        world.run_until(lambda: any(slot.status == "reported" for slot in world.slots()))
        [slot] = world.slots()
        assert slot.result is not None
        place.blobs.delete(slot.result.digest)
        world.run_until(lambda: world.is_over(task_id), 60)
        assert [(one.status, one.rule) for one in world.subtasks(task_id)] == [("failed", "missing")]


def test_8_a_report_that_comes_too_late_is_answered() -> None:
    with World() as world:
        world.provider()
        world.requestor()
        task_id = world.create(subtasks=1, subtask_timeout=10 * SECOND)
        world.run_until(lambda: any(slot.status == "computing" for slot in world.slots()))
        world.partition(("r0",), ("p0",))
        world.run(20)
        assert [one.status for one in world.subtasks(task_id)] == ["timed_out"]
        [late] = world.slots()
        assert late.status == "reported"
        world.heal()
        assert world.finish(task_id).status == "finished"
        assert world.places["p0"].store.state("slot", late.id).status == "cancelled"
        assert not world.places["p0"].store.undone()
        world.clean()


def test_10_a_task_that_cannot_be_created_says_why() -> None:
    def refuses(call: Call) -> Outcome | None:
        return raised("ValueError: frames must be a range") if call.method == "CreateTask" else None

    with World() as world:
        world.requestor(bend=refuses)
        task_id = world.create()
        task = world.finish(task_id)
        assert task.status == "failed_to_create"
        assert "frames must be a range" in task.reason
        [event] = world.seen("task", state="failed_to_create")
        assert "frames must be a range" in event["reason"]
        world.clean()


def test_13_a_provider_that_failed_once_is_not_barred() -> None:
    def fails_once(call: Call) -> Outcome | None:
        return raised("RuntimeError: once") if call.method == "Compute" and call.n == 1 else None

    with World() as world:
        world.provider(bend=fails_once)
        world.requestor()
        task_id = world.create(subtasks=3)
        assert world.finish(task_id).status == "finished"
        assert world.id("p0") in world.task(task_id).failed_providers
        world.clean()


def test_16_an_offer_that_is_not_used_is_answered() -> None:
    def gives_none(call: Call) -> Outcome | None:
        return raised("KeyError: no frame") if call.method == "NextSubtask" else None

    with World() as world:
        world.provider("p0", score=20_000.0)
        world.provider("p1")
        world.requestor(bend=gives_none)
        task_id = world.create(subtasks=1, task_timeout=3600 * SECOND)
        world.run(20)
        told = {(event["provider"], event["rule"]) for event in world.seen("decline", by="requestor")}
        assert (world.id("p0"), "score") in told
        assert (world.id("p1"), "app_error") in told
        world.abort(task_id)
        world.run(5)
        offers = {frame.record.offer_id for name in ("p0", "p1") for frame in world.frames(name, "offer")}
        answers = {frame.record.offer_id for frame in world.frames("r0", "decline")}
        assert offers
        assert offers <= answers
        world.clean()
