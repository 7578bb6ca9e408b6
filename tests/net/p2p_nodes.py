"""Nodes, and the crooked callers and listeners that tests set against them."""

from __future__ import annotations

import dataclasses
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, Self

import msgpack  # type: ignore[import-untyped]
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from claynet.actors.ports import MILLISECOND, Address, LinkBytes, LinkId, LinkUp, NodeId
from claynet.net.link.identity import Ed25519Signer
from claynet.net.link.p2p import P2PNetwork
from claynet.net.link.peer_link import P2PLimits
from claynet.net.link.tls import listener_context
from claynet.net.threads.threads_system import ThreadsSystem
from tests.net.conftest import PATIENCE, Heard, Listener

LIMITS = P2PLimits()
HASTY = dataclasses.replace(LIMITS, handshake=300 * MILLISECOND, dial=300 * MILLISECOND, linger=300 * MILLISECOND)


def new_signer() -> Ed25519Signer:
    return Ed25519Signer(Ed25519PrivateKey.generate())


class Node:
    """A network handle with an actor that listens."""

    def __init__(self, system: ThreadsSystem, name: str, limits: P2PLimits = LIMITS, host: str = "127.0.0.1") -> None:
        self.address = Address(name)
        self.heard = Heard()
        system.spawn(Listener, self.heard, address=self.address)
        self.signer = new_signer()
        self.network = P2PNetwork(system, self.signer, host=host, limits=limits)
        self.network.listen(self.address)

    @property
    def id(self) -> NodeId:
        return self.signer.node_id

    def knows(self, other: Node) -> Node:
        self.network.learn(other.id, "127.0.0.1", other.network.port)
        return self

    def up(self, number: int = 1) -> LinkUp:
        """The `number`-th link of this node."""
        return self.heard.until(lambda told: [message for message in told if isinstance(message, LinkUp)][number - 1 : number])[0]  # type: ignore[no-any-return]

    def received(self, link: LinkId, size: int) -> bytes:
        def joined(told: list[Any]) -> bytes:
            return b"".join(message.data for message in told if isinstance(message, LinkBytes) and message.link == link)

        self.heard.until(lambda told: len(joined(told)) >= size)
        return joined(self.heard.messages)

    def refusal(self, words: str) -> str:
        """Wait for a caller to be refused for a reason with these words."""
        network = self.network

        def found() -> str:
            return next((line for line in network.recent_refusals() if words in line), "")

        with network._condition:
            assert network._condition.wait_for(found, PATIENCE), f"{words!r} not among {network.recent_refusals()}"
            return found()


def linked(caller: Node, listener: Node) -> tuple[LinkId, LinkId]:
    """Make a link and attach both ends; return the caller's and the listener's."""
    before = len(caller.heard.all(LinkUp)), len(listener.heard.all(LinkUp))
    caller.knows(listener).network.connect(listener.id, caller.address)
    one, other = caller.up(before[0] + 1), listener.up(before[1] + 1)
    caller.network.attach(one.link, caller.address)
    listener.network.attach(other.link, listener.address)
    return one.link, other.link


class RawCaller:
    """A client that speaks the handshake by hand."""

    def __init__(self, port: int, most: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = most
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
        try:
            self.sock = context.wrap_socket(plain)
        except BaseException:
            plain.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def record(self) -> list[Any]:
        return msgpack.unpackb(self.exactly(int.from_bytes(self.exactly(4), "big")))  # type: ignore[no-any-return]

    def say(self, record: list[Any]) -> None:
        body = msgpack.packb(record)
        self.sock.sendall(len(body).to_bytes(4, "big") + body)

    def exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            piece = self.sock.recv(size - len(found))
            if not piece:
                raise EOFError(found)
            found += piece
        return found

    def to_the_end(self) -> bytes:
        found = b""
        try:
            while piece := self.sock.recv(65536):
                found += piece
        except OSError:
            pass
        return found

    def prove(self, listener: NodeId, signer: Ed25519Signer) -> list[Any]:
        """Do the caller's part as it should be done, written down a second time here; return the answer given."""
        _, major, nonce, _network = self.record()
        mine = bytes.fromhex(signer.node_id)
        text = b"claynet caller proof\x00" + major.to_bytes(4, "big") + bytes.fromhex(listener) + nonce + mine + b"\x00\x00"
        answer = ["answer", 1, mine, signer.sign(text), 0]
        self.say(answer)
        assert self.record() == ["welcome", 1]
        return answer


class RawListener:
    """A server with any certificate, whose part is a function of the TLS socket."""

    def __init__(self, signer: Ed25519Signer, part: Callable[[ssl.SSLSocket], None]) -> None:
        self._context = listener_context(signer.tls_pem())
        self._part = part
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.trouble: list[BaseException] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._server.close()

    def _serve(self) -> None:
        try:
            plain, _ = self._server.accept()
            with plain:
                plain.settimeout(PATIENCE)
                with self._context.wrap_socket(plain, server_side=True) as sock:
                    self._part(sock)
        except OSError as error:
            self.trouble.append(error)
