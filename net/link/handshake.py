"""What two nodes say inside TLS before a link stands: the caller proves who it is.

Knows the records and the text that is signed. Must not know sockets or threads. The listener has proven itself by its
certificate already. The caller signs the listener's fresh nonce together with the listener's id, so that an answer given
to one node is worth nothing at another. (Python's ssl offers no channel binding for TLS 1.3; none is needed while the
signed text names the listener, whose certificate ends the very channel the answer travels in.)

    listener: [challenge, MAJOR, nonce, name of its network]
    caller:   [answer, MAJOR, its id, signature, port it listens at or 0, name of its network, errand]
    listener: [welcome, MAJOR]              or either side: [refused, MAJOR, reason], and the end
              [spliced, MAJOR]              instead of a welcome when the caller came on an errand of relaying (`relay_records`)
              [crossed, MAJOR]              from either side: the two call each other, and the other call stays (`crossing`)

Each record is MessagePack after a 4-byte big-endian length, at most 4 KiB. The first two elements stay what they are in
every major version.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

from claynet.actors.ports import NodeId, Signer

MAJOR = 1
"""Major version of the protocol; nodes of different ones do not talk."""

MAX_RECORD = 4096
"""Bytes of a handshake record."""

NONCE_SIZE = 32
MAX_ERRAND = 128

_DOMAIN = b"claynet caller proof\x00"

_Name = Annotated[str, msgspec.Meta(max_length=64)]
_Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class Challenge(msgspec.Struct, frozen=True, array_like=True, tag="challenge"):
    """The listener's question."""

    major: int
    nonce: Annotated[bytes, msgspec.Meta(min_length=NONCE_SIZE, max_length=NONCE_SIZE)]
    network: _Name = ""


class Answer(msgspec.Struct, frozen=True, array_like=True, tag="answer"):
    """The caller's proof."""

    major: int
    caller: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    signature: Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]
    port: _Port = 0
    network: _Name = ""
    errand: Annotated[bytes, msgspec.Meta(max_length=MAX_ERRAND)] = b""


class Welcome(msgspec.Struct, frozen=True, array_like=True, tag="welcome"):
    """The listener believes the caller; the link stands."""

    major: int


class Spliced(msgspec.Struct, frozen=True, array_like=True, tag="spliced"):
    """The listener is a relay: from now on the other one's bytes come here, and ours go there."""

    major: int


class Crossed(msgspec.Struct, frozen=True, array_like=True, tag="crossed"):
    """This call gives way to one in the other direction."""

    major: int


class Refused(msgspec.Struct, frozen=True, array_like=True, tag="refused"):
    """Either side ends it here, and says why."""

    major: int
    reason: Annotated[str, msgspec.Meta(max_length=500)]


class HandshakeError(Exception):
    """The handshake ends; the text is why, `tell` whether the other side is to hear it."""

    def __init__(self, reason: str, *, tell: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.tell = tell


class CrossedError(HandshakeError):
    """The two nodes call each other, and this call is not the one that stays."""


_T = TypeVar("_T", Challenge, Answer, Welcome, Spliced)


def encode(record: Challenge | Answer | Welcome | Spliced | Crossed | Refused) -> bytes:
    """Return a record with its length in front."""
    body = msgspec.msgpack.encode(record)
    return len(body).to_bytes(4, "big") + body


def body_length(head: bytes) -> int:
    """Read a record's length. Raises HandshakeError when it is too long."""
    length = int.from_bytes(head, "big")
    if length > MAX_RECORD:
        raise HandshakeError(f"a handshake record of {length} bytes, at most {MAX_RECORD}")
    return length


def decode(body: bytes, wanted: type[_T]) -> _T:
    """Read a record. Raises HandshakeError for another major version, a refusal, or anything that is not `wanted`."""
    try:
        start = msgspec.msgpack.decode(body)
    except (ValueError, RecursionError) as error:
        raise HandshakeError("not a handshake record") from error
    match start:
        case [str(), int() as major, *_] if major != MAJOR:
            raise HandshakeError(f"speaks protocol version {major}, this node speaks {MAJOR}", tell=start[0] != "refused")
        case ["refused", _, str() as reason, *_]:
            raise HandshakeError(f"refused: {' '.join(reason[:200].split())}", tell=False)
        case ["crossed", *_]:
            raise CrossedError("the two nodes call each other at once", tell=False)
        case ["welcome", *_] if wanted is Spliced:
            raise HandshakeError("is of a version that does not relay", tell=False)
    try:
        return msgspec.msgpack.decode(body, type=wanted)
    except (ValueError, RecursionError) as error:
        raise HandshakeError(f"not a {wanted.__name__.lower()}: {error}") from error


def proof_text(listener: NodeId, nonce: bytes, caller: bytes, port: int) -> bytes:
    """Return what the caller signs; every part has a fixed size, so no two sets of parts read the same."""
    return b"".join((_DOMAIN, MAJOR.to_bytes(4, "big"), bytes.fromhex(listener), nonce, caller, port.to_bytes(2, "big")))


def answer(challenge: Challenge, listener: NodeId, signer: Signer, port: int, network: str = "", errand: bytes = b"") -> Answer:
    """Answer a challenge of the node that the TLS certificate showed. Raises HandshakeError when it is of another network."""
    _same_network(challenge.network, network)
    caller = bytes.fromhex(signer.node_id)
    return Answer(MAJOR, caller, signer.sign(proof_text(listener, challenge.nonce, caller, port)), port, network, errand)


def check(given: Answer, nonce: bytes, signer: Signer, network: str = "") -> NodeId:
    """Return the id that an answer to our `nonce` proves. Raises HandshakeError when it proves none, or is of another network."""
    _same_network(given.network, network)
    caller = NodeId(given.caller.hex())
    if not signer.verify(caller, proof_text(signer.node_id, nonce, given.caller, given.port), given.signature):
        raise HandshakeError("the caller's signature is not that of the id it claims")
    return caller


def _same_network(theirs: str, ours: str) -> None:
    # The name keeps networks apart that mean no harm to each other; it is no secret, and proves nothing.
    if theirs != ours:
        named = "".join(one if one.isprintable() else "?" for one in theirs)
        raise HandshakeError(f"belongs to the network {named!r}, this node to {ours!r}")
