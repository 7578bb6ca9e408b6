"""Bytes without manners: their session ends or their frame is ignored and counted; no task or node is hurt."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claynet.actors.core.frames import MOST, framed, seal
from claynet.actors.core.records import (
    MAJOR,
    Bye,
    Decline,
    Header,
    HeaderGone,
    Hello,
    PaymentSeen,
    Taken,
)
from claynet.actors.ports import SECOND
from claynet.sim.wire.memory import KeyedSigner
from tests.actors.harness import KEY, TOKEN, World
from tests.actors.strangeness import honest_task_ends_well, no_bug, replace_record, rules
from tests.actors.stranger import Stranger

DEEP = b"\x91" * 20_000 + b"\xc0"
"""Deeper than the decoder goes, where fields that a newer version may append are read over."""
IN_A_NEW_FIELD = b"\x94\xa6wanted\xc4\x00\xc4\x00" + DEEP
IN_A_RECORDS_NEW_FIELD = msgspec.msgpack.encode(("wanted", b"\x92\xa1p" + DEEP, b""))

GARBAGE = {
    "noise": b"\xff" * 64,
    "too long": (MOST + 1).to_bytes(4, "big"),
    "no frame": framed(b"\xc1"),
    "empty body": framed(b""),
    "not an array": framed(msgspec.msgpack.encode({"tag": "offer"})),
    "wrong record": framed(msgspec.msgpack.encode(("offer", b"\x90", b""))),
    "deep": framed(b"\x91" * 5000),
    "deep in a new field": framed(IN_A_NEW_FIELD),
    "deep in a record's new field": framed(IN_A_RECORDS_NEW_FIELD),
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
        assert all(world.shell("r0", name) is not None for name in ("switchboard", "manager"))


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


@pytest.mark.parametrize("body", [IN_A_NEW_FIELD, IN_A_RECORDS_NEW_FIELD, b"\x93\xa6wanted\xc4\x04\x91\xa2\xff\xff\xc4\x00"])
def test_an_announcement_that_cannot_be_decoded_is_dropped_and_the_switchboard_lives_on(body: bytes) -> None:
    with World() as world:
        world.requestor()
        stranger = Stranger(world, "stranger")
        stranger.net.announce(framed(body))
        world.run(1)
        assert rules(world) == ["malformed"]
        honest_task_ends_well(world)


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
