"""What the node makes of an app's answers: verdicts, giving up, waiting for data, time limits, the user's wishes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable

import pytest

from claynet.actors.core.records import amount_due
from claynet.actors.ports import SECOND, Outcome
from claynet.envs.lifecycle import STOPPED
from claynet.proto import golem_task_api_pb2 as api
from tests.actors.bent import DEAD, Bend, Call, subtask_of, verdict
from tests.actors.harness import OPENING, PRICE, TOKEN, World
from tests.actors.watch import Watch


def verdicts(*names: str | None) -> Bend:
    """The n-th Verify answers the n-th name; None, and everything after the last, is left to the app."""

    def bend(call: Call) -> Outcome | None:
        if call.method != "Verify" or call.n > len(names):
            return None
        name = names[call.n - 1]
        return None if name is None else verdict(name, f"said so {call.n}")

    return bend


def world_of(providers: int, bend: Bend | None = None, **more: object) -> World:
    world = World(**more)  # type: ignore[arg-type]
    for number in range(providers):
        world.provider(f"p{number}")
    world.requestor(**({"bend": bend} if bend else {}))
    return world


def states(world: World, task_id: str) -> list[str]:
    return sorted(one.status for one in world.subtasks(task_id))


# ---------------------------------------------------------------- verdicts and money


def test_a_task_is_computed_verified_and_paid_once() -> None:
    with world_of(3) as world:
        watch = Watch(world)
        task_id = world.create(subtasks=4)
        assert world.finish(task_id).status == "finished"
        watch.settle()
        due = amount_due(PRICE, 30 * SECOND)
        assert states(world, task_id) == ["finished"] * 4
        assert world.balance("r0") == OPENING - 4 * due
        assert sum(world.balance(f"p{number}") - OPENING for number in range(3)) == 4 * due
        world.clean()


def test_a_failed_verdict_is_rejected_unpaid_and_computed_again() -> None:
    with world_of(2, verdicts("FAILURE")) as world:
        task_id = world.create(subtasks=1)
        world.run_until(lambda: "failed" in states(world, task_id))
        (failed,) = [one for one in world.subtasks(task_id) if one.status == "failed"]
        assert (failed.rule, failed.reason) == ("verification", "said so 1")
        world.run(5)
        (slot,) = [slot for name in ("p0", "p1") for slot in world.slots(name)]
        assert (slot.status, slot.rule, slot.reason) == ("rejected", "verification", "said so 1")
        assert world.balance("r0") == OPENING
        assert failed.provider in world.task(task_id).failed_providers
        assert not world.calls("DiscardSubtasks"), "after its own FAILURE the app puts the part back by itself"
        world.clean()


@pytest.mark.parametrize(
    "answer",
    [
        verdict("INCONCLUSIVE", "who knows"),
        Outcome("error", code="INTERNAL", detail="Verify raised"),
        Outcome("timed_out"),
        Outcome("ok", b"\xff\xff garbage"),
        Outcome("ok", api.VerifyReply(result=9).SerializeToString()),  # type: ignore[arg-type]
        DEAD,
    ],
    ids=["inconclusive", "error", "timed_out", "garbage", "unknown_verdict", "service_died"],
)
def test_inconclusive_and_every_error_is_a_failed_try_not_paid_and_not_against_the_provider(answer: Outcome) -> None:
    with world_of(2, lambda call: answer if call.method == "Verify" and call.n == 1 else None) as world:
        watch = Watch(world)
        task_id = world.create(subtasks=1)
        task = world.finish(task_id)
        assert task.status == "finished"
        assert task.failed_providers == frozenset()
        (failed,) = [one for one in world.subtasks(task_id) if one.status == "failed"]
        assert failed.rule == "inconclusive"
        assert states(world, task_id) == ["failed", "finished"]
        assert world.balance("r0") == OPENING - amount_due(PRICE, 30 * SECOND)
        assert [call for call, _ in world.calls("DiscardSubtasks")], "the app was told that the part is free again"
        watch.settle()
        world.clean()


# ---------------------------------------------------------------- giving up


def always(method: str, outcome: Outcome) -> Bend:
    return lambda call: outcome if call.method == method else None


def test_a_task_fails_after_three_tries_in_a_row_on_three_providers() -> None:
    with world_of(3, always("Verify", verdict("INCONCLUSIVE"))) as world:
        task_id = world.create(subtasks=5)
        task = world.finish(task_id)
        assert task.status == "failed"
        assert "3 subtasks in a row failed on as many providers" in task.reason
        assert len(set(task.streak[-3:])) == 3
        assert {"failed"} <= set(states(world, task_id)) <= {"failed", "cancelled", "refused"}
        assert world.balance("r0") == OPENING
        assert [call for call, _ in world.calls("AbortTask")]
        world.clean()


def test_two_providers_can_fail_for_ever_without_the_task_giving_up() -> None:
    with world_of(2, always("Verify", verdict("INCONCLUSIVE"))) as world:
        task_id = world.create(subtasks=5, task_timeout=300 * SECOND)
        task = world.finish(task_id)
        assert task.status == "timed_out"
        assert len(task.streak) > 5
        world.clean()


def test_one_provider_that_fails_often_is_no_reason_to_give_up_a_success_between_resets() -> None:
    names = ["INCONCLUSIVE", "INCONCLUSIVE", None] * 5
    with world_of(3, verdicts(*names)) as world:
        watch = Watch(world)
        task_id = world.create(subtasks=5)
        task = world.finish(task_id)
        assert task.status == "finished"
        assert states(world, task_id).count("failed") == 10
        watch.settle()


def test_computing_that_fails_counts_against_its_provider_who_then_comes_last_and_is_not_barred() -> None:
    """The cheap provider fails: it is chosen first, then last, and still chosen when nobody else is there."""
    broken = always("Compute", Outcome("error", code="INTERNAL", detail="out of order"))
    with World() as world:
        world.provider("cheap", price=PRICE // 10, bend=broken)
        world.provider("dear", price=PRICE)
        world.requestor()
        task_id = world.create(subtasks=3)
        task = world.finish(task_id)
        assert task.status == "finished"
        assert task.failed_providers == {world.id("cheap")}
        order = [event["provider"] for event in world.seen("subtask", before=None)]
        assert order[0] == world.id("cheap")
        assert world.id("cheap") in order[1:], "it is not barred"
        finished = {one.provider for one in world.subtasks(task_id) if one.status == "finished"}
        assert finished == {world.id("dear")}
        world.clean()


def test_a_failed_provider_is_ranked_after_a_dearer_one_in_the_same_pool() -> None:
    with World() as world:
        world.provider("cheap", price=PRICE // 10, bend=lambda call: DEAD if call.method == "Compute" and call.n == 1 else None)
        world.provider("dear", price=PRICE)
        world.requestor(config={"pool_time": 20 * SECOND})
        task_id = world.create(subtasks=1, task_timeout=900 * SECOND)
        world.finish(task_id)
        order = [event["provider"] for event in world.seen("subtask", before=None)]
        assert order == [world.id("cheap"), world.id("dear")]
        world.clean()


# ---------------------------------------------------------------- AWAITING_DATA


def by_subtask(rule: Callable[[int, int], str | None]) -> Bend:
    """`rule(which, n)`: what the n-th Verify of the which-th subtask seen answers; both from 0."""
    order: dict[str, int] = {}
    asked: dict[str, int] = defaultdict(int)

    def bend(call: Call) -> Outcome | None:
        if call.method != "Verify":
            return None
        name = subtask_of(call)
        which = order.setdefault(name, len(order))
        asked[name] += 1
        answer = rule(which, asked[name] - 1)
        return None if answer is None else verdict(answer)

    return bend


def test_awaiting_data_is_asked_again_when_another_result_arrives() -> None:
    with world_of(1, by_subtask(lambda which, n: "AWAITING_DATA" if (which, n) == (0, 0) else None)) as world:
        watch = Watch(world)
        task_id = world.create(subtasks=2)
        assert world.finish(task_id).status == "finished"
        asked = [subtask_of(call) for call, _ in world.calls("Verify")]
        assert len(asked) == 3
        assert asked.count(asked[0]) == 2
        assert asked[1] != asked[0], "only another result is a reason to ask again"
        assert states(world, task_id) == ["finished", "finished"]
        watch.settle()
        world.clean()


def test_awaiting_data_is_asked_once_more_when_nothing_is_open_or_pending_and_then_fails() -> None:
    with world_of(1, by_subtask(lambda which, _n: "AWAITING_DATA" if which == 0 else None)) as world:
        watch = Watch(world)
        task_id = world.create(subtasks=1)
        task = world.finish(task_id)
        assert task.status == "finished", "the part went back and its second try was accepted"
        (failed,) = [one for one in world.subtasks(task_id) if one.status == "failed"]
        assert failed.rule == "awaiting_data"
        assert "no other result will come" in failed.reason
        asked = [subtask_of(call) for call, _ in world.calls("Verify")]
        assert asked.count(failed.id) == 2, "once when it came, once more at the end"
        assert task.failed_providers == frozenset()
        watch.settle()
        world.clean()


def test_two_that_await_each_other_are_both_asked_a_last_time() -> None:
    """The app wants both results before it judges either: the second result makes it judge the first, the end the second."""

    def rule(which: int, n: int) -> str | None:
        return "AWAITING_DATA" if n == 0 else None

    with world_of(2, by_subtask(rule)) as world:
        task_id = world.create(subtasks=2)
        assert world.finish(task_id).status == "finished"
        assert states(world, task_id) == ["finished", "finished"]
        assert len(world.calls("Verify")) == 4
        world.clean()


def test_data_that_never_comes_is_not_asked_for_in_a_circle() -> None:
    with world_of(3, always("Verify", verdict("AWAITING_DATA"))) as world:
        task_id = world.create(subtasks=3, task_timeout=400 * SECOND)
        task = world.finish(task_id)
        assert task.status == "failed"
        assert len(world.calls("Verify")) < 20
        assert world.balance("r0") == OPENING
        world.clean()


# ---------------------------------------------------------------- NextSubtask


def test_an_app_that_refuses_a_node_is_asked_for_another_and_nothing_failed() -> None:
    refuse = Outcome("ok", api.NextSubtaskReply().SerializeToString())
    with world_of(2, lambda call: refuse if call.method == "NextSubtask" and call.n == 1 else None) as world:
        watch = Watch(world)
        task_id = world.create(subtasks=1)
        task = world.finish(task_id)
        assert task.status == "finished"
        assert task.streak == ()
        assert states(world, task_id) == ["finished", "refused"]
        assert world.seen("decline", rule="app_refused", by="requestor")
        watch.settle()


def test_an_app_that_cannot_give_a_subtask_fails_that_try_and_is_told_to_forget_it() -> None:
    wrong = Outcome("error", code="INTERNAL", detail="no idea")
    with world_of(2, lambda call: wrong if call.method == "NextSubtask" and call.n == 1 else None) as world:
        watch = Watch(world)
        task_id = world.create(subtasks=1)
        assert world.finish(task_id).status == "finished"
        (failed,) = [one for one in world.subtasks(task_id) if one.status == "failed"]
        assert failed.rule == "app_error"
        told = [api.DiscardSubtasksRequest.FromString(call.request).subtask_ids[0] for call, _ in world.calls("DiscardSubtasks")]
        assert told == [failed.id]
        watch.settle()


def test_subtask_inputs_that_are_missing_or_outside_fail_the_try() -> None:
    gone = Outcome("error", code="missing_file", detail="no such file")
    with world_of(1, lambda call: gone if call.method == "collect" and call.n == 1 else None) as world:
        watch = Watch(world)
        task_id = world.create(subtasks=1)
        assert world.finish(task_id).status == "finished"
        assert [one.rule for one in world.subtasks(task_id) if one.status == "failed"] == ["missing_file"]
        watch.settle()


def test_large_parameters_travel_by_digest() -> None:
    large = json.dumps({"part": 0, "padding": "x" * 100_000})
    given = Outcome("ok", api.NextSubtaskReply(subtask=api.SubtaskReply(subtask_params_json=large)).SerializeToString())
    with World() as world:
        world.provider("p0")
        world.requestor(bend=always("NextSubtask", given))
        world.create(subtasks=1, task_timeout=20 * SECOND)
        world.run_until(lambda: bool(world.calls("Compute")))
        assignment = world.frames("r0", "assignment")[0].record
        assert assignment.params_json == ""
        (file,) = assignment.inputs
        assert (file.name, file.digest, file.size) == ("", assignment.params_digest, len(large))
        (call, _), *_ = world.calls("Compute")
        assert api.ComputeRequest.FromString(call.request).subtask_params_json == large
        world.clean()


# ---------------------------------------------------------------- time


def test_a_subtask_without_a_report_times_out_on_both_sides_and_counts_against_its_provider() -> None:
    with world_of(1, compute=100 * SECOND) as world:
        task_id = world.create(subtasks=1, subtask_timeout=10 * SECOND, task_timeout=60 * SECOND)
        world.run(20)
        assert "timed_out" in states(world, task_id)
        assert {slot.status for slot in world.slots()} >= {"timed_out"}
        assert world.task(task_id).failed_providers == {world.id("p0")}
        assert world.finish(task_id).status == "timed_out"
        assert world.balance("r0") == OPENING
        world.clean()


def test_the_timer_stops_at_the_report_and_verification_may_take_longer_than_the_subtask() -> None:
    with world_of(1, verify=90 * SECOND) as world:
        watch = Watch(world)
        task_id = world.create(subtasks=1, subtask_timeout=10 * SECOND)
        assert world.finish(task_id).status == "finished"
        assert states(world, task_id) == ["finished"]
        watch.settle()


def test_a_task_past_its_time_is_aborted_in_the_app_and_cancelled_on_the_provider() -> None:
    with world_of(2, compute=50 * SECOND) as world:
        watch = Watch(world)
        task_id = world.create(subtasks=2, subtask_timeout=60 * SECOND, task_timeout=20 * SECOND)
        task = world.finish(task_id)
        assert (task.status, task.reason) == ("timed_out", "the task's time limit is over")
        assert states(world, task_id) == ["cancelled", "cancelled"]
        assert {slot.status for name in ("p0", "p1") for slot in world.slots(name)} == {"cancelled"}
        assert len(world.calls("AbortTask")) == 1
        watch.settle()


def test_a_result_that_is_reported_and_never_delivered_fails_the_try() -> None:
    with world_of(1) as world:
        task_id = world.create(subtasks=1, params_json='{"result_bytes": 6000000}', task_timeout=200 * SECOND, subtask_timeout=20 * SECOND)
        world.run_until(lambda: "fetching" in states(world, task_id))
        world.partition(("p0",), ("r0",))
        world.run(30)
        (one,) = world.subtasks(task_id)
        assert (one.status, one.rule) == ("failed", "undelivered")
        world.heal()
        assert world.finish(task_id).status == "finished"
        world.clean()


# ---------------------------------------------------------------- the user


@pytest.mark.parametrize("seconds", [0.0, 0.3, 0.56, 1.0, 2.9, 3.3, 4.0, 5.8, 5.9, 8.0])
def test_a_task_can_be_aborted_at_any_time(seconds: float) -> None:
    with world_of(2) as world:
        watch = Watch(world)
        task_id = world.create(subtasks=4)
        world.run(seconds)
        world.abort(task_id)
        world.run(5)
        task = world.task(task_id)
        assert (task.status, task.reason) == ("aborted", "aborted by the user")
        assert not [slot for name in ("p0", "p1") for slot in world.slots(name) if slot.is_busy]
        world.abort(task_id)
        watch.settle()
        world.clean()


def test_abort_stops_the_service_on_the_provider() -> None:
    with world_of(1, compute=1000 * SECOND) as world:
        task_id = world.create(subtasks=1, subtask_timeout=2000 * SECOND, task_timeout=4000 * SECOND)
        world.run(60)
        assert [slot.status for slot in world.slots()] == ["computing"]
        world.abort(task_id)
        world.run(1)
        (service,) = {event["id"] for event in world.seen("runtime", side="provider") if "/slot/" in event["id"]}
        assert world.seen("runtime", id=service)[-1]["state"] == "stopped"
        world.clean()


def test_restarting_a_finished_subtask_computes_it_again_and_keeps_its_payment() -> None:
    with world_of(1) as world:
        watch = Watch(world)
        task_id = world.create(subtasks=3)
        world.run_until(lambda: "finished" in states(world, task_id))
        world.run(1)
        (first,) = [one for one in world.subtasks(task_id) if one.status == "finished"]
        node = world.places["r0"].node
        assert node is not None
        node.restart_subtask(first.id)
        assert world.finish(task_id).status == "finished"
        watch.settle()
        assert states(world, task_id) == ["finished", "finished", "finished", "restarted"]
        assert world.places["r0"].store.state("payment", first.id).status == "acknowledged"
        assert world.balance("r0") == OPENING - 4 * amount_due(PRICE, 30 * SECOND)
        world.clean()


def test_a_restart_is_not_overtaken_by_an_answer_from_before() -> None:
    """The app says that nothing is pending while a restart is on its way: the task must not be finished by that."""
    for wait in range(0, 3000, 50):
        with world_of(2) as world:
            watch = Watch(world)
            task_id = world.create(subtasks=2)
            world.run(4.0 + wait / 1000)
            node = world.places["r0"].node
            assert node is not None
            open_ones = [one for one in world.subtasks(task_id) if one.status not in ("restarted", "requested")]
            if not open_ones or world.is_over(task_id):
                return
            node.restart_subtask(open_ones[-1].id)
            assert world.finish(task_id).status == "finished"
            watch.settle()


def test_dependents_that_an_app_discards_with_a_subtask_are_restarted_too() -> None:
    """DiscardSubtasks may name more than it was asked for."""
    given: list[str] = []

    def bend(call: Call) -> Outcome | None:
        if call.method == "NextSubtask":
            given.append(subtask_of(call))
        if call.method == "DiscardSubtasks" and call.n == 1:
            return Outcome("ok", api.DiscardSubtasksReply(discarded_subtask_ids=given).SerializeToString())
        return None

    with world_of(3, bend) as world:
        task_id = world.create(subtasks=3, task_timeout=60 * SECOND)
        world.run(4)
        assert len(given) == 3
        node = world.places["r0"].node
        assert node is not None
        node.restart_subtask(given[0])
        world.run(1)
        assert [world.places["r0"].store.state("subtask", name).status for name in given] == ["restarted"] * 3
        assert world.finish(task_id).status == "timed_out", "this app lied about the parts: they never come back"
        world.clean()


# ---------------------------------------------------------------- money and the app's existence


def test_a_requestor_with_too_few_tokens_declines_and_starts_again_when_some_are_free() -> None:
    due = amount_due(PRICE, 30 * SECOND)
    with World() as world:
        watch = Watch(world)
        for number in range(3):
            world.provider(f"p{number}")
        world.requestor(opening=due)
        task_id = world.create(subtasks=2, task_timeout=300 * SECOND)
        assert world.finish(task_id).status == "timed_out"
        assert world.seen("decline", rule="funds", by="requestor")
        assert world.balance("r0") == 0
        watch.settle()


def test_what_cannot_be_a_task_is_refused_at_once() -> None:
    with world_of(1) as world:
        for wrong in ({"subtasks": 0}, {"task_timeout": 0}, {"subtask_timeout": -1}, {"max_price": -1}):
            with pytest.raises(ValueError, match="at least"):
                world.create(**wrong)
        with pytest.raises(ValueError, match="no requestor"):
            world.create("p0")


def test_a_task_that_pays_nothing_is_computed_for_nothing() -> None:
    with World() as world:
        watch = Watch(world)
        world.provider(price=0)
        world.requestor()
        task_id = world.create(max_price=0)
        assert world.finish(task_id).status == "finished"
        watch.settle()
        assert world.balance("r0") == OPENING


def test_the_highest_price_is_a_limit_and_the_cheaper_of_equals_is_chosen() -> None:
    with World() as world:
        for name, price in (("cheap", PRICE), ("dear", 2 * PRICE), ("greedy", 3 * TOKEN)):
            world.provider(name, price=price)
        world.requestor()
        task_id = world.create(subtasks=1, max_price=TOKEN)
        assert world.finish(task_id).status == "finished"
        (one,) = world.subtasks(task_id)
        assert one.provider == world.id("cheap")
        (decline,) = world.seen("decline", provider=world.id("greedy"), by="provider")[:1]
        assert decline["rule"] == "price"
        world.clean()


def test_a_stopped_service_is_an_error_like_any_other() -> None:
    with world_of(1, lambda call: STOPPED if call.method == "CreateTask" else None) as world:
        task_id = world.create()
        task = world.finish(task_id)
        assert task.status == "failed_to_create"
        assert "stopped" in task.reason
