"""What a peer may make a node add up, carry or remember has bounds; what is over is dropped or forgotten, and nobody honest is hurt."""

from __future__ import annotations

import errno
import json

import pytest

from claynet.actors.blob_names import digest_of
from claynet.actors.computing import DAY, MOST_DAYS, MOST_PARAMS, VERDICT_WAIT
from claynet.actors.core.frames import framed, seal
from claynet.actors.core.offering import LONGEST
from claynet.actors.core.records import (
    MOST_ASSIGNMENT,
    Acceptance,
    Assignment,
    Chunk,
    Decline,
    Failed,
    Header,
    Offer,
    Payment,
    PaymentSeen,
    Refused,
    Report,
    Taken,
    VerdictSeen,
    Want,
)
from claynet.actors.messages import Grant
from claynet.actors.offers import MOST_ALL
from claynet.actors.ports import SECOND, Address, Digest, FileRef, Outcome
from claynet.actors.task_flow import INLINE_PARAMS, MOST_OFFER
from claynet.actors.transfers import AHEAD, CHUNK, WINDOW
from claynet.proto import golem_task_api_pb2 as api
from claynet.sim.wire.memory import KeyedSigner, MemoryBlobs
from tests.actors.bent import DEAD, Bend, Call
from tests.actors.harness import KEY, PRICE, TOKEN, World
from tests.actors.strangeness import DUE, FILE, HOUR, cheated, computed, no_bug, provided, rules
from tests.actors.stranger import Stranger

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


# ---------------------------------------------------------------- what is remembered


def test_announced_tasks_of_ever_new_requestors_push_out_the_oldest_and_an_honest_one_is_heard() -> None:
    with World() as world:
        world.provider()
        crowd = [KeyedSigner(KEY, f"s{number}") for number in range(MOST_ALL + 100)]
        stranger = Stranger(world, "stranger")
        deadline = world.clock.utc() + 1000 * HOUR
        for signer in crowd:
            header = Header("task", signer.node_id, "docker_cpu", '{"image": "nobody/has"}', 0.0, TOKEN, 30 * SECOND, deadline)
            stranger.net.announce(framed(seal(header, signer.sign)))
        world.run(5)
        computer = world.shell("p0", "computer")
        assert len(computer._offerings) == MOST_ALL == len(computer._deadlines)
        assert f"task@{crowd[0].node_id}" not in computer._offerings
        assert f"task@{crowd[-1].node_id}" in computer._offerings
        world.requestor()
        assert world.finish(world.create(subtasks=1)).status == "finished"
        assert len(computer._offerings) == MOST_ALL - 1, "the honest task is over"
        no_bug(world)


def test_slots_that_are_over_are_forgotten_and_what_comes_again_is_answered() -> None:
    with World() as world:
        world.requestor()
        world.provider()
        task_id = world.create(subtasks=3)
        assert world.finish(task_id).status == "finished"
        assert [slot.status for slot in world.slots()] == ["paid"] * 3
        world.run(DAY / SECOND - 120)
        assert len(world.slots()) == 3
        world.run(240)
        assert not world.slots()
        assert not world.shell("p0", "computer")._slots
        stranger = Stranger(world, "again")
        stranger.call("p0")
        stranger.say(Acceptance("forgotten", stranger.id, DUE, b""))
        world.run(1)
        assert stranger.records(VerdictSeen) == [VerdictSeen("forgotten")]
        payment = next(frame for frame in world.frames("r0", "payment"))
        before = world.balance("p0"), len(world.frames("p0", "payment_seen"))
        world.shell("p0", "computer")._paid(payment.record, world.id("r0"), payment)
        world.run(1)
        assert (world.balance("p0"), len(world.frames("p0", "payment_seen"))) == (before[0], before[1] + 1)
        world.restart("p0")
        assert world.finish(world.create(subtasks=1)).status == "finished"
        no_bug(world)


def test_a_payment_that_was_never_owed_is_not_acknowledged() -> None:
    with World() as world:
        world.provider()
        stranger = Stranger(world, "generous")
        stranger.call("p0")
        stranger.say(Payment("never", stranger.id, world.id("p0"), 5, b""))
        world.run(1)
        assert not stranger.records(PaymentSeen)
        assert rules(world) == ["wrong_evidence"]


def test_slots_are_forgotten_by_a_node_that_never_runs_for_a_day() -> None:
    with World() as world:
        world.requestor()
        world.provider()
        assert world.finish(world.create(subtasks=2)).status == "finished"
        for _ in range(3):
            world.run(20 * 3600)
            world.restart("p0")
        world.run(1)
        assert not world.slots()
        no_bug(world)


def test_a_report_waits_a_month_at_most_whatever_time_its_subtask_has() -> None:
    miser = provided(subtask_timeout=LONGEST)
    with miser.world as world:
        data = b"input"
        digest = digest_of(data)
        miser.give(timeout=LONGEST, amount=-(-PRICE * LONGEST // HOUR), inputs=(FileRef("part-0.in", digest, len(data)),))
        miser.stranger.say(Chunk(digest, 0, len(data), data))
        world.run_until(lambda: bool(miser.stranger.records(Report)), 20)
        for link in list(miser.stranger.links):
            miser.stranger.net.close(link)
        world.run((MOST_DAYS * DAY + 2 * VERDICT_WAIT) / SECOND)
        assert [slot.status for slot in world.slots()] == ["unanswered"]
        no_bug(world)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_slot_whose_requestor_never_comes_back_is_forgotten_after_a_month(restarts: bool) -> None:
    miser = computed()
    with miser.world as world:
        for link in list(miser.stranger.links):
            miser.stranger.net.close(link)
        world.run(30 + VERDICT_WAIT / SECOND + 60)
        assert [slot.status for slot in world.slots()] == ["unanswered"]
        if restarts:
            world.restart("p0")
        world.run((MOST_DAYS - 1) * DAY / SECOND)
        assert len(world.slots()) == 1
        world.run(DAY / SECOND)
        assert not world.slots()
        assert not world.shell("p0", "switchboard")._grants
        no_bug(world)


def test_a_report_waits_for_its_verdict_as_long_as_its_subtask_had() -> None:
    timeout = 24 * HOUR
    with World() as world:
        world.requestor()
        world.provider()
        task_id = world.create(subtasks=1, subtask_timeout=timeout, task_timeout=2 * timeout)
        world.run_until(lambda: any(subtask.status == "computing" for subtask in world.subtasks(task_id)))
        world.crash("r0")
        world.run(2 * HOUR / SECOND)
        assert [slot.status for slot in world.slots()] == ["reported"]
        world.start("r0")
        assert world.finish(task_id).status == "finished"
        assert [slot.status for slot in world.slots()] == ["paid"]


# ---------------------------------------------------------------- choosing


def test_too_few_tokens_for_very_many_offers() -> None:
    with World() as world:
        world.requestor(opening=0, config={"pool_time": 20 * SECOND})
        for number in range(600):
            world.provider(f"p{number}", config={"decline_gap": 3600 * SECOND})
        task_id = world.create(subtasks=1)
        world.run(40)
        assert len(world.seen("decline", rule="funds")) >= 600
        assert world.task(task_id).status == "waiting"
        no_bug(world)


def test_who_offers_and_refuses_again_and_again_comes_last() -> None:
    cheat = cheated()
    with cheat.world as world:
        world.provider("decent")

        def refuse() -> None:
            for assignment in cheat.stranger.records(Assignment):
                if assignment.subtask_id not in refused:
                    refused.add(assignment.subtask_id)
                    cheat.stranger.say(Refused(assignment.subtask_id, "busy", "not now"))

        refused: set[str] = set()
        for number in range(20):
            cheat.stranger.say(
                Offer(f"offer-{number}", cheat.task_id, cheat.stranger.id, 0, 10_000.0, 60 * SECOND, cheat.header),
            )
            world.run(1)
            refuse()
        assert world.finish(cheat.task_id).status == "finished"
        assert len(refused) <= 2
        no_bug(world)


@pytest.mark.parametrize("how", ["refuses", "fails"])
def test_who_comes_to_nothing_again_and_again_is_given_less_and_less(how: str) -> None:
    cheat = cheated()
    with cheat.world as world:
        answered: set[str] = set()
        for number in range(120):
            cheat.stranger.say(Offer(f"offer-{number}", cheat.task_id, cheat.stranger.id, 0, 10_000.0, 60 * SECOND, cheat.header))
            world.run(1)
            for assignment in cheat.stranger.records(Assignment):
                if assignment.subtask_id not in answered:
                    answered.add(assignment.subtask_id)
                    nothing = Refused if how == "refuses" else Failed
                    cheat.stranger.say(nothing(assignment.subtask_id, "busy", "not now"))
        assert 3 <= len(answered) <= 10
        assert {decline.rule for decline in cheat.stranger.records(Decline)} >= {"unreliable"}
        world.provider("decent")
        assert world.finish(cheat.task_id).status == "finished"
        no_bug(world)


@pytest.mark.parametrize("rule", ["verification", "timed_out", "inconclusive"])
def test_a_provider_that_names_its_failure_like_a_verdict_takes_no_part_of_the_task_with_it(rule: str) -> None:
    cheat = cheated(subtasks=3)
    with cheat.world as world:
        cheat.given()
        cheat.stranger.say(Failed(cheat.subtask_id, rule, "no"))
        world.provider("decent")
        assert world.finish(cheat.task_id).status == "finished"
        assert [subtask.status for subtask in world.subtasks(cheat.task_id)].count("finished") == 3


# ---------------------------------------------------------------- a disk without room


def no_room(method: str, times: int) -> Bend:
    left = [times]

    def bend(call: Call) -> Outcome | None:
        if call.method == method and call.side == "requestor" and left[0]:
            left[0] -= 1
            return Outcome("error", code="out_of_disk", detail="the node's disk is full")
        return None

    return bend


@pytest.mark.parametrize(("times", "problem"), [(3, ""), (1000, "out_of_disk")])
def test_final_results_without_room_are_tried_again_for_a_while_and_then_told(times: int, problem: str) -> None:
    def bend(call: Call) -> Outcome | None:
        return full(call) if b"outputs" in call.request or call.request == b"()" else None

    full = no_room("collect", times)
    with World() as world:
        world.requestor(bend=bend)
        world.provider()
        task_id = world.create(subtasks=1)
        assert world.finish(task_id).status == "finished"
        world.run(1200)
        (results,) = world.seen("results")
        assert problem in results["problem"]
        assert bool(results["problem"]) == bool(problem)


class FullBlobs(MemoryBlobs):
    """Has no room for so many pieces that come, or for what is put."""

    def __init__(self, pieces: int = 0, puts: int = 0) -> None:
        super().__init__()
        self.left = {"pieces": pieces, "puts": puts}

    def _demand_room(self, what: str) -> None:
        if self.left[what]:
            self.left[what] -= 1
            raise OSError(errno.ENOSPC, "No space left on device")

    def put(self, data: bytes) -> Digest:
        self._demand_room("puts")
        return super().put(data)

    def extend(self, digest: Digest, offset: int, data: bytes | memoryview, total: int) -> bool:
        self._demand_room("pieces")
        return super().extend(digest, offset, data, total)


@pytest.mark.parametrize("pieces", [3, 1000])
def test_a_result_that_the_requestor_has_no_room_for_is_not_its_providers_fault(pieces: int) -> None:
    with World() as world:
        world.requestor(blobs=FullBlobs(pieces), config={"give_up_after": 1})
        world.provider()
        task_id = world.create(subtasks=1, task_timeout=2 * HOUR, subtask_timeout=HOUR)
        world.run(1800)
        task = world.task(task_id)
        assert not task.failed_providers
        assert (task.status == "finished") == (pieces == 3)
        no_bug(world)


def test_parameters_without_room_are_a_failed_try_and_no_end_of_the_shell() -> None:
    blobs = FullBlobs()

    def bend(call: Call) -> Outcome | None:
        if call.method != "NextSubtask":
            return None
        blobs.left["puts"] = 1
        given = api.SubtaskReply(subtask_params_json=json.dumps("x" * INLINE_PARAMS))
        return Outcome("ok", api.NextSubtaskReply(subtask=given).SerializeToString())

    with World() as world:
        world.requestor(blobs=blobs, bend=bend, config={"give_up_after": 1})
        world.provider()
        task_id = world.create(subtasks=1)
        assert world.finish(task_id).status == "failed"
        assert {subtask.rule for subtask in world.subtasks(task_id)} == {"out_of_disk"}
        no_bug(world)


def test_all_slots_of_a_provider_failing_at_once_count_as_one_time() -> None:
    broken: list[bool] = []
    with World(compute=60 * SECOND) as world:
        world.requestor(config={"give_up_after": 3})
        world.provider(config={"slots": 16}, bend=lambda call: DEAD if broken and call.method == "Compute" else None)
        task_id = world.create(subtasks=4, subtask_timeout=300 * SECOND)
        world.run_until(lambda: [subtask.status for subtask in world.subtasks(task_id)].count("computing") == 4)
        broken.append(True)
        world.restart("p0")
        world.run_until(lambda: len(world.seen("subtask", state="failed")) >= 4)
        broken.clear()
        (doubts,) = world.shell("r0", "manager")._doubted.values()
        assert [doubt.times for doubt in doubts.values()] == [1]
        assert world.finish(task_id).status == "finished"
