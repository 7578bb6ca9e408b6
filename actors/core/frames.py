"""Frames: bytes to records and back, and who signed them.

A frame is a 4-byte big-endian length and a body of at most 2 MiB: MessagePack `[tag, record bytes, signature]`. The body alone is what
nests inside other records as evidence. Knows bytes only; must not know links, keys (sealing takes a sign function) or actors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from claynet.actors.core.records import SIGNER, TAG_OF, TAGS, AnyRecord, Chunk, Record
from claynet.actors.ports import NodeId

MOST = 2 * 1024 * 1024
"""Largest body in bytes."""
_DOMAIN = b"claynet/1/"
"""Separates our signatures from any other use of the same key."""


class FrameError(Exception):
    """The peer's bytes are not a frame or not the record its tag names; `rule` is a short code for the peer."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule
        self.detail = detail


class Envelope(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=False):
    """The body of a frame before its record is decoded."""

    tag: str
    record: memoryview
    """A view into the body: a long record is not copied."""
    signature: bytes


class Frame(msgspec.Struct, frozen=True):
    """A decoded frame: its tag, record, and body bytes (what nests as evidence)."""

    tag: str
    record: Any
    body: bytes
    envelope: Envelope


_HEAD = 4
"""Bytes of a body's length."""
_NOTHING = memoryview(b"")
_EMPTY = b"\xc4\x00"
"""No bytes at all, in MessagePack."""

_NONSENSE = (ValueError, RecursionError)
"""What decoding raises for a peer's bytes: msgspec's own errors and those of UTF-8 are ValueErrors, and nested too deep is the other."""

_encoder = msgspec.msgpack.Encoder()
_envelopes = msgspec.msgpack.Decoder(Envelope)
_CHUNK_HEAD = b"\x93" + _encoder.encode(TAG_OF[Chunk])
_decoders = {tag: msgspec.msgpack.Decoder(record) for tag, record in TAGS.items()}


def signing_input(tag: str, record: bytes | memoryview) -> bytes:
    """Return the exact bytes that a signature covers."""
    return b"".join((_DOMAIN, tag.encode(), b"/", record))


def seal(record: Record, sign: Callable[[bytes], bytes]) -> bytes:
    """Encode a record as a body, signed where its tag must be."""
    tag = TAG_OF[type(record)]
    raw = _encoder.encode(record)
    signature = sign(signing_input(tag, raw)) if tag in SIGNER else b""
    return _encoder.encode((tag, raw, signature))


def framed(body: bytes) -> bytes:
    """Put the length before a body. Raises FrameError when it is too long: our own misuse."""
    if len(body) > MOST:
        raise FrameError("too_long", f"a frame of {len(body)} bytes; at most {MOST} are allowed")
    return len(body).to_bytes(4, "big") + body


def framed_chunk(chunk: Chunk) -> bytes:
    """Return what `framed(seal(chunk))` does, and copy the chunk's data once only. Raises FrameError when it is too long."""
    record = _encoder.encode(Chunk(chunk.digest, chunk.offset, chunk.total, _NOTHING))[: -len(_EMPTY)] + _bin_head(len(chunk.data))
    head = _CHUNK_HEAD + _bin_head(len(record) + len(chunk.data)) + record
    length = len(head) + len(chunk.data) + len(_EMPTY)
    if length > MOST:
        raise FrameError("too_long", f"a frame of {length} bytes; at most {MOST} are allowed")
    return b"".join((length.to_bytes(_HEAD, "big"), head, chunk.data, _EMPTY))


def _bin_head(size: int) -> bytes:
    """What MessagePack puts before so many bytes."""
    if size < 1 << 8:
        return b"\xc4" + size.to_bytes(1, "big")
    return b"\xc5" + size.to_bytes(2, "big") if size < 1 << 16 else b"\xc6" + size.to_bytes(4, "big")


def open_body(body: bytes) -> Frame | None:
    """Decode a body; None when its tag is unknown (a newer peer's, to be counted and ignored). Raises FrameError."""
    try:
        envelope = _envelopes.decode(body)
    except _NONSENSE as error:
        raise FrameError("malformed", f"not a frame: {error}") from None
    decoder = _decoders.get(envelope.tag)
    if decoder is None:
        return None
    try:
        record = decoder.decode(envelope.record)
    except _NONSENSE as error:
        raise FrameError("malformed", f"not a {envelope.tag}: {error}") from None
    return Frame(envelope.tag, record, body, envelope)


def open_as(body: bytes, tag: str) -> AnyRecord:
    """Decode nested evidence that must carry this tag. Raises FrameError."""
    frame = open_body(body)
    if frame is None or frame.tag != tag:
        raise FrameError("wrong_evidence", f"expected a nested {tag}")
    record: AnyRecord = frame.record
    return record


def is_signed(frame: Frame, verify: Callable[[NodeId, bytes, bytes], bool]) -> bool:
    """Tell whether a frame whose tag must be signed carries its signer's signature (True for tags that need none)."""
    field = SIGNER.get(frame.tag)
    if field is None:
        return True
    signer: NodeId = getattr(frame.record, field)
    return verify(signer, signing_input(frame.tag, frame.envelope.record), frame.envelope.signature)


def frame_digest(body: bytes) -> str:
    """Hex BLAKE2b-256 of a body: how evidence is named in traces."""
    return blake2b(body, digest_size=32).hexdigest()


_MOST_PIECES = 256
"""Pieces of one body that are kept apart: a view of a byte weighs a hundred times as much."""


class FrameReader:
    """Cuts a byte stream into bodies; any split of the stream gives the same bodies."""

    __slots__ = ("_held", "_in_body", "_need", "_pieces")

    def __init__(self) -> None:
        self._pieces: list[bytes | memoryview] = []
        """What is here of a length or a body, as it came: a long body is joined once."""
        self._held = 0
        self._need = _HEAD
        self._in_body = False

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Take bytes, yield whole bodies. Raises FrameError on a length over the limit, before buffering it."""
        view = memoryview(data)
        at, end = 0, len(view)
        try:
            while (cut := at + self._need - self._held) <= end:
                piece = self._joined(view[at:cut])
                at = cut
                if self._in_body:
                    self._in_body, self._need = False, _HEAD
                    yield piece
                    continue
                length = int.from_bytes(piece, "big")
                if length > MOST:
                    raise FrameError("too_long", f"a frame of {length} bytes; at most {MOST} are allowed")
                self._in_body, self._need = True, length
        finally:
            if at < end:
                self._keep(view[at:])

    def _joined(self, last: memoryview) -> bytes:
        if not self._held:
            return bytes(last)
        piece = b"".join((*self._pieces, last))
        self._pieces.clear()
        self._held = 0
        return piece

    def _keep(self, piece: memoryview) -> None:
        self._held += len(piece)
        self._pieces.append(piece)
        if len(self._pieces) > _MOST_PIECES:
            self._pieces = [b"".join(self._pieces)]
