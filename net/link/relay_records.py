"""What is said about meeting at a relay: errands of those who call it, and its question to the node that is wanted.

Knows records only. Must not know connections.

    A, who wants to meet B, calls the relay on the errand   [meet, B]
    the relay asks B over the link that B has to it         [wanted, token, A]
    B calls the relay on the errand                         [come, token]        or answers on the link [declined, token, reason]

The relay then splices the two calls, and over the splice A calls B as it would over a connection of its own: TLS with B's certificate, then
A's proof. So the relay sees ciphertext only, and whatever it changes, withholds or says again is found out by TLS.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

TOKEN_SIZE = 16

_Id = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
_Token = Annotated[bytes, msgspec.Meta(min_length=TOKEN_SIZE, max_length=TOKEN_SIZE)]


class Meet(msgspec.Struct, frozen=True, array_like=True, tag="meet"):
    """An errand: let me meet this node."""

    node: _Id


class Come(msgspec.Struct, frozen=True, array_like=True, tag="come"):
    """An errand: I come to meet whoever asked for me."""

    token: _Token


class Wanted(msgspec.Struct, frozen=True, array_like=True, tag="wanted"):
    """From the relay: come, somebody wants to meet you."""

    token: _Token
    node: _Id


class Declined(msgspec.Struct, frozen=True, array_like=True, tag="declined"):
    """To the relay: I do not come."""

    token: _Token
    reason: Annotated[str, msgspec.Meta(max_length=200)]


Errand = Meet | Come
Message = Wanted | Declined
_errands: msgspec.msgpack.Decoder[Errand] = msgspec.msgpack.Decoder(Errand)
_messages: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def encode(record: Errand | Message) -> bytes:
    """Return a record's bytes."""
    return msgspec.msgpack.encode(record)


def read_errand(data: bytes) -> Errand | None:
    """Read an errand; None for one that this version does not know."""
    try:
        return _errands.decode(data)
    except (ValueError, RecursionError):  # msgspec's errors and those of UTF-8 are ValueErrors
        return None


def read_message(data: bytes) -> Message | None:
    """Read what came in a MEET frame; None for nonsense, or what this version does not know."""
    try:
        return _messages.decode(data)
    except (ValueError, RecursionError):  # msgspec's errors and those of UTF-8 are ValueErrors
        return None
