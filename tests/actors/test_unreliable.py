"""Providers that offer and come to nothing: they come last, are given less and less, and take no part of a task with them."""

from __future__ import annotations

import pytest

from claynet.actors.core.records import (
    Assignment,
    Decline,
    Failed,
    Offer,
    Refused,
)
from claynet.actors.ports import SECOND
from tests.actors.bent import DEAD
from tests.actors.harness import World
from tests.actors.strangeness import cheated, no_bug


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
