"""The threads of one network and the connections that they are making: all of them end with it.

Knows threads and sockets. Must not know what a thread does, nor what is said on a connection.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import time
from collections.abc import Callable, Iterator

from claynet.net.link.handshake import HandshakeError


class Running:
    """What runs for one network. Its condition guards the network's own state too."""

    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.closed = False
        self._opening: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()

    def start(self, target: Callable[[], object], name: str) -> None:
        """Run something in a thread of its own. Raises OSError where the system has no room for another."""

        def run() -> None:
            try:
                target()
            finally:
                with self.condition:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=run, name=name, daemon=True)
        with self.condition:  # `join` never meets one that has not begun
            self._threads.add(thread)
            try:
                start_thread(thread)
            except OSError:
                self._threads.discard(thread)
                raise

    @contextlib.contextmanager
    def breakable(self, sock: socket.socket) -> Iterator[None]:
        """Have a socket broken by `close` while it is in use here; after an error it is closed. Raises HandshakeError when too late."""
        with self.condition:
            if self.closed:
                sock.close()
                raise HandshakeError("the network is shut down")
            self._opening.add(sock)
        try:
            yield
        except BaseException:
            sock.close()
            raise
        finally:
            with self.condition:
                self._opening.discard(sock)

    def close(self) -> None:
        """Break what is being made; whoever waits for the condition looks again."""
        with self.condition:
            self.closed = True
            for sock in self._opening:
                break_off(sock)
            self.condition.notify_all()

    def join(self, deadline: int) -> None:
        """Wait for the threads, at most until the monotonic nanosecond `deadline`."""
        while time.monotonic_ns() < deadline:
            with self.condition:
                thread = next((thread for thread in self._threads if thread is not threading.current_thread()), None)
            if thread is None:
                return
            thread.join(max(0.0, (deadline - time.monotonic_ns()) / 1e9))


def start_thread(thread: threading.Thread) -> None:
    """Start it. Raises OSError where the system has no room for another, which passes: as when it is out of file descriptors."""
    try:
        thread.start()
    except RuntimeError as error:
        raise OSError(errno.EAGAIN, str(error)) from error


def break_off(sock: socket.socket) -> None:
    """End both directions of a socket; threads that wait for it come back."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
