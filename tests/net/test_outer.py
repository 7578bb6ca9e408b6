"""The outer framing and the handshake's records, without sockets."""

from __future__ import annotations

import os

import msgpack  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from claynet.net.link import handshake
from claynet.net.link.handshake import Answer, Challenge, HandshakeError, Refused, Welcome
from claynet.net.link.identity import Ed25519Signer
from claynet.net.link.outer import ANNOUNCE, GOODBYE, KEEP_ALIVE, LINK, MAX_PAYLOAD, OuterError, OuterReader, link_frame, outer_frame

FRAMES = st.lists(st.tuples(st.sampled_from([LINK, ANNOUNCE, KEEP_ALIVE, GOODBYE, 77]), st.binary(max_size=40)), max_size=8)


def joined(found: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    result: list[tuple[int, bytes]] = []
    for kind, payload in found:
        if kind == LINK and result and result[-1][0] == LINK:
            result[-1] = (LINK, result[-1][1] + bytes(payload))
        else:
            result.append((kind, bytes(payload)))
    return result


@given(FRAMES, st.lists(st.integers(1, 60), max_size=20))
def test_any_split_of_the_stream_gives_the_same_frames(frames: list[tuple[int, bytes]], cuts: list[int]) -> None:
    stream = b"".join(outer_frame(kind, payload) for kind, payload in frames)
    reader, found, at = OuterReader(), [], 0
    for size in [*cuts, len(stream)]:
        found += reader.feed(stream[at : at + size])
        at += size
    assert joined(found) == joined([frame for frame in frames if frame[0] != 77 and (frame[0] != LINK or frame[1])])


def test_link_bytes_need_no_memory_and_the_cap_holds() -> None:
    reader = OuterReader()
    frame = outer_frame(LINK, b"x" * MAX_PAYLOAD)
    assert [payload for _, payload in reader.feed(frame[:1005])] == [b"x" * 1000]
    assert not reader._gathered
    with pytest.raises(OuterError, match="type 0 with"):
        OuterReader().feed(b"\x00" + (MAX_PAYLOAD + 1).to_bytes(4, "big"))
    with pytest.raises(OuterError, match="type 3 with 2000 bytes"):
        OuterReader().feed(outer_frame(GOODBYE, b"x" * 2000))
    with pytest.raises(ValueError, match="at most"):
        outer_frame(LINK, b"x" * (MAX_PAYLOAD + 1))


def test_records_are_what_another_reader_of_messagepack_reads() -> None:
    record = handshake.encode(Challenge(1, b"n" * 32, "here"))
    assert handshake.body_length(record[:4]) == len(record) - 4
    assert msgpack.unpackb(record[4:]) == ["challenge", 1, b"n" * 32, "here"]
    newer = msgpack.packb(["challenge", 1, b"n" * 32, "here", {"later": "field"}])
    assert handshake.decode(newer, Challenge) == Challenge(1, b"n" * 32, "here")


@pytest.mark.parametrize(
    ("body", "words", "tell"),
    [
        (b"\xc1", "not a handshake record", True),
        (b"", "not a handshake record", True),
        (b"\x91" * 3000, "not a handshake record", True),
        (msgpack.packb(["challenge", 2, 7]), "speaks protocol version 2, this node speaks 1", True),
        (msgpack.packb(["refused", 2, "go away"]), "speaks protocol version 2, this node speaks 1", False),
        (msgpack.packb(["refused", 1, "go\naway"]), "refused: go away", False),
        (msgpack.packb(["welcome", 1]), "not a challenge", True),
        (msgpack.packb(["challenge", 1, b"short"]), "not a challenge", True),
        (msgpack.packb({"a": 1}), "not a challenge", True),
        (msgpack.packb(7), "not a challenge", True),
    ],
)
def test_anything_else_is_refused_with_a_reason(body: bytes, words: str, tell: bool) -> None:
    with pytest.raises(HandshakeError, match=words) as caught:
        handshake.decode(body, Challenge)
    assert caught.value.tell is tell


@given(st.binary(max_size=200))
def test_garbage_never_raises_anything_else(body: bytes) -> None:
    try:
        handshake.decode(body, Answer)
    except HandshakeError:
        pass


def test_a_record_too_long_is_refused_by_its_length() -> None:
    with pytest.raises(HandshakeError, match="at most 4096"):
        handshake.body_length((4097).to_bytes(4, "big"))


def test_a_proof_is_worth_nothing_elsewhere_later_or_for_somebody_else() -> None:
    listener, other, caller = (Ed25519Signer(Ed25519PrivateKey.generate()) for _ in range(3))
    nonce = b"n" * 32
    given_answer = handshake.answer(Challenge(1, nonce), listener.node_id, caller, 4000)
    assert handshake.check(given_answer, nonce, listener) == caller.node_id
    stolen = Answer(1, bytes.fromhex(other.node_id), given_answer.signature, 4000)
    moved = Answer(1, given_answer.caller, given_answer.signature, 4001)
    for answer, asked, at in (
        (given_answer, b"m" * 32, listener),
        (given_answer, nonce, other),
        (stolen, nonce, listener),
        (moved, nonce, listener),
    ):
        with pytest.raises(HandshakeError, match="signature"):
            handshake.check(answer, asked, at)


def test_each_record_fits_its_cap() -> None:
    for record in (Challenge(1, b"n" * 32), Answer(1, b"i" * 32, b"s" * 64, 65535), Welcome(1), Refused(1, "é" * 500)):
        assert len(handshake.encode(record)) <= handshake.MAX_RECORD + 4


@pytest.mark.parametrize("size", [0, 1, 16 * 1024 - 1, 16 * 1024, MAX_PAYLOAD, MAX_PAYLOAD + 1, 2 * MAX_PAYLOAD + 5])
def test_link_bytes_of_any_length_go_into_frames(size: int) -> None:
    data = os.urandom(size)
    assert b"".join(bytes(payload) for _, payload in OuterReader().feed(b"".join(link_frame(data)))) == data


def test_a_short_piece_among_much_else_does_not_keep_all_of_it_alive() -> None:
    found = OuterReader().feed(outer_frame(ANNOUNCE, bytes(100_000)) + outer_frame(LINK, b"short"))
    assert [type(payload) for _, payload in found] == [bytes, bytes]
