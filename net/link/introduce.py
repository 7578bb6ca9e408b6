"""Both sides of an introduction on a fresh connection: TLS, then the handshake records.

Knows TlsStream and the handshake. Must not know links, actors or address books. Everything ends by the given deadline.
"""

from __future__ import annotations

import secrets
import ssl
import time
from typing import TypeVar

from claynet.actors.ports import SECOND, NodeId
from claynet.net.link import handshake
from claynet.net.link.handshake import MAJOR, Answer, Challenge, HandshakeError, Refused, Welcome
from claynet.net.link.identity import Ed25519Signer, node_id_of_certificate
from claynet.net.link.tls import TlsStream

_PATIENCE = 1 * SECOND

_T = TypeVar("_T", Challenge, Answer, Welcome)


def call(stream: TlsStream, expected: NodeId | None, signer: Ed25519Signer, port: int, network: str, deadline: int) -> NodeId:
    """As the caller: check who listens, prove who calls; return the listener's id.

    `expected` None takes whoever it is; `port` is where this node listens (0: it does not), `network` the name of its network. Raises
    HandshakeError.
    """
    try:
        stream.handshake(deadline)
        try:
            listener = node_id_of_certificate(stream.peer_certificate())
        except ValueError as error:
            raise HandshakeError(str(error), tell=False) from error
        if expected is not None and listener != expected:
            raise HandshakeError(f"proves to be node {listener[:12]}, not {expected[:12]}", tell=False)
        if listener == signer.node_id:
            raise HandshakeError("is this node itself", tell=False)
        challenge = _read(stream, Challenge, deadline)
        stream.send_before(handshake.encode(handshake.answer(challenge, listener, signer, port, network)), deadline)
        _read(stream, Welcome, deadline)
    except HandshakeError as error:
        _refuse(stream, error)
        raise
    except (OSError, EOFError) as error:
        raise HandshakeError(describe(error), tell=False) from error
    return listener


def admit(stream: TlsStream, signer: Ed25519Signer, network: str, deadline: int) -> tuple[NodeId, int]:
    """As the listener: show the certificate, ask, check; return the caller's id and the port it listens at (0: none).

    The caller is not welcomed yet (`welcome`). Raises HandshakeError.
    """
    try:
        stream.handshake(deadline)
        nonce = secrets.token_bytes(handshake.NONCE_SIZE)
        stream.send_before(handshake.encode(Challenge(MAJOR, nonce, network)), deadline)
        given = _read(stream, Answer, deadline)
        caller = handshake.check(given, nonce, signer, network)
        if caller == signer.node_id:
            raise HandshakeError("claims to be this node itself")
    except HandshakeError as error:
        _refuse(stream, error)
        raise
    except (OSError, EOFError) as error:
        raise HandshakeError(describe(error), tell=False) from error
    return caller, given.port


def welcome(stream: TlsStream, deadline: int) -> None:
    """As the listener: tell an admitted caller that the link stands. Raises HandshakeError."""
    try:
        stream.send_before(handshake.encode(Welcome(MAJOR)), deadline)
    except OSError as error:
        raise HandshakeError(describe(error), tell=False) from error


def turn_away(stream: TlsStream, reason: str) -> None:
    """As the listener: tell an admitted caller why there will be no link."""
    _refuse(stream, HandshakeError(reason))


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
        stream.send_before(handshake.encode(Refused(MAJOR, error.reason[:500])), time.monotonic_ns() + _PATIENCE)
    except OSError:
        return
    stream.part(_PATIENCE)
