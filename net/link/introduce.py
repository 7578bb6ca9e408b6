"""Both sides of an introduction on a fresh connection: TLS, then the handshake records.

Knows TlsStream and the handshake. Must not know links, actors or address books. Everything ends by the given deadline.
"""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from claynet.actors.ports import SECOND, NodeId
from claynet.net.link import handshake
from claynet.net.link.handshake import MAJOR, Answer, Challenge, Crossed, CrossedError, HandshakeError, Refused, Spliced, Welcome
from claynet.net.link.identity import Ed25519Signer, node_id_of_certificate
from claynet.net.link.tls import TlsStream

_PATIENCE = 1 * SECOND

_T = TypeVar("_T", Challenge, Answer, Welcome, Spliced)


class Own(NamedTuple):
    """Who introduces itself."""

    signer: Ed25519Signer
    network: str
    """The name of its network."""
    port: int = 0
    """Where it listens; 0: it cannot be called."""


class Caller(NamedTuple):
    """What a caller has proven and said."""

    node: NodeId
    port: int
    """Where it says that it listens; 0: nowhere."""
    errand: bytes
    """What it wants instead of a link; empty: a link."""


def call(
    stream: TlsStream,
    expected: NodeId | None,
    own: Own,
    deadline: int,
    reached: Callable[[NodeId], bool] | None = None,
    errand: bytes = b"",
) -> NodeId:
    """As the caller: check who listens, prove who calls; return the listener's id.

    `expected` None takes whoever it is. `reached` hears who it is, and says whether the call goes on (else CrossedError). With an
    `errand` the listener splices this connection to another. Raises HandshakeError.
    """
    try:
        stream.handshake(deadline)
        try:
            listener = node_id_of_certificate(stream.peer_certificate())
        except ValueError as error:
            raise HandshakeError(str(error), tell=False) from error
        if expected is not None and listener != expected:
            raise HandshakeError(f"proves to be node {listener[:12]}, not {expected[:12]}", tell=False)
        if listener == own.signer.node_id:
            raise HandshakeError("is this node itself", tell=False)
        challenge = _read(stream, Challenge, deadline)
        if reached is not None and not reached(listener):
            raise CrossedError("the two nodes call each other at once")
        answer = handshake.answer(challenge, listener, own.signer, own.port, own.network, errand)
        stream.send_before(handshake.encode(answer), deadline)
        if errand:
            _read(stream, Spliced, deadline)
        else:
            _read(stream, Welcome, deadline)
    except HandshakeError as error:
        _refuse(stream, error)
        raise
    except (OSError, EOFError) as error:
        raise HandshakeError(describe(error), tell=False) from error
    return listener


def admit(stream: TlsStream, own: Own, deadline: int) -> Caller:
    """As the listener: show the certificate, ask, check.

    The caller is not welcomed yet (`welcome`). Raises HandshakeError.
    """
    try:
        stream.handshake(deadline)
        nonce = secrets.token_bytes(handshake.NONCE_SIZE)
        stream.send_before(handshake.encode(Challenge(MAJOR, nonce, own.network)), deadline)
        given = _read(stream, Answer, deadline)
        caller = handshake.check(given, nonce, own.signer, own.network)
        if caller == own.signer.node_id:
            raise HandshakeError("claims to be this node itself")
    except HandshakeError as error:
        _refuse(stream, error)
        raise
    except (OSError, EOFError) as error:
        raise HandshakeError(describe(error), tell=False) from error
    return Caller(caller, given.port, given.errand)


def welcome(stream: TlsStream, deadline: int) -> None:
    """As the listener: tell an admitted caller that the link stands. Raises HandshakeError."""
    try:
        stream.send_before(handshake.encode(Welcome(MAJOR)), deadline)
    except OSError as error:
        raise HandshakeError(describe(error), tell=False) from error


def splice(stream: TlsStream, deadline: int) -> None:
    """As a relay: tell an admitted caller that the other one's bytes follow. Raises HandshakeError."""
    try:
        stream.send_before(handshake.encode(Spliced(MAJOR)), deadline)
    except OSError as error:
        raise HandshakeError(describe(error), tell=False) from error


def turn_away(stream: TlsStream, error: HandshakeError) -> None:
    """As the listener: tell an admitted caller why there will be no link."""
    _refuse(stream, error)


def describe(error: Exception) -> str:
    """Say in a few words what went wrong with a connection."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or error})"
    if isinstance(error, OSError):
        return (error.strerror or str(error) or type(error).__name__).lower()
    return str(error) or type(error).__name__


def _read(stream: TlsStream, wanted: type[_T], deadline: int) -> _T:
    length = handshake.body_length(stream.read_exactly(4, deadline))
    return handshake.decode(stream.read_exactly(length, deadline), wanted)


def _refuse(stream: TlsStream, error: HandshakeError) -> None:
    if not error.tell:
        return
    try:
        last = Crossed(MAJOR) if isinstance(error, CrossedError) else Refused(MAJOR, error.reason[:500])
        stream.send_before(handshake.encode(last), time.monotonic_ns() + _PATIENCE)
    except OSError:
        return
    stream.part(_PATIENCE)
