"""A connection to a relay, used as if it were a socket to the node at its other side: what TLS between the two nodes runs over.

Knows the outer framing and a TlsStream to the relay. Must not know who is met, nor what the bytes are. They travel in LINK frames; with a
GOODBYE the relay says why it ends the splice.
"""

from __future__ import annotations

import socket
import time
from typing import Any

from claynet.net.link.outer import GOODBYE, LINK, OuterError, OuterReader, outer_frame
from claynet.net.link.tls import TlsStream

_PIECE = 256 * 1024


class RelayedSocket:
    """A `tls.Conduit` over a stream that a relay has spliced. One thread may receive while another sends."""

    def __init__(self, stream: TlsStream) -> None:
        self._stream = stream
        self._reader = OuterReader()
        self._left = memoryview(b"")
        self._over = ""
        self._timeout: float | None = None

    def recv(self, size: int) -> bytes:
        """Wait for bytes; empty at the end. Raises OSError, which tells what the relay said when it ended the splice."""
        deadline = None if self._timeout is None else time.monotonic_ns() + int(self._timeout * 1e9)
        while not self._left:
            if self._over:
                raise ConnectionAbortedError(self._over)
            data = self._stream.receive(deadline)
            if not data:
                return b""
            self._take(data)
        found, self._left = self._left[:size], self._left[size:]
        return bytes(found)

    def recv_into(self, buffer: memoryview) -> int:
        """The same into a buffer; return how many."""
        found = self.recv(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def send(self, data: memoryview) -> int:
        """Send some of it; return how many bytes. Raises OSError."""
        piece = data[:_PIECE]
        self._stream.send(outer_frame(LINK, bytes(piece)))
        return len(piece)

    def settimeout(self, value: float) -> None:
        """Calls that take longer than that, in seconds, raise TimeoutError."""
        self._timeout = value
        self._stream.set_timeout(int(value * 1e9))

    def shutdown(self, how: int) -> None:
        """End sending, or both directions."""
        if how == socket.SHUT_WR:
            self._stream.finish()
        else:
            self._stream.abort()

    def getsockname(self) -> Any:
        """This side's address at the relay."""
        return (self._stream.local_host, 0)

    def close(self) -> None:
        """Give the connection back."""
        self._stream.close()

    def _take(self, data: bytes) -> None:
        try:
            frames = self._reader.feed(data)
        except OuterError as error:
            raise ConnectionAbortedError(f"the relay broke the framing: {error}") from None
        for kind, payload in frames:
            if kind == LINK:
                self._left = memoryview(b"".join((self._left, payload))) if self._left else memoryview(payload)
            elif kind == GOODBYE and not self._over:
                said = " ".join(bytes(payload).decode("utf-8", "replace").split())
                self._over = f"the relay ended it: {said or 'it gave no reason'}"
