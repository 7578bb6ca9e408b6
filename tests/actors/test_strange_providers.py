"""Providers without manners: they are not paid, and the task goes on with somebody decent."""

from __future__ import annotations

import pytest

from claynet.actors.core.records import (
    Assignment,
    Cancel,
    CancelSeen,
    Chunk,
    Decline,
    Failed,
    Missing,
    PaymentSeen,
    Received,
    Refused,
    Rejection,
    Report,
    Taken,
    VerdictSeen,
    Want,
)
from claynet.actors.ports import SECOND, Digest, FileRef
from tests.actors.harness import TOKEN
from tests.actors.strangeness import FILE, NO_DIGESTS, RESULT, cheated, no_bug, rules


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"price": 2 * TOKEN}, "price"),
        ({"price": -1}, "price"),
        ({"score": 1e9}, "score"),
        ({"score": -1.0}, "score"),
        ({"score": float("nan")}, "score"),
        ({"lifetime": 0}, "lifetime"),
        ({"header": b""}, "wrong_evidence"),
        ({"header": b"\xc1"}, "wrong_evidence"),
        ({"task_id": "nothing"}, "unknown_task"),
    ],
)
def test_an_offer_that_cannot_be_used_is_declined_with_the_rule(changes: dict, rule: str) -> None:
    cheat = cheated()
    with cheat.world as world:
        cheat.offer(**changes)
        assert cheat.stranger.records(Decline)[0].rule == rule
        assert not world.subtasks(cheat.task_id)
        assert not rules(world)
        cheat.ends_well()


def test_a_wrong_result_is_rejected_in_evidence_and_not_paid() -> None:
    cheat = cheated()
    with cheat.world:
        cheat.given()
        cheat.stranger.say(Taken(cheat.subtask_id))
        cheat.report()
        cheat.serve()
        (rejection,) = cheat.stranger.records(Rejection)
        assert rejection.rule == "verification"
        assert rejection.report == cheat.stranger.seal(Report(cheat.subtask_id, cheat.stranger.id, FILE, cheat.stranger.body(Assignment)))
        cheat.ends_well()


def test_a_report_that_comes_twice_is_acknowledged_twice_and_counted_once() -> None:
    cheat = cheated()
    with cheat.world as world:
        cheat.given()
        for _ in range(3):
            cheat.report()
        assert len(cheat.stranger.records(Received)) == 3
        assert len(world.seen("subtask", state="fetching")) == 1
        cheat.serve()
        cheat.report()
        assert len(world.calls("Verify")) == 1
        cheat.ends_well()


def test_a_report_for_anothers_subtask_is_ignored_and_counted() -> None:
    cheat = cheated(subtasks=2)
    with cheat.world as world:
        cheat.given()
        world.provider("decent")
        world.run_until(
            lambda: any(one.provider == world.id("decent") and one.status == "computing" for one in world.subtasks(cheat.task_id))
        )
        other = next(one for one in world.subtasks(cheat.task_id) if one.provider == world.id("decent"))
        cheat.subtask_id, own = other.id, cheat.subtask_id
        cheat.report()
        for record in (
            Failed(other.id, "x", "y"),
            Refused(other.id, "x", "y"),
            VerdictSeen(other.id),
            CancelSeen(other.id),
            PaymentSeen(other.id),
        ):
            cheat.stranger.say(record)
        cheat.subtask_id = "never heard of"
        cheat.report()
        world.run(0.2)
        assert rules(world) == ["not_yours"]
        world.run(60)
        cheat.report()
        assert [event["count"] for event in world.seen("misuse")] == [1, 6]
        cheat.subtask_id = own
        assert world.places["r0"].store.state("subtask", other.id).status == "finished"
        no_bug(world)


@pytest.mark.parametrize("evidence", [b"", b"\xc1", RESULT])
def test_a_report_of_another_assignment_is_ignored_and_counted(evidence: bytes) -> None:
    cheat = cheated(subtask_timeout=30 * SECOND)
    with cheat.world as world:
        cheat.given()
        cheat.report(assignment=evidence)
        assert rules(world) == ["wrong_evidence"]
        assert cheat.status == "assigned"
        no_bug(world)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "..", ".", "", "a/b", "a\0b"])
def test_a_result_whose_name_leads_elsewhere_is_refused(name: str) -> None:
    cheat = cheated()
    with cheat.world:
        cheat.given()
        cheat.report(result=FileRef(name, FILE.digest, FILE.size))
        if cheat.status == "fetching":
            cheat.serve()
        assert (cheat.status, cheat.rule) == ("failed", "unsafe_path")
        cheat.ends_well()


@pytest.mark.parametrize(
    ("data", "changes", "rule"),
    [
        (b"otherwise", {}, "wrong_size"),
        (b"othrwise", {}, "wrong_digest"),
        (RESULT, {"total": 9}, "wrong_size"),
        (RESULT + b"more", {"total": len(RESULT)}, "wrong_size"),
        (RESULT, {"total": -1}, "wrong_size"),
    ],
)
def test_a_result_that_is_not_what_was_reported_fails_the_try(data: bytes, changes: dict, rule: str) -> None:
    cheat = cheated()
    with cheat.world:
        cheat.given()
        cheat.report()
        cheat.serve(data, **changes)
        assert (cheat.status, cheat.rule) == ("failed", rule)
        cheat.ends_well()


@pytest.mark.parametrize("digest", NO_DIGESTS)
def test_a_result_whose_digest_is_none_is_refused(digest: str) -> None:
    cheat = cheated()
    with cheat.world:
        cheat.given()
        cheat.report(result=FileRef("x.out", Digest(digest), 8))
        assert (cheat.status, cheat.rule) == ("failed", "bad_digest")
        assert not cheat.stranger.records(Want)
        cheat.ends_well()


@pytest.mark.parametrize("size", [-1, -(2**62)])
def test_a_result_of_negative_size_fails_the_try(size: int) -> None:
    cheat = cheated()
    with cheat.world as world:
        cheat.given()
        cheat.report(result=FileRef("x.out", FILE.digest, size))
        if cheat.stranger.records(Want):
            cheat.serve(RESULT, total=size)
        no_bug(world)
        world.run(60)
        assert cheat.status == "failed"
        cheat.ends_well()


def test_bytes_that_nobody_asked_for_are_ignored() -> None:
    cheat = cheated()
    with cheat.world as world:
        cheat.given()
        cheat.report()
        for record in (
            Chunk(Digest("0" * 64), 0, 4, b"data"),
            Missing(Digest("0" * 64)),
            Chunk(FILE.digest, 3, len(RESULT), RESULT[3:]),
            Chunk(FILE.digest, -5, len(RESULT), RESULT),
            Want(Digest("0" * 64), 0, 5),
            Want(FILE.digest, -1, -1),
        ):
            cheat.stranger.say(record)
        world.run(0.5)
        assert cheat.status == "fetching"
        no_bug(world)
        cheat.serve()
        cheat.ends_well()


def test_a_result_that_the_provider_does_not_give_fails_the_try() -> None:
    cheat = cheated()
    with cheat.world as world:
        cheat.given()
        cheat.report()
        cheat.stranger.say(Missing(FILE.digest))
        world.run(0.5)
        assert (cheat.status, cheat.rule) == ("failed", "missing")
        cheat.ends_well()


def test_a_blob_that_was_not_granted_is_missing() -> None:
    """Neither another subtask's input, nor one's own after the subtask is over."""
    cheat = cheated(subtasks=2)
    with cheat.world as world:
        assignment = cheat.given()
        (own,) = assignment.inputs
        secret = world.places["r0"].blobs.put(b"secret")
        for digest in (secret, own.digest):
            cheat.stranger.say(Want(digest, 0, 100))
        world.run(0.2)
        assert [missing.digest for missing in cheat.stranger.records(Missing)] == [secret]
        assert [chunk.digest for chunk in cheat.stranger.records(Chunk)] == [own.digest]
        cheat.stranger.say(Failed(cheat.subtask_id, "lazy", "no"))
        world.run(0.2)
        cheat.stranger.say(Want(own.digest, 0, 100))
        world.run(0.2)
        assert cheat.stranger.records(Missing)[-1].digest == own.digest
        no_bug(world)


def test_a_mute_provider_costs_only_time() -> None:
    cheat = cheated()
    with cheat.world as world:
        cheat.given()
        world.run(40)
        assert cheat.status == "timed_out"
        assert cheat.stranger.records(Cancel)
        cheat.ends_well()


def test_failing_after_the_report_or_twice_changes_nothing() -> None:
    cheat = cheated()
    with cheat.world:
        cheat.given()
        cheat.report()
        cheat.stranger.say(Failed(cheat.subtask_id, "x" * 1000, "y" * 100_000))
        cheat.stranger.say(Refused(cheat.subtask_id, "x", "y"))
        cheat.stranger.say(Taken(cheat.subtask_id))
        cheat.serve()
        cheat.stranger.say(Failed(cheat.subtask_id, "x", "y"))
        cheat.world.run(5)
        assert (cheat.status, cheat.rule) == ("failed", "verification")
        cheat.ends_well()
