"""Where a node is called: the listening socket, and how many callers it hears at once who have proven nothing yet.

Knows connections and who calls from where. Must not know what a caller is asked, nor what becomes of it.
"""

from __future__ import annotations

import functools
import logging
import socket
import time
from collections import deque
from collections.abc import Callable

from claynet.net.link.access import origin_of, plain_host
from claynet.net.link.gate import Gate
from claynet.net.link.handshake import CrossedError, HandshakeError
from claynet.net.link.introduce import describe
from claynet.net.link.peer_link import P2PLimits
from claynet.net.link.places import Place, where_is
from claynet.net.link.running import Running, break_off

logger = logging.getLogger(__name__)

_REFUSALS_KEPT = 100
_LOOK = 0.05
"""Seconds between two looks at how slow callers are."""

Hear = Callable[[socket.socket, Place], Callable[[], None]]
"""Introduces a caller and returns what to do with it then. Raises HandshakeError, OSError for one that is not let in."""


class Door:
    """The listening socket of one network. Holds it from its making on."""

    def __init__(self, host: str, port: int, limits: P2PLimits, gate: Gate, running: Running) -> None:
        """Listen at `host` and `port` (0: one is chosen). Callers wait in the system's queue until `open`. Raises OSError."""
        self._limits = limits
        self._gate = gate
        self._running = running
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # "::" is for everybody, as the settings say: for those who call by IPv4 too.
        is_for_both = ":" in host and not host.strip("0:") and socket.has_dualstack_ipv6()
        self._socket = socket.create_server((host, port), family=family, backlog=128, dualstack_ipv6=is_for_both)
        self.port: int = self._socket.getsockname()[1]
        self._callers: dict[socket.socket, tuple[str, int]] = {}
        """Callers that have not proven their id: where each calls from, and since when."""
        self._turned_away = 0
        self._refusals: deque[str] = deque(maxlen=_REFUSALS_KEPT)

    @property
    def turned_away(self) -> int:
        """Callers that were hung up on unheard: too many from one address, too slow, or from one that is blocked."""
        with self._running.condition:
            return self._turned_away

    def refusals(self) -> list[str]:
        """Why the latest callers were not let in, a line each, oldest first."""
        with self._running.condition:
            return list(self._refusals)

    def open(self, hear: Hear) -> None:
        """Let callers in from now on."""
        self._running.start(functools.partial(self._accept, hear), f"p2p-{self.port}-accept")

    def shut(self) -> None:
        """Let nobody in any more."""
        break_off(self._socket)  # wakes the accepting thread, as closing would not

    def close(self) -> None:
        """Give the port back. Only when no thread uses it any more."""
        self._socket.close()

    def note(self, where: str, error: HandshakeError | OSError) -> None:
        """Keep why somebody was not let in."""
        if isinstance(error, CrossedError):
            return  # the two are linked all the same
        text = error.reason if isinstance(error, HandshakeError) else describe(error)
        logger.info("caller %s is not let in: %s", where, text)
        with self._running.condition:
            self._refusals.append(f"{where}: {text}")
            self._running.condition.notify_all()

    def _accept(self, hear: Hear) -> None:
        running = self._running
        while True:
            with running.condition:
                # Over the bound callers wait in the system's queue, so that a burst of honest ones is not sent away; slow ones make room.
                while len(self._callers) >= self._limits.unproven and not running.closed:
                    self._hang_up_on_the_slowest()
                    running.condition.wait(_LOOK)
                if running.closed:
                    return
            try:
                self._admit(*self._socket.accept(), hear)
            except OSError as error:
                with running.condition:
                    if not running.closed:
                        logger.warning("port %d: a caller could not be taken (%s)", self.port, describe(error))
                        running.condition.wait(0.1)  # out of file descriptors or threads, as a rule: do not spin

    def _admit(self, sock: socket.socket, address: tuple[str, int], hear: Hear) -> None:
        """Hear a caller in a thread of its own, unless it is hung up on. Raises OSError where there is no room for that thread."""
        place = plain_host(address[0]), address[1]
        origin = origin_of(place[0])
        refusal = self._gate.refusal_of_host(place[0])
        with self._running.condition:
            if refusal or sum(origin == other for other, _ in self._callers.values()) >= self._limits.unproven_of_one:
                self._turned_away += 1
                sock.close()
                return
            self._callers[sock] = (origin, time.monotonic_ns())
        try:
            self._running.start(functools.partial(self._take, sock, place, hear), f"p2p-{self.port}-from-{place[1]}")
        except OSError:
            with self._running.condition:
                del self._callers[sock]
            sock.close()
            raise

    def _take(self, sock: socket.socket, place: Place, hear: Hear) -> None:
        try:
            with self._running.breakable(sock):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                then = hear(sock, place)
        except (HandshakeError, OSError) as error:
            self.note(where_is(place), error)
            return
        finally:
            with self._running.condition:
                self._callers.pop(sock, None)
                self._running.condition.notify_all()
        then()

    def _hang_up_on_the_slowest(self) -> None:
        sock, (_, since) = min(self._callers.items(), key=lambda one: one[1][1])
        if time.monotonic_ns() - since > self._limits.slow:
            self._turned_away += 1
            break_off(sock)
