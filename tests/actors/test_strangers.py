"""Peers without manners: their session ends or their frame is ignored and counted; no task, subtask or node is hurt."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claynet.actors.blob_names import digest_of
from claynet.actors.core.frames import MOST, framed, seal
from claynet.actors.core.records import (
    MAJOR,
    Acceptance,
    Assignment,
    Bye,
    Cancel,
    CancelSeen,
    Chunk,
    Decline,
    Failed,
    Header,
    HeaderGone,
    Hello,
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
    VerdictSeen,
    Want,
    amount_due,
)
from claynet.actors.ports import SECOND, Digest, FileRef, NodeId
from claynet.sim.wire.memory import KeyedSigner
from tests.actors.harness import KEY, OPENING, PRICE, TOKEN, Stranger, World

DUE = amount_due(PRICE, 30 * SECOND)
RESULT = b"anything"
FILE = FileRef("x.out", digest_of(RESULT), len(RESULT))
HOUR = 3600 * SECOND


def no_bug(world: World) -> None:
    assert not world.seen("actor_failed"), world.seen("actor_failed")[0].fields["trace"]
    assert world.system.failures == 0


def rules(world: World) -> list[str]:
    return [event["rule"] for event in world.seen("misuse")]


def honest_task_ends_well(world: World) -> None:
    """The world goes on: a decent provider comes and does what there is to do."""
    world.provider("decent")
    task_id = world.create(subtasks=2)
    assert world.finish(task_id).status == "finished"
    no_bug(world)


# ---------------------------------------------------------------- bytes


GARBAGE = {
    "noise": b"\xff" * 64,
    "too long": (MOST + 1).to_bytes(4, "big"),
    "no frame": framed(b"\xc1"),
    "empty body": framed(b""),
    "not an array": framed(msgspec.msgpack.encode({"tag": "offer"})),
    "wrong record": framed(msgspec.msgpack.encode(("offer", b"\x90", b""))),
    "deep": framed(b"\x91" * 5000),
    "unsigned": framed(msgspec.msgpack.encode(("gone", msgspec.msgpack.encode(["t", "0" * 64]), b""))),
}


@pytest.mark.parametrize("node", ["r0", "p0"])
@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_ends_its_session_and_the_peer_is_told_why(name: str, node: str) -> None:
    with World() as world:
        world.requestor()
        world.provider()
        stranger = Stranger(world, "stranger")
        stranger.call(node)
        stranger.raw(GARBAGE[name])
        world.run(1)
        assert len(rules(world)) == 1
        assert stranger.records(Bye)[-1].rule == rules(world)[0]
        assert stranger.downs
        assert world.seen("misuse")[0]["peer"] == stranger.id
        stranger.call(node)
        assert stranger.links, "it may come back"
        honest_task_ends_well(world)


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_whatever_hurt_a_node(data: bytes, framed_well: bool) -> None:
    with World() as world:
        world.requestor()
        stranger = Stranger(world, "stranger")
        stranger.call("r0")
        stranger.raw(framed(data) if framed_well else data or b"x")
        stranger.net.announce(data)
        stranger.net.announce(framed(data))
        world.run(1)
        no_bug(world)


def test_a_frame_before_hello_ends_the_session() -> None:
    with World() as world:
        world.requestor()
        stranger = Stranger(world, "stranger", greets=False)
        stranger.call("r0")
        stranger.say(PaymentSeen("x"))
        world.run(1)
        assert rules(world) == ["no_hello"]
        assert stranger.downs


def test_another_major_version_is_told_so_then_closed() -> None:
    with World() as world:
        world.requestor()
        stranger = Stranger(world, "stranger", greets=False)
        stranger.call("r0")
        stranger.say(Hello(MAJOR + 1, 0, "future"))
        world.run(1)
        assert stranger.records(Bye)[0].rule == "version"
        assert stranger.downs
        assert rules(world) == []


def test_unknown_tags_and_new_fields_are_counted_and_ignored() -> None:
    with World() as world:
        world.requestor()
        stranger = Stranger(world, "stranger")
        stranger.call("r0")
        stranger.raw(framed(msgspec.msgpack.encode(("from_the_future", b"\x90", b""))))
        stranger.raw(framed(msgspec.msgpack.encode(("decline", msgspec.msgpack.encode(["t", "", "rule", "detail", "a new field"]), b""))))
        world.run(1)
        assert rules(world) == []
        assert [event["peer"] for event in world.seen("ignored")] == [stranger.id]
        assert world.seen("decline", rule="rule")
        assert not stranger.downs


def test_a_forged_signature_and_somebody_elses_frame_end_the_session() -> None:
    with World() as world:
        world.requestor()
        world.provider()
        task_id = world.create(subtasks=1)
        world.run_until(lambda: bool(world.frames("p0", "offer")))
        offer = world.frames("p0", "offer")[0]
        stranger = Stranger(world, "stranger")
        for body, rule in (
            (offer.body, "wrong_signer"),
            (seal(replace_record(offer.record, provider=stranger.id), lambda _: b"\0" * 32), "bad_signature"),
            (seal(replace_record(offer.record, provider=stranger.id), lambda _: b""), "bad_signature"),
        ):
            stranger.call("r0")
            stranger.raw(framed(body))
            world.run(0.2)
            assert rules(world)[-1] == rule
            assert not stranger.links
        assert world.finish(task_id).status == "finished"
        no_bug(world)


def replace_record(record: Record, **changes: object) -> Record:
    return msgspec.structs.replace(record, **changes)


def test_announcements_that_are_not_signed_or_not_announceable_are_dropped_and_counted() -> None:
    with World() as world:
        world.provider()
        stranger = Stranger(world, "stranger")
        victim = KeyedSigner(KEY, "victim")
        header = Header("t", victim.node_id, "docker_cpu", "{}", 0.0, TOKEN, SECOND, 2**62)
        stranger.announce(header)  # signed by the wrong one
        stranger.announce(Taken("x"))
        stranger.announce(HeaderGone("t", victim.node_id))
        stranger.net.announce(b"\0\0")
        world.run(1)
        assert sorted(rules(world)) == ["bad_signature", "malformed", "not_announceable"]
        world.run(60)
        stranger.announce(header)
        world.run(1)
        assert [event["count"] for event in world.seen("misuse", rule="bad_signature")] == [1, 2]
        no_bug(world)


def test_one_requestor_cannot_end_anothers_task() -> None:
    with World() as world:
        world.requestor()
        world.provider(start=False)
        task_id = world.create(subtasks=1)
        world.run(1)
        stranger = Stranger(world, "stranger")
        world.start("p0")
        world.run(0.2)
        stranger.announce(HeaderGone(task_id, stranger.id))
        stranger.call("p0")
        for offer in world.frames("p0", "offer"):
            stranger.say(Decline(task_id, offer.record.offer_id, "task_over", ""))
        assert world.finish(task_id).status == "finished"
        no_bug(world)


# ---------------------------------------------------------------- a provider without manners


class Cheat:
    """A stranger that offers for a task and was given a subtask."""

    def __init__(self, world: World, **task: object) -> None:
        self.world = world
        self.stranger = Stranger(world, "cheat")
        self.task_id = world.create(**{"subtasks": 1, **task})
        world.run(1)
        self.header = self.stranger.body(Header)
        self.stranger.call("r0")

    def offer(self, **changes: object) -> None:
        offer = Offer("offer-1", self.task_id, self.stranger.id, PRICE, 100.0, 60 * SECOND, self.header)
        self.stranger.say(replace_record(offer, **changes))
        self.world.run(2)

    def given(self) -> Assignment:
        self.offer()
        (assignment,) = self.stranger.records(Assignment)
        self.subtask_id = assignment.subtask_id
        return assignment

    def report(self, **changes: object) -> None:
        report = Report(self.subtask_id, self.stranger.id, FILE, self.stranger.body(Assignment))
        self.stranger.say(replace_record(report, **changes))
        self.world.run(0.5)

    def serve(self, data: bytes = RESULT, **changes: object) -> None:
        """Answer the last Want."""
        want = self.stranger.records(Want)[-1]
        self.stranger.say(replace_record(Chunk(want.digest, 0, len(data), data), **changes))
        self.world.run(0.5)

    @property
    def status(self) -> str:
        return self.world.places["r0"].store.state("subtask", self.subtask_id).status

    @property
    def rule(self) -> str:
        return self.world.places["r0"].store.state("subtask", self.subtask_id).rule

    def ends_well(self) -> None:
        """The task is finished by somebody decent, and the cheat has no token of it."""
        self.world.provider("decent")
        assert self.world.finish(self.task_id).status == "finished"
        assert not [frame for frame in self.world.frames("r0", "payment") if frame.record.payee == self.stranger.id]
        assert self.world.balance("r0") == OPENING - amount_due(PRICE, 30 * SECOND)
        no_bug(self.world)


def cheated(**task: object) -> Cheat:
    world = World()
    world.requestor(config={"give_up_after": 3})
    return Cheat(world, **task)


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


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "0" * 63, "G" * 64, "A" * 64])
def test_a_result_or_input_whose_digest_is_none_is_refused(digest: str) -> None:
    cheat = cheated()
    with cheat.world:
        cheat.given()
        cheat.report(result=FileRef("x.out", Digest(digest), 8))
        assert (cheat.status, cheat.rule) == ("failed", "bad_digest")
        assert not cheat.stranger.records(Want)
        cheat.ends_well()
    miser = provided()
    with miser.world as world:
        miser.give(inputs=(FileRef("in", Digest(digest), 8),))
        assert [refused.rule for refused in miser.stranger.records(Refused)] == ["bad_digest"]
        no_bug(world)


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
        cheat.ends_well()


# ---------------------------------------------------------------- a requestor without manners


class Miser:
    """A stranger that announces a task to `p0` and was offered."""

    def __init__(self, world: World, **header: object) -> None:
        self.world = world
        self.stranger = Stranger(world, "miser")
        utc = world.clock.utc()
        base = Header("task-1", self.stranger.id, "docker_cpu", '{"image": "test/app", "tag": "1"}', 0.0, TOKEN, 30 * SECOND, utc + HOUR)
        self.stranger.announce(replace_record(base, **header))
        world.run(3)

    def assignment(self, **changes: object) -> Assignment:
        record = Assignment(
            subtask_id="subtask-1",
            task_id="task-1",
            requestor=self.stranger.id,
            provider=self.world.id("p0"),
            params_json='{"part": 0}',
            params_digest="",
            inputs=(),
            price=PRICE,
            amount=DUE,
            timeout=30 * SECOND,
            offer=self.stranger.body(Offer),
        )
        return msgspec.structs.replace(record, **changes)

    def give(self, **changes: object) -> None:
        self.stranger.say(self.assignment(**changes))
        self.world.run(0.3)


def provided(**header: object) -> Miser:
    world = World()
    world.provider()
    return Miser(world, **header)


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


def computed() -> Miser:
    """The slot has reported: the part's input was served on demand."""
    miser = provided()
    data = b"input"
    miser.give(inputs=(FileRef("part-0.in", digest_of(data), len(data)),))
    miser.stranger.say(Chunk(digest_of(data), 0, len(data), data))
    miser.world.run_until(lambda: bool(miser.stranger.records(Report)), 20)
    return miser


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
