"""A TLS connection whose other side reads slowly: whoever reads at all is waited for."""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import Any

import pytest

from claynet.actors.ports import SECOND
from claynet.net.link.tls import TlsStream, dialler_context, listener_context
from tests.net.conftest import PATIENCE
from tests.net.p2p_nodes import new_signer


class Slow:
    """A socket that takes so many bytes within its timeout, and no more."""

    def __init__(self, sock: socket.socket, within: int) -> None:
        self._sock = sock
        self._within = within

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def send(self, data: memoryview) -> int:
        if not self._within:
            raise TimeoutError("timed out")
        return self._sock.send(data[: self._within])

    def sendall(self, data: bytes) -> None:
        if len(data) > self._within:
            raise TimeoutError("timed out")
        self._sock.sendall(data)

    def stop(self) -> None:
        self._within = 0


def connected(within: int) -> tuple[Slow, TlsStream, TlsStream]:
    one, other = socket.socketpair()
    slow = Slow(one, within)
    sender = TlsStream(slow, dialler_context(), server_side=False)
    reader = TlsStream(other, listener_context(new_signer().tls_pem()), server_side=True)
    deadline = time.monotonic_ns() + int(PATIENCE * SECOND)
    thread = threading.Thread(target=reader.handshake, args=(deadline,))
    thread.start()
    sender.handshake(deadline)
    thread.join()
    return slow, sender, reader


def test_each_bit_of_headway_counts() -> None:
    slow, sender, reader = connected(1000)
    data = os.urandom(200_000)
    received = bytearray()

    def read() -> None:
        while piece := reader.receive():
            received.extend(piece)

    thread = threading.Thread(target=read)
    thread.start()
    sender.set_timeout(int(PATIENCE * SECOND))
    sender.send(data[:150_000], data[150_000:])
    sender.finish()
    thread.join()
    assert bytes(received) == data
    for stream in (sender, reader):
        stream.close()
    assert slow.fileno() == -1


def test_who_reads_nothing_is_given_up_and_a_deadline_is_for_all_of_it() -> None:
    slow, sender, reader = connected(1000)
    with pytest.raises(TimeoutError, match="too slow"):
        sender.send_before(b"x" * 10, time.monotonic_ns())
    slow.stop()
    with pytest.raises(TimeoutError, match="timed out"):
        sender.send(b"x" * 200_000)
    for stream in (sender, reader):
        stream.close()
