"""The outer framing of a peer's stream: a type byte, a 4-byte big-endian length, a payload.

Knows bytes only. Must not know sockets, TLS, or what payloads mean. Link bytes pass through in pieces, so that a long
frame needs no memory; the other types are short and gathered whole. Types it does not know are skipped: a later minor
version may add some.
"""

from __future__ import annotations

import struct

LINK = 0
ANNOUNCE = 1
KEEP_ALIVE = 2
GOODBYE = 3
"""Its payload is a line for people: why the sender ends the link."""
PEERS = 4
"""Where other nodes are (`address_book`): hearsay that a node may leave unread."""
MEET = 5
"""Between a relay and a node that it has a link to: somebody wants to meet that node here (`relay_records`)."""

MAX_PAYLOAD = (2 << 20) + 4096
"""Bytes in one frame: the largest frame of the upper layer and a little more."""

_MAX_GATHERED = {ANNOUNCE: MAX_PAYLOAD, GOODBYE: 1024, KEEP_ALIVE: 1024, PEERS: 16 * 1024, MEET: 1024}
_HEAD = struct.Struct(">BI")
_LONG = 16 * 1024
"""Bytes from which on copying costs more than sending a frame's head by itself."""


class OuterError(Exception):
    """The peer broke the framing; the text says how."""


def outer_frame(kind: int, payload: bytes = b"") -> bytes:
    """Return one frame. Raises ValueError when the payload is too long."""
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"{len(payload)} bytes in a frame, at most {MAX_PAYLOAD}")
    return _HEAD.pack(kind, len(payload)) + payload


def link_frame(data: bytes | memoryview) -> tuple[bytes | memoryview, ...]:
    """Return frames of link bytes as pieces to be sent one after the other; long data is not copied."""
    if len(data) < _LONG:
        return (b"".join((_HEAD.pack(LINK, len(data)), data)),)
    view = memoryview(data)
    parts = (view[at : at + MAX_PAYLOAD] for at in range(0, len(data), MAX_PAYLOAD))
    return tuple(piece for part in parts for piece in (_HEAD.pack(LINK, len(part)), part))


class OuterReader:
    """Cuts a stream, fed in pieces of any size, into (type, payload)."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._kind = LINK
        self._left = 0
        self._gathered = bytearray()

    def feed(self, data: bytes | memoryview) -> list[tuple[int, bytes | memoryview]]:
        """Return what these bytes bring; neighbouring pieces of link bytes come as one. Raises OuterError for a frame too long.

        A long piece may be a view of `data`.
        """
        found: list[tuple[int, bytes | memoryview]] = []
        link: list[memoryview] = []
        view = memoryview(data)
        while view:
            if self._left:
                piece, view = view[: self._left], view[self._left :]
                self._left -= len(piece)
                if self._kind == LINK:
                    link.append(piece)
                elif self._kind in _MAX_GATHERED:
                    self._gathered += piece
            else:
                need = _HEAD.size - len(self._head)
                self._head += view[:need]
                view = view[need:]
                if len(self._head) < _HEAD.size:
                    break
                self._begin()
            if not self._left and not self._head and self._kind in _MAX_GATHERED:
                if link:
                    found.append((LINK, _joined(link, len(data))))
                    link = []
                found.append((self._kind, bytes(self._gathered)))
        if link:
            found.append((LINK, _joined(link, len(data))))
        return found

    def _begin(self) -> None:
        self._kind, self._left = _HEAD.unpack(self._head)
        self._head.clear()
        self._gathered.clear()
        most = _MAX_GATHERED.get(self._kind, MAX_PAYLOAD)
        if self._left > most:
            raise OuterError(f"a frame of type {self._kind} with {self._left} bytes, at most {most}")


def _joined(pieces: list[memoryview], of: int) -> bytes | memoryview:
    # A view keeps all the data alive, so it must be most of that: who keeps it counts its own bytes only.
    return pieces[0] if len(pieces) == 1 and len(pieces[0]) * 2 > of else b"".join(pieces)
