"""One link to one peer: a reader, a writer, and the messages that come of them.

Knows the outer framing and the ActorSystem port. Must not know how the connection was made, nor what link bytes mean.
The reader is the thread that calls `serve`; the writer is a thread of its own, so that a peer that does not read never
holds up an actor.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from claynet.actors.ports import SECOND, ActorSystem, Address, LinkBytes, LinkDown, LinkId, NodeId
from claynet.net.link.access import plain_host
from claynet.net.link.introduce import describe
from claynet.net.link.outer import ANNOUNCE, GOODBYE, KEEP_ALIVE, LINK, MEET, PEERS, OuterError, OuterReader, link_frame, outer_frame
from claynet.net.link.places import Way
from claynet.net.link.running import start_thread
from claynet.net.link.tls import TlsStream

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class P2PLimits:
    """Times in ns, sizes in bytes."""

    dial: int = 10 * SECOND
    """To make a TCP connection."""
    handshake: int = 10 * SECOND
    """TLS and handshake together."""
    keep_alive: int = 15 * SECOND
    """After so long without sending, a sign of life is sent."""
    dead_after: int = 45 * SECOND
    """A peer that says nothing, or reads nothing that is being sent, for so long is given up."""
    linger: int = 5 * SECOND
    """How long a closed link waits for the peer to have read all."""
    queued: int = 64 << 20
    """Waiting to be sent; past it the link is cut."""
    kept: int = 4 << 20
    """Received before anybody attached; past it the reader waits."""
    unproven: int = 64
    """Connections whose caller has not proven its id yet."""
    unproven_of_one: int = 32
    """The same from one address (of IPv6: from one /64); further ones are hung up on."""
    slow: int = 1 * SECOND
    """When there are `unproven`, the oldest is hung up on if it takes longer than that."""
    links: int = 1024
    links_of_one: int = 128
    """Links that come from one address."""
    links_of_peer: int = 8
    backlog: int = 64
    """Messages of at most 256 KiB that may wait for the actor of a link; the reader waits then, and TCP slows the peer down."""
    announcements: int = 50
    """Of one link, each second in the long run; more are dropped. As much again for each of the other kinds that go to everybody."""
    announcements_at_once: int = 500


_BATCH = 256 * 1024
_ANNOUNCE_QUEUE = 1 << 20  # a busier link than this does without announcements: they promise nothing
_FEW = 4
_LAST_WORDS = 1 * SECOND
_LOOK = 0.002
"""Seconds between two looks at whether a busy actor has caught up."""


class _State(Enum):
    OPEN = "open"
    CLOSING = "closing"  # by our own close: what is queued still goes out
    ENDED = "ended"


class PeerLink:
    """One end of a link. `serve` runs it; the other methods may come from any thread and never block for long."""

    def __init__(
        self,
        link: LinkId,
        peer: NodeId,
        way: Way,
        incoming: bool,
        stream: TlsStream,
        system: ActorSystem,
        limits: P2PLimits,
        announced: Callable[[bytes], None],
        told: Callable[[PeerLink, int, bytes], None],
        backlog: Callable[[Address], int],
    ) -> None:
        """`way` is how it is reached, `incoming` whether it called; `announced` hears announcements, `told` frames of PEERS and MEET;
        `backlog` says how many messages wait for an actor.
        """
        self.link = link
        self.peer = peer
        self.way = way
        self.host = way.place[0]
        self.local_host = plain_host(stream.local_host)
        self.incoming = incoming
        self.where = str(way)
        self._stream = stream
        self._system = system
        self._limits = limits
        self._announced = announced
        self._told = told
        self._backlog = backlog
        self._allowances = {kind: (float(limits.announcements_at_once), time.monotonic_ns()) for kind in (ANNOUNCE, PEERS, MEET)}
        """What is left of each, and when that was. Each has its own: what a peer tells of others must not silence the peer itself."""
        self.ignored = 0
        self._condition = threading.Condition()
        self._state = _State.OPEN
        self._address: Address | None = None
        self._kept: list[LinkBytes | LinkDown] = []
        self._kept_size = 0
        self._queue: deque[bytes | memoryview] = deque()
        self._queued = 0
        self._cut_reason = ""
        self._last_words = ""
        self._ended = threading.Event()

    def attach(self, address: Address) -> bool:
        """Send what comes to `address`, first what was kept; tell whether the link has ended already."""
        with self._condition:
            self._address = address
            for message in self._kept:
                self._system.tell(address, message)
            self._kept.clear()
            self._kept_size = 0
            self._condition.notify_all()
            return self._state is _State.ENDED

    @property
    def is_open(self) -> bool:
        """Whether anything may be sent on it still."""
        with self._condition:
            return self._state is _State.OPEN

    @property
    def forgettable(self) -> bool:
        """Whether the link has ended and nothing of it is kept for anybody."""
        with self._condition:
            return self._state is _State.ENDED and not self._kept

    @property
    def queued(self) -> int:
        """Bytes that wait to be sent; 0 when it has ended."""
        with self._condition:
            return 0 if self._state is _State.ENDED else self._queued

    def send(self, data: bytes) -> None:
        """Queue link bytes. Past the bound the link is cut; on one that is not open they are dropped."""
        pieces = link_frame(data)
        with self._condition:
            if self._state is not _State.OPEN or self._cut_reason:
                return
            if self._queued + len(data) <= self._limits.queued:
                self._enqueue(pieces)
                return
            self._cut_reason = f"{self.where}: does not read: {self._queued} bytes wait to be sent"
            self._queue.clear()
            self._condition.notify_all()
        self._stream.abort()

    def send_announcement(self, frame: bytes) -> None:
        """Queue an announcement's outer frame, unless the link is busy or not open."""
        with self._condition:
            if self._state is _State.OPEN and not self._cut_reason and self._queued <= _ANNOUNCE_QUEUE:
                self._enqueue((frame,))

    def close(self) -> None:
        """Send what is queued, then end; no message comes from this link any more. Idempotent."""
        with self._condition:
            if self._state is _State.OPEN:
                self._state = _State.CLOSING
            self._kept.clear()
            self._kept_size = 0
            self._condition.notify_all()

    def abort(self) -> None:
        """End at once."""
        self._stream.abort()

    def serve(self) -> None:
        """Carry the link until its end."""
        writer = threading.Thread(target=self._write, name=f"{threading.current_thread().name}-writer", daemon=True)
        try:
            self._stream.set_timeout(self._limits.dead_after)
            start_thread(writer)
            reason = self._read()
        except OSError as error:
            reason = f"{self.where}: the link could not begin ({describe(error)})"
        except Exception:  # whatever it was, whoever has the link hears of its end, and nothing of it is left
            logger.exception("%s: a link failed", self.where)
            reason = f"{self.where}: this node failed"
        self._end(reason)
        if writer.ident is not None:
            # The writer may be deep in a send to a peer that does not read.
            writer.join(2 * _LAST_WORDS / 1e9)
            self._stream.abort()
            writer.join()
        self._stream.abort()
        self._stream.close()

    def _read(self) -> str:
        """Receive until the end; return its reason."""
        reader = OuterReader()
        try:
            while data := self._stream.receive():
                for kind, payload in reader.feed(data):
                    if kind == LINK:
                        self._deliver(payload)
                    elif kind == ANNOUNCE and self._may_be_heard(kind):
                        self._announced(bytes(payload))
                    elif kind in (PEERS, MEET) and self._may_be_heard(kind):
                        self._told(self, kind, bytes(payload))
                    elif kind == GOODBYE:
                        text = " ".join(bytes(payload).decode("utf-8", "replace").split())
                        return f"{self.where}: closed by the peer" + (f": {text}" if text else "")
        except TimeoutError:
            return f"{self.where}: no sign of life for {self._limits.dead_after / SECOND:g} s"
        except OuterError as error:
            self._last_words = str(error)
            return f"{self.where}: {error}"
        except OSError as error:
            return f"{self.where}: the connection broke ({describe(error)})"
        return f"{self.where}: the connection was lost"

    def _may_be_heard(self, kind: int) -> bool:
        """Tell whether a peer that speaks to everybody is within its allowance; what is beyond is dropped."""
        now = time.monotonic_ns()
        left, since = self._allowances[kind]
        left = min(left + (now - since) * self._limits.announcements / SECOND, self._limits.announcements_at_once)
        is_allowed = left >= 1
        self._allowances[kind] = (left - 1 if is_allowed else left, now)
        self.ignored += not is_allowed
        return is_allowed

    def _deliver(self, data: bytes | memoryview) -> None:
        with self._condition:
            # Nobody attached yet, or its actor is busy: let TCP slow the peer down instead of filling memory.
            while self._state is _State.OPEN and not self._cut_reason and self._is_full():
                self._condition.wait(None if self._address is None else _LOOK)
            if self._state is _State.OPEN:
                if self._address is None:
                    self._kept_size += len(data)
                self._out(LinkBytes(self.link, data))

    def _is_full(self) -> bool:
        if self._address is None:
            return self._kept_size > self._limits.kept
        return self._backlog(self._address) >= self._limits.backlog

    def _out(self, message: LinkBytes | LinkDown) -> None:
        if self._address is None:
            self._kept.append(message)
        else:
            self._system.tell(self._address, message)

    def _end(self, reason: str) -> None:
        with self._condition:
            if self._state is _State.OPEN:
                self._out(LinkDown(self.link, self._cut_reason or reason))
            self._state = _State.ENDED
            self._queue.clear()
            self._condition.notify_all()
        self._ended.set()

    def _enqueue(self, pieces: Sequence[bytes | memoryview]) -> None:
        self._queue.extend(pieces)
        self._queued += sum(map(len, pieces))
        self._condition.notify_all()

    def _write(self) -> None:
        try:
            more = True
            while more:
                batch, more = self._next_batch()
                self._stream.send(*batch)
                with self._condition:
                    self._queued -= sum(map(len, batch)) if more else 0
            self._stream.finish()
        except OSError as error:
            with self._condition:
                if not self._cut_reason and not isinstance(error, TimeoutError):
                    self._cut_reason = f"{self.where}: the connection broke ({describe(error)})"
                elif not self._cut_reason:
                    self._cut_reason = f"{self.where}: did not read for {self._limits.dead_after / SECOND:g} s"
                self._condition.notify_all()
            self._stream.abort()
        # The peer answers the end of our stream with the end of its own; do not wait for ever.
        if not self._ended.wait(self._limits.linger / 1e9):
            self._stream.abort()

    def _next_batch(self) -> tuple[Sequence[bytes | memoryview], bool]:
        """Wait for something to send; return it, and whether more may follow."""
        with self._condition:
            while not self._queue and self._state is _State.OPEN:
                if not self._condition.wait(self._limits.keep_alive / 1e9):
                    self._enqueue((outer_frame(KEEP_ALIVE),))
            if self._state is _State.ENDED:
                self._stream.set_timeout(_LAST_WORDS)
                return (outer_frame(GOODBYE, self._last_words.encode()[:500]),), False
            if not self._queue:
                return (outer_frame(GOODBYE),), False
            batch = []
            room = _BATCH
            while self._queue and room:
                piece = self._queue.popleft()
                if len(piece) > room:
                    self._queue.appendleft(memoryview(piece)[room:])
                    piece = memoryview(piece)[:room]
                batch.append(piece)
                room -= len(piece)
        # Small ones share their TLS records; a long one is not copied for the sake of its few neighbours.
        return batch if len(batch) <= _FEW else (b"".join(batch),), True
