"""Requestors without manners: what they say is refused, or ignored and counted; no slot or node is hurt."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from claynet.actors.core.records import (
    Acceptance,
    Cancel,
    Chunk,
    Failed,
    Header,
    Missing,
    Offer,
    Payment,
    PaymentSeen,
    Received,
    Record,
    Refused,
    Rejection,
    Report,
    Taken,
    Want,
)
from claynet.actors.ports import SECOND, Digest, FileRef, NodeId
from tests.actors.harness import OPENING, PRICE, TOKEN
from tests.actors.strangeness import DUE, FILE, HOUR, NO_DIGESTS, computed, no_bug, provided, replace_record, rules
from tests.actors.stranger import Stranger


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"price": PRICE - 1}, "price"),
        ({"amount": DUE - 1}, "amount"),
        ({"amount": DUE + 1}, "amount"),
        ({"timeout": 31 * SECOND}, "timeout"),
        ({"timeout": 0}, "timeout"),
        ({"offer": b""}, "unknown_offer"),
        ({"task_id": "another"}, "unknown_offer"),
        ({"inputs": (FileRef("../x", FILE.digest, 1),)}, "unsafe_path"),
        ({"inputs": (FileRef("/x", FILE.digest, 1),)}, "unsafe_path"),
    ],
)
def test_an_assignment_that_is_not_what_was_offered_is_refused(changes: dict, rule: str) -> None:
    miser = provided()
    with miser.world as world:
        miser.give(**changes)
        (refused,) = miser.stranger.records(Refused)
        assert refused.rule == rule
        assert not world.slots()
        no_bug(world)


def test_an_assignment_for_somebody_else_is_ignored_and_counted() -> None:
    miser = provided()
    with miser.world as world:
        miser.give(provider=NodeId("0" * 64))
        assert rules(world) == ["not_yours"]
        assert not world.slots()


@pytest.mark.parametrize("name", ["../../evil", "..", ".", "", "a/b", "/etc", "a:b", "a\0b", "x" * 5000, "é"])
def test_a_subtask_id_that_could_lead_elsewhere_is_refused(name: str) -> None:
    """It names a folder, a service and jobs of this node."""
    miser = provided()
    with miser.world as world:
        miser.give(subtask_id=name)
        world.run(5)
        no_bug(world)
        assert not world.slots()
        (refused,) = miser.stranger.records(Refused)
        assert (refused.subtask_id, refused.rule) == (name, "bad_id")


@pytest.mark.parametrize("digest", NO_DIGESTS)
def test_an_input_whose_digest_is_none_is_refused(digest: str) -> None:
    miser = provided()
    with miser.world as world:
        miser.give(inputs=(FileRef("in", Digest(digest), 8),))
        assert [refused.rule for refused in miser.stranger.records(Refused)] == ["bad_digest"]
        no_bug(world)


def test_one_offer_is_one_assignment() -> None:
    miser = provided()
    with miser.world as world:
        miser.give()
        miser.give()
        miser.give(subtask_id="subtask-2")
        assert [record.subtask_id for record in miser.stranger.records(Taken)] == ["subtask-1", "subtask-1"]
        assert [record.subtask_id for record in miser.stranger.records(Refused)] == ["subtask-2"]
        assert len(world.slots()) == 1
        no_bug(world)


def test_inputs_that_never_come_or_are_wrong_fail_the_slot() -> None:
    for answer in (Missing(FILE.digest), Chunk(FILE.digest, 0, FILE.size, b"garbage!")):
        miser = provided()
        with miser.world as world:
            miser.give(inputs=(FileRef("in", FILE.digest, FILE.size),))
            assert miser.stranger.records(Want)
            miser.stranger.say(answer)
            world.run(0.5)
            assert [slot.status for slot in world.slots()] == ["failed"]
            assert miser.stranger.records(Failed)
            no_bug(world)


@pytest.mark.parametrize(
    "make",
    [
        lambda me, _, report: Acceptance("subtask-1", me, DUE - 1, report),
        lambda me, _, report: Acceptance("subtask-1", me, DUE, b"other"),
        lambda me, _, report: Acceptance("subtask-9", me, DUE, report),
        lambda me, it, _: Payment("subtask-1", me, it, DUE - 1, b""),
        lambda me, _, __: Payment("subtask-1", me, me, DUE, b""),
        lambda me, it, _: Payment("subtask-9", me, it, DUE, b""),
    ],
    ids=["less", "another report", "unknown", "pays less", "pays another", "pays unknown"],
)
def test_a_verdict_or_payment_that_is_not_what_was_agreed_is_ignored_and_counted(make: Callable[..., Record]) -> None:
    miser = computed()
    with miser.world as world:
        miser.stranger.say(make(miser.stranger.id, world.id("p0"), miser.stranger.body(Report)))
        world.run(0.2)
        assert rules(world) == ["wrong_evidence"]
        assert [slot.status for slot in world.slots()] == ["reported"]
        assert world.balance("p0") == OPENING
        no_bug(world)


def test_a_payment_without_an_acceptance_is_not_booked_and_one_with_it_once() -> None:
    miser = computed()
    with miser.world as world:
        me, report = miser.stranger.id, miser.stranger.body(Report)
        acceptance = Acceptance("subtask-1", me, DUE, report)
        payment = Payment("subtask-1", me, world.id("p0"), DUE, miser.stranger.seal(acceptance))
        miser.stranger.say(payment)
        world.run(0.2)
        assert world.balance("p0") == OPENING
        assert not miser.stranger.records(PaymentSeen)
        miser.stranger.say(acceptance)
        miser.stranger.say(replace_record(payment, acceptance=b"other"))
        world.run(0.2)
        assert world.balance("p0") == OPENING
        for _ in range(3):
            miser.stranger.say(payment)
            miser.stranger.say(acceptance)
        world.run(0.2)
        assert world.balance("p0") == OPENING + DUE
        assert len(miser.stranger.records(PaymentSeen)) == 3
        miser.stranger.say(Rejection("subtask-1", me, "verification", "sorry", report))
        miser.stranger.say(Cancel("subtask-1", "sorry"))
        world.run(0.2)
        assert [slot.status for slot in world.slots()] == ["paid"]
        no_bug(world)


def test_another_peer_has_no_say_in_a_slot() -> None:
    miser = computed()
    with miser.world as world:
        other = Stranger(world, "other")
        other.call("p0")
        report = miser.stranger.body(Report)
        (result,) = [record.result for record in miser.stranger.records(Report)]
        for record in (
            Acceptance("subtask-1", other.id, DUE, report),
            Rejection("subtask-1", other.id, "x", "y", report),
            Cancel("subtask-1", "x"),
            Received("subtask-1"),
            Want(result.digest, 0, 1000),
        ):
            other.say(record)
        world.run(0.2)
        assert [slot.status for slot in world.slots()] == ["reported"]
        assert other.records(Missing)
        miser.stranger.say(Want(result.digest, 0, 1000))
        world.run(0.2)
        assert miser.stranger.records(Chunk)
        no_bug(world)


def test_a_flood_of_headers_is_passed_over_and_another_requestor_is_heard_all_the_same() -> None:
    miser = provided()
    with miser.world as world:
        utc = world.clock.utc()
        for number in range(2000):
            miser.stranger.announce(Header(f"flood-{number}", miser.stranger.id, "docker_cpu", "{}", 0.0, TOKEN, 30 * SECOND, utc + HOUR))
        world.run(1)
        assert world.seen("ignored", peer=miser.stranger.id)
        assert len(world.shell("p0", "computer")._offerings) < 1000
        world.requestor()
        assert world.finish(world.create(subtasks=1)).status == "finished"
        no_bug(world)


@pytest.mark.parametrize(
    "header",
    [
        {"prerequisites_json": "{"},
        {"prerequisites_json": "[" * 5000},
        {"env_id": "x" * 100_000},
        {"deadline": 0},
        {"deadline": 2**63 - 1},
        {"deadline": -(2**63)},
        {"subtask_timeout": -1},
        {"min_memory_mib": float("inf")},
        {"min_memory_mib": float("nan")},
        {"max_price": -1},
        {"max_price": 2**63 - 1},
        {"task_id": ""},
        {"task_id": "a/b" * 1000},
    ],
    ids=str,
)
def test_a_header_full_of_nonsense_hurts_nobody(header: dict) -> None:
    miser = provided(**header)
    with miser.world as world:
        world.run(100)
        no_bug(world)
        world.requestor()
        task_id = world.create(subtasks=1)
        assert world.finish(task_id).status == "finished"
        no_bug(world)


def test_a_slot_whose_requestor_stays_silent_is_free_and_unpaid() -> None:
    miser = computed()
    with miser.world as world:
        world.run(3700)
        assert [slot.status for slot in world.slots()] == ["unanswered"]
        report = miser.stranger.body(Report)
        if not miser.stranger.links:
            miser.stranger.call("p0")
        miser.stranger.say(Acceptance("subtask-1", miser.stranger.id, DUE, report))
        world.run(0.5)
        assert [slot.status for slot in world.slots()] == ["accepted"], "a late verdict is still welcome"
        world.run(3700)
        assert [slot.status for slot in world.slots()] == ["unpaid"]
        no_bug(world)


def test_a_copied_task_id_does_not_block_the_real_requestor() -> None:
    miser = provided()
    with miser.world as world:
        utc = world.clock.utc()
        other = Stranger(world, "other")
        for who in (other, miser.stranger):
            who.announce(Header("same-id", who.id, "docker_cpu", '{"image": "test/app", "tag": "1"}', 0.0, TOKEN, 30 * SECOND, utc + HOUR))
        world.run(120)
        offered = {event.fields["id"] for event in world.seen("evidence", tag="offer")}
        assert len(offered) >= 2
        assert other.records(Offer)
        assert [offer for offer in miser.stranger.records(Offer) if offer.task_id == "same-id"]
