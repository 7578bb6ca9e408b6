"""Power cuts at every stage, on either side: what was committed is followed up, nothing is done twice, nothing is lost."""

from __future__ import annotations

from functools import partial

import pytest

from claynet.actors.core.records import amount_due
from claynet.actors.ports import SECOND, Outcome
from claynet.proto import golem_task_api_pb2 as api
from tests.actors.harness import OPENING, PRICE, World
from tests.actors.watch import Watch

DUE = amount_due(PRICE, 30 * SECOND)


def fair(**durations: int) -> tuple[World, Watch]:
    world = World(**durations)
    watch = Watch(world)
    for number in range(2):
        world.provider(f"p{number}")
    world.requestor()
    return world, watch


def is_down(world: World, name: str) -> bool:
    return not world.up(name)


def until_status(world: World, task_id: str, status: str) -> str:
    world.run_until(lambda: any(one.status == status for one in world.subtasks(task_id)))
    return next(one.id for one in world.subtasks(task_id) if one.status == status)


def test_an_unanswered_create_task_is_aborted_and_the_task_never_existed() -> None:
    world, watch = fair(create_task=10 * SECOND)
    with world:
        task_id = world.create(task_timeout=60 * SECOND)
        world.run_until(lambda: bool(world.calls("CreateTask")))
        world.restart("r0")
        task = world.finish(task_id)
        assert (task.status, task.reason) == ("failed_to_create", "the node stopped before CreateTask was answered")
        aborted = [api.AbortTaskRequest.FromString(call.request).task_id for call, _ in world.calls("AbortTask")]
        assert aborted == [task_id]
        assert len(world.calls("CreateTask")) == 1
        watch.settle()


def test_an_unanswered_next_subtask_is_aborted_discarded_and_asked_under_a_new_id() -> None:
    world, watch = fair(next_subtask=10 * SECOND)
    with world:
        task_id = world.create(subtasks=1)
        world.run_until(lambda: bool(world.calls("NextSubtask")))
        (first,) = world.subtasks(task_id)
        world.restart("r0")
        assert world.finish(task_id).status == "finished"
        assert world.places["r0"].store.state("subtask", first.id).status == "failed"
        aborted = [api.AbortSubtaskRequest.FromString(call.request).subtask_id for call, _ in world.calls("AbortSubtask")]
        discarded = [list(api.DiscardSubtasksRequest.FromString(call.request).subtask_ids) for call, _ in world.calls("DiscardSubtasks")]
        assert (aborted, discarded) == ([first.id], [[first.id]])
        asked = [api.NextSubtaskRequest.FromString(call.request).subtask_id for call, _ in world.calls("NextSubtask")]
        assert len(set(asked)) == len(asked) == 2
        assert world.task(task_id).streak == ()
        watch.settle()


def test_an_unanswered_verify_is_asked_again_and_paid_once() -> None:
    world, watch = fair(verify=10 * SECOND)
    with world:
        task_id = world.create(subtasks=1)
        world.run_until(lambda: bool(world.calls("Verify")))
        world.restart("r0")
        assert world.finish(task_id).status == "finished"
        assert len(world.calls("Verify")) == 2
        watch.settle()
        assert world.balance("r0") == OPENING - DUE


def test_an_unanswered_has_pending_subtasks_is_asked_again() -> None:
    world, watch = fair(has_pending_subtasks=10 * SECOND)
    with world:
        task_id = world.create(subtasks=1)
        world.run_until(lambda: bool(world.calls("HasPendingSubtasks")))
        world.restart("r0")
        assert world.finish(task_id).status == "finished"
        watch.settle()


def test_subtasks_that_wait_for_data_are_asked_again_after_a_restart() -> None:
    world = World()
    with world:
        world.provider()

        def bend(call):  # type: ignore[no-untyped-def]
            wait = Outcome("ok", api.VerifyReply(result=api.VerifyReply.AWAITING_DATA).SerializeToString())
            return wait if call.method == "Verify" and call.n == 1 else None

        world.requestor(bend=bend)
        watch = Watch(world)
        task_id = world.create(subtasks=2)
        until_status(world, task_id, "awaiting_data")
        world.restart("r0")
        assert world.finish(task_id).status == "finished"
        watch.settle()


STAGES = ("requested", "assigned", "computing", "fetching", "verifying", "finished")


@pytest.mark.parametrize("down", [0.0, 3.0, 100.0])
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("who", ["requestor", "provider"])
def test_a_crash_at_any_stage(who: str, stage: str, down: float) -> None:
    world, watch = fair()
    with world:
        task_id = world.create(subtasks=3)
        subtask_id = until_status(world, task_id, stage)
        provider = world.places["r0"].store.state("subtask", subtask_id).provider
        name = "r0" if who == "requestor" else next(one for one in ("p0", "p1") if world.id(one) == provider)
        world.crash(name)
        world.run(down)
        watch.check()
        world.start(name)
        assert world.finish(task_id).status == "finished"
        watch.settle()
        finished = [one for one in world.subtasks(task_id) if one.status == "finished"]
        assert len(finished) == 3
        assert world.balance("r0") == OPENING - 3 * DUE
        world.clean()


SLOT_STAGES = ("fetching", "computing", "reported", "accepted")


@pytest.mark.parametrize("stage", SLOT_STAGES)
def test_a_provider_crash_at_each_stage_of_its_slot(stage: str) -> None:
    world, watch = fair()
    with world:
        task_id = world.create(subtasks=1)
        world.run_until(lambda: any(slot.status == "fetching" for name in ("p0", "p1") for slot in world.slots(name)))
        name = next(name for name in ("p0", "p1") if world.slots(name))
        while world.slots(name)[0].status != stage:
            world.steps(1)
        (slot,) = world.slots(name)
        world.restart(name)
        assert world.finish(task_id).status == "finished"
        watch.settle()
        assert world.places[name].store.state("slot", slot.id).status == "paid", "work under way is begun again within its time"
        assert world.balance(name) == OPENING + DUE


def test_inputs_can_still_be_fetched_from_a_requestor_that_restarted() -> None:
    """What a peer may read must outlast a crash as long as the assignment does."""
    world, watch = fair()
    with world:
        task_id = world.create(subtasks=1, params_json='{"subtasks_bytes": 6000000}')
        world.run_until(lambda: any(slot.status == "fetching" for name in ("p0", "p1") for slot in world.slots(name)))
        world.restart("r0")
        assert world.finish(task_id).status == "finished"
        assert [one.status for one in world.subtasks(task_id)] == ["finished"]
        watch.settle()


def test_a_payment_is_sent_until_it_is_acknowledged_and_received_once() -> None:
    world, watch = fair()
    with world:
        task_id = world.create(subtasks=1)
        subtask_id = until_status(world, task_id, "finished")
        provider = world.places["r0"].store.state("subtask", subtask_id).provider
        name = next(one for one in ("p0", "p1") if world.id(one) == provider)
        world.crash(name)
        world.run(60)
        assert world.places["r0"].store.state("payment", subtask_id).status == "sent"
        assert world.balance("r0") == OPENING - DUE, "it is booked although nobody has it"
        watch.check()
        world.start(name)
        world.run(60)
        assert world.balance(name) == OPENING + DUE
        world.restart("r0")
        world.restart(name)
        watch.settle()
        assert world.balance(name) == OPENING + DUE
        assert world.balance("r0") == OPENING - DUE


def test_an_acknowledgement_that_is_lost_makes_the_payment_come_again_and_counts_once() -> None:
    world, watch = fair()
    with world:
        task_id = world.create(subtasks=1)
        subtask_id = until_status(world, task_id, "finished")
        world.run_until(lambda: bool(world.seen("payment", state="received")))
        world.crash("r0")  # the acknowledgement is on its way and finds nobody
        world.run(1)
        assert world.places["r0"].store.state("payment", subtask_id).status == "sent"
        world.start("r0")
        watch.settle()
        assert len(world.frames("r0", "payment")) == 2
        assert len(world.seen("payment", state="received")) == 1


def test_restarting_a_subtask_survives_a_crash_before_the_app_has_heard_of_it() -> None:
    """The user's wish was committed: the part must come back although the node stopped before DiscardSubtasks was answered."""
    world, watch = fair()
    with world:
        task_id = world.create(subtasks=4)
        first = until_status(world, task_id, "finished")
        place = world.places["r0"]
        assert place.node is not None
        world.run(0.3)
        place.node.restart_subtask(first)
        place.store.cut_in = 1
        world.run(1)
        assert not world.up("r0")
        assert place.store.state("subtask", first).status == "restarted"
        assert not world.calls("DiscardSubtasks")
        world.start("r0")
        assert world.finish(task_id).status == "finished"
        assert world.calls("DiscardSubtasks")
        watch.settle()
        assert [one.status for one in world.subtasks(task_id)].count("finished") == 4


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("who", ["r0", "p0"])
@pytest.mark.parametrize("down", [0, 30])
def test_the_power_goes_at_every_single_commit(who: str, before: bool, down: int) -> None:
    """One run for each commit of a whole task's life: cut there, come back, and everything ends well all the same."""
    commit = 0
    while True:
        commit += 1
        world = World()
        watch = Watch(world)
        with world:
            world.provider(start=False)
            world.requestor(start=False)
            store = world.places[who].store
            world.start("p0")
            world.start("r0")
            store.cut_in, store.cut_before = commit, before
            task_id = world.create(subtasks=1, task_timeout=200 * SECOND)
            world.run(30, partial(is_down, world, who))
            if world.up(who):
                assert store.cut_in is not None, "the last commit was cut before this"
                break
            watch.check()
            world.run(down)
            world.start(who)
            world.run(30)
            watch.settle()
            if world.places["r0"].store.state("task", task_id) is not None:
                status = world.task(task_id).status
                assert status in ("finished", "failed_to_create"), world.story()
                paid = OPENING - world.balance("r0")
                assert paid == (DUE if status == "finished" else 0)
    assert commit > (15 if who == "r0" else 6)


def test_a_stopped_node_takes_up_its_work_when_it_is_started_again() -> None:
    world, watch = fair()
    with world:
        task_id = world.create(subtasks=3)
        until_status(world, task_id, "computing")
        place = world.places["r0"]
        assert place.node is not None
        place.node.stop()
        world.run(3)
        assert not [address for address in world.system._actors if address.startswith("r0#1/")]
        place.node = None
        world.start("r0")
        assert world.finish(task_id).status == "finished"
        watch.settle()
