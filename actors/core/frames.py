"""Frames: bytes to records and back, and who signed them.

A frame is a 4-byte big-endian length and a body of at most 2 MiB: MessagePack `[tag, record bytes, signature]`. The body alone is what
nests inside other records as evidence. Knows bytes only; must not know links, keys (sealing takes a sign function) or actors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from claynet.actors.core.records import SIGNER, TAG_OF, TAGS, AnyRecord, Record
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
    record: bytes
    signature: bytes


class Frame(msgspec.Struct, frozen=True):
    """A decoded frame: its tag, record, and body bytes (what nests as evidence)."""

    tag: str
    record: Any
    body: bytes
    envelope: Envelope


_encoder = msgspec.msgpack.Encoder()
_envelopes = msgspec.msgpack.Decoder(Envelope)
_decoders = {tag: msgspec.msgpack.Decoder(record) for tag, record in TAGS.items()}


def signing_input(tag: str, record: bytes) -> bytes:
    """Return the exact bytes that a signature covers."""
    return _DOMAIN + tag.encode() + b"/" + record


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


def open_body(body: bytes) -> Frame | None:
    """Decode a body; None when its tag is unknown (a newer peer's, to be counted and ignored). Raises FrameError."""
    try:
        envelope = _envelopes.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise FrameError("malformed", f"not a frame: {error}") from None
    decoder = _decoders.get(envelope.tag)
    if decoder is None:
        return None
    try:
        record = decoder.decode(envelope.record)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
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


_HEAD = 4
"""Bytes of a body's length."""


class FrameReader:
    """Cuts a byte stream into bodies; any split of the stream gives the same bodies."""

    __slots__ = ("_held", "_need", "_pieces")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._held = 0
        self._need = _HEAD

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes, yield whole bodies. Raises FrameError on a length over the limit, before buffering it."""
        self._pieces.append(data)
        self._held += len(data)
        if self._held < self._need:
            return  # pieces of a long body are joined once
        buffer = b"".join(self._pieces) if len(self._pieces) > 1 else data
        start, end, need = 0, len(buffer), _HEAD
        try:
            while end - start >= _HEAD:
                length = int.from_bytes(buffer[start : start + _HEAD], "big")
                if length > MOST:
                    raise FrameError("too_long", f"a frame of {length} bytes; at most {MOST} are allowed")
                if end - start - _HEAD < length:
                    need = _HEAD + length
                    break
                body = buffer[start + _HEAD : start + _HEAD + length]
                start += _HEAD + length
                yield body
        finally:
            rest = buffer[start:]
            self._pieces, self._held, self._need = [rest], len(rest), need
