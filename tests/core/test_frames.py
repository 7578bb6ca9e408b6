"""Records, frames and signatures: what is on the wire, for any value, any split, any garbage."""

import tracemalloc
from hashlib import blake2b

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claynet.actors.core.frames import MOST, FrameError, FrameReader, framed, framed_chunk, is_signed, open_as, open_body, seal
from claynet.actors.core.records import EVIDENCE, SIGNER, TAG_OF, TAGS, amount_due
from claynet.actors.ports import FileRef

FIELDS = {
    "hello": "major minor agent",
    "bye": "rule detail",
    "header": "task_id requestor env_id prerequisites_json min_memory_mib max_price subtask_timeout deadline",
    "gone": "task_id requestor",
    "wanted": "provider",
    "offer": "offer_id task_id provider price score lifetime header digest",
    "decline": "task_id offer_id rule detail",
    "assignment": ("subtask_id task_id requestor provider params_json params_digest inputs price amount timeout offer"),
    "taken": "subtask_id",
    "refused": "subtask_id rule detail",
    "report": "subtask_id provider result assignment",
    "failed": "subtask_id rule detail",
    "received": "subtask_id",
    "acceptance": "subtask_id requestor amount report",
    "rejection": "subtask_id requestor rule detail report",
    "verdict_seen": "subtask_id",
    "payment": "payment_id payer payee amount acceptance",
    "payment_seen": "payment_id",
    "cancel": "subtask_id reason",
    "cancel_seen": "subtask_id",
    "want": "digest offset length",
    "chunk": "digest offset total data",
    "missing": "digest",
}
"""The wire of major version 1: an order that changes here is another major version; new fields come last, with defaults."""

VALUES = {
    str: st.text(max_size=20),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False),
    bytes: st.binary(max_size=50),
    memoryview: st.binary(max_size=50).map(memoryview),
}
FILES = st.builds(FileRef, st.text(max_size=8), st.text(max_size=8), st.integers(0, 2**40))


def value_of(field):
    kind = getattr(field.type, "__supertype__", field.type)
    if kind is FileRef:
        return FILES
    if kind not in VALUES:
        return st.lists(FILES, max_size=3).map(tuple)
    return VALUES[kind]


def records():
    def build(kind):
        return st.builds(kind, *[value_of(field) for field in msgspec.structs.fields(kind)])

    return st.sampled_from(sorted(TAGS)).flatmap(lambda tag: build(TAGS[tag]))


def plain(record):
    values = [getattr(record, name) for name in record.__struct_fields__]
    return [bytes(value) if isinstance(value, memoryview) else msgspec.to_builtins(value, builtin_types=(bytes,)) for value in values]


def sign(data):
    return b"signed:" + data[-8:]


def test_the_order_of_fields_is_the_wire():
    assert {tag: " ".join(kind.__struct_fields__) for tag, kind in TAGS.items()} == FIELDS


@given(records())
def test_every_record_survives_the_round_trip(record):
    frame = open_body(seal(record, sign))
    assert frame.record == record
    assert frame.tag == TAG_OF[type(record)]
    assert bool(frame.envelope.signature) == (frame.tag in SIGNER)


@given(records())
def test_another_messagepack_reader_reads_the_same(record):
    tag, raw, _ = msgpack.unpackb(seal(record, sign))
    assert tag == TAG_OF[type(record)]
    fields = msgpack.unpackb(raw)
    assert fields == [list(value) if isinstance(value, tuple) else value for value in plain(record)]


@given(records())
def test_what_another_messagepack_writer_wrote_is_read(record):
    body = msgpack.packb([TAG_OF[type(record)], msgpack.packb(plain(record)), b""])
    assert open_body(body).record == record


def test_a_newer_peers_extra_fields_are_passed_over():
    raw = msgpack.packb(["id", "and something new", 7])
    assert open_body(msgpack.packb(["taken", raw, b"", "more"])).record.subtask_id == "id"


def test_an_unknown_tag_is_told_from_garbage():
    assert open_body(msgpack.packb(["from the future", b"", b""])) is None


def test_swapped_fields_of_one_record_are_noticed():
    raw = msgpack.packb(["digest", "not an offset", 4])
    with pytest.raises(FrameError, match="want"):
        open_body(msgpack.packb(["want", raw, b""]))


@given(st.lists(records(), max_size=5), st.lists(st.integers(1, 40), max_size=60))
def test_any_split_of_the_stream_gives_the_same_bodies(sent, cuts):
    bodies = [seal(record, sign) for record in sent]
    stream = b"".join(map(framed, bodies))
    reader, got, start = FrameReader(), [], 0
    for cut in cuts:
        got += reader.feed(stream[start : start + cut])
        start += cut
    got += reader.feed(stream[start:])
    assert got == bodies


@given(st.integers(0, 10**6), st.integers(1, 10**5), st.lists(st.integers(1, 2 * 10**5), max_size=12))
def test_any_split_of_long_bodies_gives_the_same_bodies(size, other, cuts):
    bodies = [seal(TAGS["chunk"]("d", 0, total, memoryview(bytes(total))), sign) for total in (size, other, 0)]
    stream = memoryview(b"".join(map(framed, bodies)))
    reader, got, start = FrameReader(), [], 0
    for cut in cuts:
        got += reader.feed(stream[start : start + cut])
        start += cut
    assert [*got, *reader.feed(stream[start:])] == bodies


def test_a_body_that_comes_byte_by_byte_weighs_what_it_is_long():
    reader, length = FrameReader(), 50_000
    body = bytes(range(250)) * (length // 250)
    stream = framed(body)
    tracemalloc.start()
    try:
        for at in range(len(stream) - 1):
            assert list(reader.feed(stream[at : at + 1])) == []
        assert tracemalloc.get_traced_memory()[0] < 3 * length
    finally:
        tracemalloc.stop()
    assert list(reader.feed(stream[-1:])) == [body]


@given(st.text(max_size=70), st.integers(0, 2**40), st.integers(0, 2**40), st.sampled_from([0, 1, 200, 255, 256, 65_535, 65_536, 10**6]))
def test_a_chunk_is_framed_as_any_record_is(digest, offset, total, size):
    chunk = TAGS["chunk"](digest, offset, total, memoryview(bytes(size)))
    assert framed_chunk(chunk) == framed(seal(chunk, sign))


@pytest.mark.parametrize("room", [0, 1])
def test_a_chunk_may_fill_a_frame_and_no_more(room):
    empty = len(framed_chunk(TAGS["chunk"]("d", 0, 0, memoryview(bytes(10**6))))) - 4 - 10**6
    chunk = TAGS["chunk"]("d", 0, 0, memoryview(bytes(MOST - empty + 1 - room)))
    if room:
        assert len(framed_chunk(chunk)) == 4 + MOST
    else:
        with pytest.raises(FrameError, match="too_long"):
            framed_chunk(chunk)


@given(st.binary(max_size=200))
def test_garbage_is_refused_with_a_rule_and_nothing_else(data):
    rule, frame = "", None
    try:
        frame = open_body(data)
    except FrameError as error:
        rule = error.rule
    assert rule in ("", "malformed")
    assert frame is None or frame.tag in TAGS


@given(records(), st.data())
def test_a_changed_byte_is_refused_or_breaks_the_signature(record, data):
    def mac(raw):
        return blake2b(raw, digest_size=8).digest()

    body = bytearray(seal(record, mac))
    whole = open_body(bytes(body))
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] ^= data.draw(st.integers(1, 255))
    try:
        frame = open_body(bytes(body))
    except FrameError:
        return
    if frame is not None and frame.tag in SIGNER and is_signed(frame, lambda _, raw, signature: mac(raw) == signature):
        assert (frame.tag, frame.record) == (whole.tag, whole.record)


def test_a_huge_frame_is_refused_before_it_is_buffered():
    with pytest.raises(FrameError, match="too_long"):
        list(FrameReader().feed((MOST + 1).to_bytes(4, "big")))
    with pytest.raises(FrameError, match="too_long"):
        framed(bytes(MOST + 1))


def test_nested_evidence_must_be_of_the_tag_that_is_expected():
    body = seal(TAGS["taken"]("id"), sign)
    assert open_as(body, "taken").subtask_id == "id"
    with pytest.raises(FrameError, match="expected a nested offer"):
        open_as(body, "offer")


def test_all_evidence_must_be_signed():
    assert set(SIGNER) >= EVIDENCE
    for tag, field in SIGNER.items():
        assert field in TAGS[tag].__struct_fields__


@given(st.integers(0, 10**12), st.integers(1, 10**14))
def test_the_amount_due_is_the_exact_ceiling(price, timeout):
    hour = 3600 * 10**9
    amount = amount_due(price, timeout)
    assert (amount - 1) * hour < price * timeout <= amount * hour
