"""The link between two nodes against plain TLS on asyncio: small messages with the same framing, and one large input.

Knows P2PNetwork and asyncio's streams. Must not know what links carry. Both ends of each contender are in one process: they would share
a machine's two processors anyhow. `python -m bench.link CONTENDER SIZE COUNT` prints bytes a second.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import pykka
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.figures import Figure, in_process, interleaved, rate
from claynet.actors.ports import Address, LinkBytes, LinkUp
from claynet.net.link.identity import Ed25519Signer
from claynet.net.link.outer import LINK, OuterReader, outer_frame
from claynet.net.link.p2p import P2PNetwork
from claynet.net.link.tls import dialler_context, listener_context
from claynet.net.threads.threads_system import ThreadsSystem

SMALL = 200
"""Bytes of a small message, about those of a report."""
MESSAGES = 100_000
LARGE = 256 << 20
_PIECE = 256 << 10
_WINDOW = 32 << 20
"""Bytes that the sender keeps under way: a session asks for the pieces of a blob, and is never further ahead than that."""


class _Counter(pykka.Actor):
    """Counts bytes that come by a link."""

    def __init__(self, up: Callable[[LinkUp], None], counted: Callable[[int], None]) -> None:
        super().__init__()
        self._up = up
        self._counted = counted

    def on_receive(self, message: object) -> None:
        """Count."""
        if isinstance(message, LinkUp):
            self._up(message)
        elif isinstance(message, LinkBytes):
            self._counted(len(message.data))


class _Pair:
    """Two networks with a link between them."""

    def __init__(self) -> None:
        self.system = ThreadsSystem()
        self.changed = threading.Condition()
        self.arrived = 0
        self._ups: dict[str, LinkUp] = {}
        self.networks = {}
        for name in ("a", "b"):
            self.system.spawn(_Counter, partial(self._up, name), self._counted, address=Address(name))
            self.networks[name] = P2PNetwork(self.system, Ed25519Signer(Ed25519PrivateKey.generate()))
            self.networks[name].listen(Address(name))
        self.networks["a"].dial("127.0.0.1", self.networks["b"].port)
        with self.changed:
            self.changed.wait_for(lambda: len(self._ups) == 2)
        self.networks["b"].attach(self._ups["b"].link, Address("b"))

    def _up(self, name: str, message: LinkUp) -> None:
        with self.changed:
            self._ups[name] = message
            self.changed.notify_all()

    def _counted(self, size: int) -> None:
        with self.changed:
            self.arrived += size
            self.changed.notify_all()

    def send(self, data: bytes) -> None:
        self.networks["a"].send(self._ups["a"].link, data)

    def wait_for(self, arrived: int) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.arrived >= arrived)

    def close(self) -> None:
        for network in self.networks.values():
            network.shutdown()
        self.system.shutdown()


def ours(size: int, count: int) -> float:
    """Return bytes a second."""
    pair, data = _Pair(), b"x" * size
    begun = time.perf_counter()
    sent = 0
    for _ in range(count):
        pair.send(data)
        sent += size
        if sent - pair.arrived > _WINDOW:
            pair.wait_for(sent - _WINDOW // 2)
    pair.wait_for(sent)
    taken = time.perf_counter() - begun
    pair.close()
    return size * count / taken


class _Sink(asyncio.Protocol):
    """Counts payloads of frames."""

    def __init__(self, wanted: int, done: asyncio.Event) -> None:
        self._reader = OuterReader()
        self._wanted = wanted
        self._done = done

    def data_received(self, data: bytes) -> None:
        """Count."""
        for _, payload in self._reader.feed(data):
            self._wanted -= len(payload)
        if self._wanted <= 0:
            self._done.set()


async def _plain(size: int, count: int) -> float:
    """The same frames over asyncio's TLS streams, written as they come and drained as asyncio wants it."""
    signer = Ed25519Signer(Ed25519PrivateKey.generate())
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    server_tls: ssl.SSLContext = listener_context(signer.tls_pem())
    server = await loop.create_server(lambda: _Sink(size * count, done), "127.0.0.1", 0, ssl=server_tls)
    port = server.sockets[0].getsockname()[1]
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=dialler_context(), server_hostname="")
    data = b"x" * size
    begun = time.perf_counter()
    for _ in range(count):
        writer.write(outer_frame(LINK, data))
        await writer.drain()
    await done.wait()
    taken = time.perf_counter() - begun
    writer.transport.abort()
    server.close()
    return size * count / taken


def _measure(name: str, size: int, count: int, scale: float, peer_name: str, goal: float, unit: str) -> Figure:
    contenders = {who: partial(in_process, "bench.link", who, str(size), str(count)) for who in ("ours", "plain")}
    found = interleaved(contenders, 3)
    return rate(name, found["ours"] / scale, found["plain"] / scale, peer_name, goal, unit)


def measure_small() -> Sequence[Figure]:
    """Small messages."""
    return [_measure("link.small", SMALL, MESSAGES, SMALL, "asyncio TLS, same framing", 0.5, f"messages of {SMALL} bytes a second")]


def measure_large() -> Sequence[Figure]:
    """One large input, in the pieces in which blobs travel."""
    return [_measure("link.large", _PIECE, LARGE // _PIECE, 1e6, "asyncio TLS, same framing", 0.6, "MB a second of 256 MiB")]


if __name__ == "__main__":
    who, size, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(ours(size, count) if who == "ours" else asyncio.run(_plain(size, count)))
