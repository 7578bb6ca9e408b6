"""What a provider remembers of strangers: announced tasks up to a number, slots for a time; what comes again is answered all the same."""

from __future__ import annotations

import pytest

from claynet.actors.blob_names import digest_of
from claynet.actors.computing import DAY, MOST_DAYS, VERDICT_WAIT
from claynet.actors.core.frames import framed, seal
from claynet.actors.core.offering import LONGEST
from claynet.actors.core.records import (
    Acceptance,
    Chunk,
    Header,
    Payment,
    PaymentSeen,
    Report,
    VerdictSeen,
)
from claynet.actors.offers import MOST_ALL
from claynet.actors.ports import SECOND, FileRef
from claynet.sim.wire.memory import KeyedSigner
from tests.actors.harness import KEY, PRICE, TOKEN, World
from tests.actors.strangeness import DUE, HOUR, computed, no_bug, provided, rules
from tests.actors.stranger import Stranger


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
