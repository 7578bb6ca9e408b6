"""What a peer may make a node add up or carry has bounds, and what nobody wants is dropped; nobody honest is hurt."""

from __future__ import annotations

import json

import pytest

from claynet.actors.computing import MOST_PARAMS
from claynet.actors.core.offering import LONGEST
from claynet.actors.core.records import (
    MOST_ASSIGNMENT,
    Assignment,
    Decline,
    Offer,
    Refused,
    Taken,
    Want,
)
from claynet.actors.messages import Grant
from claynet.actors.ports import Address, FileRef, Outcome
from claynet.actors.task_flow import MOST_OFFER
from claynet.actors.transfers import AHEAD, CHUNK, WINDOW
from claynet.proto import golem_task_api_pb2 as api
from tests.actors.bent import Call
from tests.actors.harness import PRICE, World
from tests.actors.strangeness import FILE, HOUR, cheated, no_bug, provided, rules

PREREQUISITES = '{"image": "test/app", "tag": "1"}'


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize("size", [2**40 + 1, 2**63, 2**64 - 1])
def test_a_result_larger_than_any_is_refused(size: int) -> None:
    cheat = cheated()
    with cheat.world:
        cheat.given()
        cheat.report(result=FileRef("x.out", FILE.digest, size))
        assert (cheat.status, cheat.rule) == ("failed", "bad_digest")
        assert not cheat.stranger.records(Want)
        cheat.ends_well()


@pytest.mark.parametrize("timeout", [2**64 - 1, 2**63, LONGEST + 1, 0, -1])
def test_a_subtasks_time_that_no_date_can_carry_is_declined(timeout: int) -> None:
    miser = provided(subtask_timeout=timeout)
    with miser.world as world:
        assert [decline.rule for decline in miser.stranger.records(Decline)] == ["timeout"]
        assert not miser.stranger.records(Offer)
        no_bug(world)


@pytest.mark.parametrize("deadline", [2**63 - 1, 2**64 - 1])
def test_a_task_that_ends_in_many_years_is_declined(deadline: int) -> None:
    miser = provided(deadline=deadline)
    with miser.world as world:
        assert [decline.rule for decline in miser.stranger.records(Decline)] == ["timeout"]
        no_bug(world)


def test_the_longest_time_allowed_is_taken_and_kept() -> None:
    miser = provided(subtask_timeout=LONGEST)
    with miser.world as world:
        amount = -(-PRICE * LONGEST // HOUR)
        miser.give(timeout=LONGEST, amount=amount)
        assert miser.stranger.records(Taken)
        assert [slot.amount for slot in world.slots()] == [amount]
        no_bug(world)


# ---------------------------------------------------------------- sizes


def test_an_offer_too_long_for_an_assignment_to_carry_is_declined() -> None:
    cheat = cheated()
    with cheat.world:
        cheat.offer(digest="d" * (MOST_OFFER + 1))
        assert [decline.rule for decline in cheat.stranger.records(Decline)] == ["too_long"]
        assert not cheat.stranger.records(Assignment)
        cheat.ends_well()


def test_an_assignment_too_long_for_a_report_to_carry_is_refused() -> None:
    miser = provided()
    with miser.world as world:
        miser.give(params_json=json.dumps("x" * MOST_ASSIGNMENT))
        assert [refused.rule for refused in miser.stranger.records(Refused)] == ["too_long"]
        miser.give(params_json="", params_digest=FILE.digest, inputs=(FileRef("", FILE.digest, MOST_PARAMS + 1),))
        assert [refused.rule for refused in miser.stranger.records(Refused)] == ["too_long"] * 2
        assert not world.slots()
        no_bug(world)


def test_a_result_whose_name_no_file_system_takes_fails_the_try() -> None:
    cheat = cheated()
    with cheat.world:
        cheat.given()
        cheat.report(result=FileRef("x" * 256, FILE.digest, FILE.size))
        assert (cheat.status, cheat.rule) == ("failed", "unsafe_path")
        cheat.ends_well()


def test_a_subtask_with_more_inputs_than_an_assignment_can_name_is_a_failed_try_and_nothing_is_stuck() -> None:
    names = [f"part-{number}.in" for number in range(20_000)]

    def bend(call: Call) -> Outcome | None:
        if call.method == "NextSubtask":
            return Outcome(
                "ok", api.NextSubtaskReply(subtask=api.SubtaskReply(subtask_params_json="{}", resources=names)).SerializeToString()
            )
        if call.method == "collect":
            return Outcome("ok", files=tuple(FileRef(name, FILE.digest, 8) for name in names))
        return None

    with World() as world:
        world.requestor(bend=bend, config={"give_up_after": 1})
        world.provider()
        task_id = world.create(subtasks=1)
        assert world.finish(task_id).status == "failed"
        (subtask,) = world.subtasks(task_id)
        assert subtask.rule == "too_long"
        assert "20000" in subtask.reason
        no_bug(world)


# ---------------------------------------------------------------- what nobody wants any more


def test_nothing_more_is_asked_for_of_a_result_that_nobody_wants_any_more() -> None:
    cheat = cheated()
    with cheat.world as world:
        cheat.given()
        cheat.report(result=FileRef("x.out", FILE.digest, 1000 * WINDOW))
        assert cheat.status == "fetching"
        asked = len(cheat.stranger.records(Want))
        assert asked == AHEAD
        world.abort(cheat.task_id)
        world.run(1)
        for at in range(0, WINDOW, CHUNK):
            cheat.serve(bytes(CHUNK), offset=at, total=1000 * WINDOW)
        assert len(cheat.stranger.records(Want)) == asked
        assert rules(world) == []
        no_bug(world)


def test_a_task_may_be_deleted_while_its_result_is_on_its_way() -> None:
    cheat = cheated()
    with cheat.world as world:
        cheat.given()
        cheat.report()
        assert cheat.status == "fetching"
        manager = world.shell("r0", "manager")
        world.abort(cheat.task_id)
        world.run(1)
        manager._forget(manager._tasks[cheat.task_id])  # as a user has it done once the provider has acknowledged the cancel
        cheat.serve()
        for link in list(cheat.stranger.links):
            cheat.stranger.net.close(link)
        world.run(5)
        no_bug(world)
        world.provider("decent")
        assert world.finish(world.create(subtasks=1)).status == "finished"


def test_grants_are_taken_back_once_however_often_a_subtask_ends() -> None:
    with World() as world:
        world.requestor()
        world.provider()
        task_id = world.create(subtasks=1)
        world.finish(task_id)
        switchboard = world.shell("r0", "switchboard")
        manager = world.shell("r0", "manager")
        (subtask,) = world.subtasks(task_id)
        assert subtask.inputs
        digests = tuple(file.digest for file in subtask.inputs)
        switchboard.on_grant(Grant(subtask.provider, digests))  # another subtask there has the same inputs, and is under way
        manager._restart(manager._subtasks[subtask.id], "restarted", discard=True)
        world.run(1)
        assert set(digests) <= switchboard._grants[subtask.provider].keys()


def test_a_session_that_fails_hangs_up() -> None:
    cheat = cheated()
    with cheat.world as world:
        (session,) = world.shell("r0", "switchboard")._peers
        world.system.tell(Address(session), object())
        world.run(1)
        assert len(cheat.stranger.downs) == 1
        assert not cheat.stranger.links
        assert len(world.seen("actor_failed")) == 1
