"""TLS 1.3 over a blocking socket, or something like one, that one thread reads while another writes.

Knows sockets and ssl. Must not know node protocols. An SSL object of Python 3.11 must not be used by two threads at once,
and an SSLSocket gives no way to prevent that without blocking one on the other; so TLS runs in memory under a lock, and
only the plain socket calls, which may block, happen outside it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

_READ_SIZE = 256 * 1024


def listener_context(pem: bytes) -> ssl.SSLContext:
    """Return a TLS 1.3 context that shows the certificate and has the private key of `pem`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0  # no resumption: every link shows the certificate anew
    # ssl takes keys from files only; this one never touches a disk.
    number = os.memfd_create("claynet-tls", os.MFD_CLOEXEC)
    try:
        os.write(number, pem)
        context.load_cert_chain(f"/proc/self/fd/{number}")
    finally:
        os.close(number)
    return context


def dialler_context() -> ssl.SSLContext:
    """Return a TLS 1.3 context that accepts any certificate: the caller compares its key with the node id, no authority does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Conduit(Protocol):
    """What TLS runs over: a connected socket, or what behaves like one."""

    def recv(self, size: int, /) -> bytes:
        """Wait for bytes; empty at the end. Raises OSError."""

    def recv_into(self, buffer: memoryview, /) -> int:
        """The same into a buffer; return how many."""

    def send(self, data: memoryview, /) -> int:
        """Send some of it; return how many bytes. Raises OSError."""

    def settimeout(self, value: float, /) -> None:
        """Calls that take longer than that, in seconds, raise TimeoutError."""

    def shutdown(self, how: int, /) -> None:
        """End sending (SHUT_WR) or both directions (SHUT_RDWR)."""

    def getsockname(self) -> Any:
        """This side's address; its host comes first."""

    def close(self) -> None:
        """Give it back."""


class TlsStream:
    """One TLS connection. At most one thread receives and one sends; `abort` may come from any."""

    def __init__(self, sock: Conduit, context: ssl.SSLContext, *, server_side: bool) -> None:
        """Take over what is connected. Nothing is said before `handshake`."""
        self._sock = sock
        self._lock = threading.Lock()
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server_side)
        self._read_into: Callable[[int, memoryview], int] = self._tls.read  # type: ignore[assignment]  # the stubs know one form
        self._buffer = memoryview(bytearray(_READ_SIZE))
        self._cipher = memoryview(bytearray(_READ_SIZE))
        self._early = b""

    def handshake(self, deadline: int) -> None:
        """Do the TLS handshake. Raises OSError (TimeoutError past the monotonic nanosecond `deadline`)."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush(deadline)
                self._take(deadline)
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    self._flush(deadline)  # the alert that tells the other side
                raise
            else:
                self._flush(deadline)
                return

    def peer_certificate(self) -> bytes:
        """The other side's certificate (DER), whose key it has proven to hold; empty when it showed none."""
        return self._tls.getpeercert(binary_form=True) or b""

    @property
    def local_host(self) -> str:
        """This side's address. Raises OSError once it is closed."""
        return str(self._sock.getsockname()[0])

    def read_exactly(self, size: int, deadline: int) -> bytes:
        """Read `size` bytes; what came with them is kept. Raises OSError, TimeoutError past the deadline, EOFError at an end."""
        while len(self._early) < size:
            data = self._decrypt()
            if data is None:
                self._take(deadline)
            elif not data:
                raise EOFError("the connection was closed")
            else:
                self._early += data
        found, self._early = self._early[:size], self._early[size:]
        return found

    def send_before(self, data: bytes, deadline: int) -> None:
        """Send. Raises OSError, TimeoutError past the deadline."""
        self._send_all(self._encrypt(data), deadline)

    def set_timeout(self, timeout: int) -> None:
        """From now on a receive or send that makes no headway for `timeout` ns raises TimeoutError."""
        self._sock.settimeout(timeout / 1e9)

    def receive(self, deadline: int | None = None) -> bytes:
        """Wait for bytes; empty at the end of the stream. Raises OSError, TimeoutError past a deadline."""
        if self._early:
            found, self._early = self._early, b""
            return found
        while (data := self._decrypt()) is None:
            if deadline is not None:
                self._limit(deadline)
            got = self._sock.recv_into(self._cipher)
            with self._lock:
                if got:
                    self._incoming.write(self._cipher[:got])
                else:
                    self._incoming.write_eof()
        return data

    def send(self, *pieces: bytes | memoryview) -> None:
        """Send all of them. Raises OSError."""
        self._send_all(self._encrypt(*pieces))

    def finish(self) -> None:
        """Say that nothing more will be sent; receiving goes on."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def part(self, patience: int) -> None:
        """Finish, then read and forget for at most `patience` ns, so that the other side gets what was sent before; close."""
        self.finish()
        deadline = time.monotonic_ns() + patience
        with contextlib.suppress(OSError):
            while time.monotonic_ns() < deadline:
                self._limit(deadline)
                if not self._sock.recv(_READ_SIZE):
                    break
        self.close()

    def abort(self) -> None:
        """End both directions at once; threads inside `receive` and `send` come back."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the socket back. Only when no thread uses it any more."""
        self._sock.close()

    def _encrypt(self, *pieces: bytes | memoryview) -> bytes:
        with self._lock:
            for piece in pieces:
                self._tls.write(piece)
            return self._outgoing.read()

    def _decrypt(self) -> bytes | None:
        """Return what can be read without waiting, None when nothing can, empty at the end."""
        filled = 0
        with self._lock:
            while filled < _READ_SIZE:
                try:
                    got = self._read_into(_READ_SIZE - filled, self._buffer[filled:])
                except ssl.SSLWantReadError:
                    break
                except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                    got = 0
                if not got:
                    return bytes(self._buffer[:filled])
                filled += got
        return bytes(self._buffer[:filled]) if filled else None

    def _take(self, deadline: int) -> None:
        self._limit(deadline)
        cipher = self._sock.recv(_READ_SIZE)
        if not cipher:
            raise EOFError("the connection was closed")
        self._incoming.write(cipher)

    def _flush(self, deadline: int) -> None:
        self._send_all(self._outgoing.read(), deadline)

    def _send_all(self, cipher: bytes, deadline: int | None = None) -> None:
        # Not the socket's own sendall: its timeout is for all of it together, so it would cut who reads slowly but all the time.
        left = memoryview(cipher)
        while left:
            if deadline is not None:
                self._limit(deadline)
            left = left[self._sock.send(left) :]

    def _limit(self, deadline: int) -> None:
        left = deadline - time.monotonic_ns()
        if left <= 0:
            raise TimeoutError("too slow")
        self._sock.settimeout(left / 1e9)
