"""A task's large input from a requestor to a provider: two live nodes against a plain TLS socket, each end in a process of its own.

Knows LiveNode, and how fetches and grants are told to a node. Must not know how blobs travel. Ours counts from the fetch until the input is
whole, verified and durable at the provider. `plain` sends the same file by one socket and writes it to a file, neither verified nor synced;
`sound` does both: what it takes to promise the same. `python -m bench.inputs CONTENDER SIZE` prints bytes a second.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pykka
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.figures import Figure, in_process, interleaved, rate
from claynet.actors.blob_names import Namer
from claynet.actors.config import NodeConfig
from claynet.actors.messages import BlobsFetched, FetchBlobs, Grant
from claynet.actors.ports import Address, Digest, FileRef, NodeId
from claynet.net.link.identity import Ed25519Signer
from claynet.net.link.tls import dialler_context, listener_context
from claynet.net.live import LiveNode

SIZE = 256 << 20
_PIECE = 1 << 20
_PATIENCE = 120.0
"""Seconds."""
_CIPHER = "TLS_AES_256_GCM_SHA384"
"""What two claynet nodes agree on; the plain sockets must have agreed on the same."""


class _Silent:
    """An EventSink."""

    def emit(self, kind: str, **fields: object) -> None:
        """Say nothing."""


class _Asker(pykka.Actor):
    """Hears how a fetch ended."""

    def __init__(self, done: Callable[[object], None]) -> None:
        super().__init__()
        self._done = done

    def on_receive(self, message: object) -> None:
        """Pass it on."""
        self._done(message)


def _node(folder: Path) -> LiveNode:
    return LiveNode(folder, NodeConfig(name=folder.name), lambda _folder, _blobs: {}, _Silent())


@contextlib.contextmanager
def _giver(who: str, file: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the giving end in a process of its own; it ends when its input does."""
    command = [sys.executable, "-m", "bench.inputs", who, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        try:
            yield child
        finally:
            child.stdin.close()
            child.wait()


def _words(child: subprocess.Popen[str]) -> list[str]:
    assert child.stdout is not None
    return child.stdout.readline().split()


# ---------------------------------------------------------------- ours


def give(file: Path) -> None:
    """Be the requestor: put the file, say where it is to be had, grant it to the node whose id comes in."""
    with _node(file.with_name("requestor")) as live:
        digest, _ = live.blobs.put_file(file)
        file.unlink()  # its memory is free for the other end's copy, as it is with the plain sockets
        print(live.port, live.node_id, digest, flush=True)
        provider = NodeId(sys.stdin.readline().strip())
        live.node.ports.system.tell(live.node.switchboard, Grant(provider, (digest,)))
        print("granted", flush=True)
        sys.stdin.read()


def ours(file: Path) -> float:
    """Be the provider: fetch it; return bytes a second."""
    size = file.stat().st_size
    with _giver("give", file) as child, _node(file.with_name("provider")) as live:
        port, requestor, digest = _words(child)
        assert child.stdin is not None
        print(live.node_id, file=child.stdin, flush=True)
        assert _words(child) == ["granted"]
        live.dial("127.0.0.1", int(port))
        ended = threading.Event()
        answers: list[object] = []

        def hear(message: object) -> None:
            answers.append(message)
            ended.set()

        asker = live.node.ports.system.spawn(_Asker, hear, address=Address("asker"))
        while not live.network.linked():
            time.sleep(0.01)
        fetch = FetchBlobs("fetch", NodeId(requestor), (FileRef("input", Digest(digest), size),), asker)
        begun = time.perf_counter()
        live.node.ports.system.tell(live.node.switchboard, fetch)
        ended.wait(_PATIENCE)
        taken = time.perf_counter() - begun
        assert answers == [BlobsFetched("fetch")], answers
        assert live.blobs.size(Digest(digest)) == size
    return size / taken


# ---------------------------------------------------------------- a plain socket


def send(file: Path) -> None:
    """Send the file to the one who calls."""
    context = listener_context(Ed25519Signer(Ed25519PrivateKey.generate()).tls_pem())
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        plain, _ = server.accept()
        with context.wrap_socket(plain, server_side=True) as sock, file.open("rb") as source:
            sock.recv(1)
            while data := source.read(_PIECE):
                sock.sendall(data)
            sys.stdin.read()


def plain(file: Path, hasher: Namer | None = None) -> float:
    """Receive it into a file, and with a hasher hash and sync it; return bytes a second."""
    size = file.stat().st_size
    with (
        _giver("send", file) as child,
        socket.create_connection(("127.0.0.1", int(_words(child)[0]))) as sock,
        dialler_context().wrap_socket(sock) as tls,
        file.with_name("received").open("xb", buffering=0) as target,
    ):
        assert (tls.cipher() or ("",))[0] == _CIPHER, tls.cipher()
        buffer = memoryview(bytearray(_PIECE))
        left = size
        begun = time.perf_counter()
        tls.sendall(b"g")
        while left:
            got = tls.recv_into(buffer)
            assert got, "the file ended early"
            left -= target.write(buffer[:got])
            if hasher is not None:
                hasher.update(buffer[:got])
        if hasher is not None:
            os.fsync(target.fileno())
        taken = time.perf_counter() - begun
    return size / taken


def sound(file: Path) -> float:
    """Receive it, hash it, sync it; return bytes a second."""
    return plain(file, Namer())


# ---------------------------------------------------------------- the figure


def measure() -> Sequence[Figure]:
    """Take both figures, from the same rounds."""
    contenders = {who: partial(in_process, "bench.inputs", who, str(SIZE)) for who in ("ours", "plain", "sound")}
    found = {who: value / 1e6 for who, value in interleaved(contenders).items()}
    unit = "MB a second of a 256 MiB input"
    return [
        rate("link.input_256MiB", found["ours"], found["plain"], "a plain TLS socket into a file, not verified, not synced", 0.6, unit),
        rate("link.input_256MiB.sound", found["ours"], found["sound"], "the same, verified and synced", 0.8, unit),
    ]


def _taken(take: Callable[[Path], float], size: int) -> float:
    with tempfile.TemporaryDirectory(prefix="inputs") as name:
        file = Path(name, "input")
        with file.open("xb") as target:
            for at in range(0, size, _PIECE):
                target.write(os.urandom(min(_PIECE, size - at)))
            target.flush()
            os.fsync(target.fileno())  # nothing of it is being written to disk while we measure
        return take(file)


if __name__ == "__main__":
    role, argument = sys.argv[1:]
    if role in ("give", "send"):
        {"give": give, "send": send}[role](Path(argument))
    else:
        print(_taken({"ours": ours, "plain": plain, "sound": sound}[role], int(argument)))
