"""A relay: two nodes that nobody can call meet here, and their bytes are passed on, as many and as fast as the operator lends.

Knows calls that have proven who they are, the errands they come on, and bounds. Must not know links, nor what it passes on: that is TLS
between the two. Each pair has two threads, those of its calls. Each reads from one side and writes to the other, and reads no more before
that is written: so a side that does not read slows the other down, and one buffer a direction is all the memory a pair takes.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from claynet.actors.ports import SECOND, NodeId
from claynet.net.link import relay_records
from claynet.net.link.access import origin_of
from claynet.net.link.allowance import Hourly, Pace
from claynet.net.link.handshake import HandshakeError
from claynet.net.link.introduce import describe, splice, turn_away
from claynet.net.link.outer import GOODBYE, LINK, OuterError, OuterReader, link_frame, outer_frame
from claynet.net.link.relay_records import TOKEN_SIZE, Come, Errand, Meet, Wanted
from claynet.net.link.tls import TlsStream

_LAST_WORDS = 1 * SECOND
_QUIET = 30 * SECOND
"""Who asked and said nothing for so long may have lost its call without the relay's knowing: links give a sign of life twice as often."""
_HUNG_UP = -_QUIET
_PIECE = 256 * 1024
"""Bytes that are read at once, at most."""


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """What a relay lends. Times in ns, sizes in bytes."""

    pairs: int = 8
    """At once."""
    rate: int = 1 << 20
    """Of one pair, each second, both directions together."""
    hourly: int = 1 << 30
    """Of all pairs in any hour."""
    idle: int = 120 * SECOND
    """A pair on which nothing moves for so long is ended."""
    meet: int = 5 * SECOND
    """How long one waits for the other."""
    waiting: int = 16
    """Who wait for another, at once."""
    of_one: int = 4
    """Pairs that one node may have asked for."""
    of_one_address: int = 6
    """The same from one address (of IPv6: from one /64)."""


@dataclass(frozen=True, slots=True)
class RelayCounts:
    """What a relay has done since it began."""

    serves: bool = False
    pairs: int = 0
    """Now."""
    pairs_in_all: int = 0
    carried: int = 0
    """Bytes."""
    carried_in_hour: int = 0


@dataclass(eq=False, slots=True)
class _Side:
    """One of a pair, and its call."""

    node: NodeId
    host: str
    stream: TlsStream
    speaking: threading.Lock = field(default_factory=threading.Lock)
    """Held while something is sent to it."""
    is_told: bool = False
    """That it is spliced: what it hears from now on are frames."""
    is_parted: bool = False
    """It has heard a goodbye."""


@dataclass(eq=False, slots=True)
class _Pair:
    asker: _Side
    wanted: NodeId
    pace: Pace
    heard: int
    """When the asker last said anything; `_HUNG_UP`: it has."""
    guest: _Side | None = None
    refusal: str = ""
    why: str = ""
    """Why it was ended from here."""
    over: threading.Event = field(default_factory=threading.Event)
    """It was ended from here."""
    ended: threading.Event = field(default_factory=threading.Event)
    """Nothing passes any more, in either direction."""
    moved: int = 0
    running: int = 0

    def sides(self) -> tuple[_Side, ...]:
        return (self.asker,) if self.guest is None else (self.asker, self.guest)


class Relay:
    """The relay of one node. Every method may be called from any thread; `serve` returns when the caller's part is over."""

    def __init__(
        self, limits: RelayLimits | None, ask: Callable[[NodeId, bytes], bool], start: Callable[[Callable[[], object], str], None]
    ) -> None:
        """`limits` None: it relays for nobody. `ask` sends a MEET frame's payload over the link to a node; False: there is no link.

        `start` runs something in a thread of a name.
        """
        self._limits = limits
        self._ask = ask
        self._start = start
        self._condition = threading.Condition()
        self._waiting: dict[bytes, _Pair] = {}
        self._pairs: set[_Pair] = set()
        self._hourly = Hourly(limits.hourly if limits else 0)
        self._pairs_in_all = 0
        self._carried = 0
        self._closed = False

    @property
    def serves(self) -> bool:
        """Whether it relays for anybody."""
        return self._limits is not None

    def counts(self) -> RelayCounts:
        """Return what it has done."""
        with self._condition:
            hour = self._hourly.used(time.monotonic_ns())
            return RelayCounts(self.serves, len(self._pairs), self._pairs_in_all, self._carried, hour)

    def serve(self, stream: TlsStream, node: NodeId, host: str, errand: Errand | None) -> None:
        """Do what a caller wants who has proven that it is `node`. Raises HandshakeError when it is not to be done; the caller is told."""
        side = _Side(node, host, stream)
        try:
            if self._limits is None:
                raise HandshakeError("this node relays for nobody (relay.serve is off)")
            if isinstance(errand, Meet):
                pair = self._meet(side, NodeId(errand.node.hex()), self._limits)
            elif isinstance(errand, Come):
                pair = self._come(side, errand.token, self._limits)
            else:
                raise HandshakeError("this node does not know that errand")
            self._tell(pair, side, self._limits)
            self._carry(pair, side, self._limits)
        except HandshakeError as error:
            if not side.is_told:
                turn_away(stream, error)
            raise
        finally:
            stream.close()

    def declined(self, node: NodeId, token: bytes, reason: str) -> None:
        """A node that was asked does not come."""
        with self._condition:
            pair = self._waiting.get(token)
            if pair is not None and pair.wanted == node:
                pair.refusal = f"node {node[:12]} does not come: {' '.join(reason.split())}"
                self._condition.notify_all()

    def part_with(self, refusal: Callable[[NodeId, str], str]) -> None:
        """End the pairs of whomever this node deals with no more."""
        with self._condition:
            pairs = [*self._pairs, *self._waiting.values()]
        for pair in pairs:
            if any(refusal(side.node, side.host) for side in pair.sides()):
                self._end(pair, "one of the two is blocked at the relay")

    def close(self) -> None:
        """End all pairs, with a word."""
        with self._condition:
            self._closed = True
            pairs = [*self._pairs, *self._waiting.values()]
            self._condition.notify_all()
        for pair in pairs:
            self._end(pair, "the relay stops")

    def abort(self) -> None:
        """End all pairs at once."""
        with self._condition:
            self._closed = True
            pairs = [*self._pairs, *self._waiting.values()]
            self._condition.notify_all()
        for pair in pairs:
            for side in pair.sides():
                side.stream.abort()

    # -------------------------------------------------------- meeting

    def _meet(self, asker: _Side, wanted: NodeId, limits: RelayLimits) -> _Pair:
        """Ask for a node and wait until it has come."""
        token = secrets.token_bytes(TOKEN_SIZE)
        now = time.monotonic_ns()
        pair = _Pair(asker, wanted, Pace(limits.rate), now)
        deadline = now + limits.meet
        with self._condition:
            refusal = self._refusal(asker, wanted, limits, now)
            if refusal:
                raise HandshakeError(refusal)
            before = [one for one in self._between(asker.node, wanted) if one.heard != _HUNG_UP]
            self._waiting[token] = pair
        for one in before:
            self._end(one, "the node that had asked asked anew")
        asked = self._ask(wanted, relay_records.encode(Wanted(token, bytes.fromhex(asker.node))))
        with self._condition:
            # The one that comes hears first that they are spliced: whoever asked speaks first, and would be taken for the relay.
            while asked and not (pair.guest and pair.guest.is_told) and not pair.refusal and not pair.why and not self._closed:
                if not self._condition.wait(max(0, deadline - time.monotonic_ns()) / SECOND):
                    break
            if pair.guest is None or not pair.guest.is_told:
                self._waiting.pop(token, None)
                late = f"node {wanted[:12]} did not come within {limits.meet / SECOND:g} s"
                absent = "" if asked else f"node {wanted[:12]} has no link to this relay"
                why = absent or pair.refusal or pair.why or ("the relay stops" if self._closed else late)
                if pair.guest is not None:
                    self._end(pair, why)
                    self._leave(pair)
                raise HandshakeError(why)
        return pair

    def _between(self, asker: NodeId, wanted: NodeId) -> list[_Pair]:
        """Return the pairs of these two that were not ended yet."""
        busy = (*self._pairs, *self._waiting.values())
        return [pair for pair in busy if (pair.asker.node, pair.wanted) == (asker, wanted) and not pair.why]

    def _refusal(self, asker: _Side, wanted: NodeId, limits: RelayLimits, now: int) -> str:
        """Return why two are not to meet here now; empty: they are.

        `pairs` and `waiting` protect this node, and what one asker may have protects the other askers: its id is bounded, and since ids
        cost nothing its address is. Who is wanted has no say in it, so it is not counted: else whoever asks for it often enough would keep
        it from being met. It declines by itself what is too much for it (`meeting`).
        """
        asked = [pair.asker for pair in (*self._pairs, *self._waiting.values())]
        if self._closed:
            return "the relay stops"
        if asker.node == wanted:
            return "one does not meet oneself"
        if len(self._pairs) >= limits.pairs:
            return f"this relay has all the {limits.pairs} pairs that it carries"
        if len(self._waiting) >= limits.waiting:
            return f"{limits.waiting} nodes wait for others at this relay already"
        if any(now - pair.heard < _QUIET for pair in self._between(asker.node, wanted)):
            return f"node {asker.node[:12]} has a pair with node {wanted[:12]} at this relay already"
        if sum(one.node == asker.node for one in asked) >= limits.of_one:
            return f"node {asker.node[:12]} has asked for {limits.of_one} pairs at this relay already"
        if sum(origin_of(one.host) == origin_of(asker.host) for one in asked) >= limits.of_one_address:
            return f"{limits.of_one_address} pairs were asked for from this address at this relay already"
        if self._hourly.used(now) + _PIECE > limits.hourly:  # a pair would be over with its first large piece
            return _used_up(limits)
        return ""

    def _come(self, guest: _Side, token: bytes, limits: RelayLimits) -> _Pair:
        with self._condition:
            pair = self._waiting.get(token)
            if pair is None or pair.wanted != guest.node or pair.refusal or pair.why:
                raise HandshakeError("nobody waits here for this node")
            if len(self._pairs) >= limits.pairs:
                pair.refusal = f"this relay has all the {limits.pairs} pairs that it carries"
                self._condition.notify_all()
                raise HandshakeError(pair.refusal)
            del self._waiting[token]
            pair.moved = time.monotonic_ns()
            pair.running = 2
            pair.guest = guest
            self._pairs.add(pair)
            self._pairs_in_all += 1
            self._condition.notify_all()
        return pair

    # -------------------------------------------------------- passing on

    def _carry(self, pair: _Pair, source: _Side, limits: RelayLimits) -> None:
        """Pass on what comes from one of a pair, until its end."""
        guest = pair.guest
        assert guest is not None
        sink = guest if source is pair.asker else pair.asker
        try:
            with self._condition:
                self._condition.wait_for(lambda: pair.asker.is_told or pair.why, 2 * limits.meet / SECOND)
            source.stream.set_timeout(limits.idle)
            self._pump(pair, source, sink, limits)
        except OuterError as error:
            self._end(pair, f"node {source.node[:12]} broke the framing: {error}")
        except OSError as error:
            self._end(pair, f"the connection of node {source.node[:12]} to the relay broke ({describe(error)})")
        finally:
            if source is pair.asker:
                pair.heard = _HUNG_UP
            self._leave(pair)
        # The other direction may go on for a while: a side that closes still reads what was sent to it.
        pair.ended.wait(limits.idle / SECOND)

    def _leave(self, pair: _Pair) -> None:
        """One of a pair's threads passes on nothing more."""
        with self._condition:
            pair.running -= 1
            if not pair.running:
                self._pairs.discard(pair)
                pair.ended.set()
            self._condition.notify_all()

    def _tell(self, pair: _Pair, side: _Side, limits: RelayLimits) -> None:
        """Tell one of a pair that what it hears next comes from the other."""
        try:
            with side.speaking:
                splice(side.stream, time.monotonic_ns() + limits.meet)
                side.is_told = True
        except HandshakeError:
            self._end(pair, f"node {side.node[:12]} went before the two had met")
            self._leave(pair)
            raise
        with self._condition:
            self._condition.notify_all()
            why = pair.why
        if why:  # whoever ended the pair could not say so to this one yet
            self._part(pair, why)

    def _pump(self, pair: _Pair, source: _Side, sink: _Side, limits: RelayLimits) -> None:
        reader = OuterReader()
        while True:
            try:
                data = source.stream.receive()
            except TimeoutError:
                if pair.why:
                    return
                if time.monotonic_ns() - pair.moved >= limits.idle:
                    self._end(pair, f"nothing moved for {limits.idle / SECOND:g} s")
                continue
            if not data:
                break
            if source is pair.asker:
                pair.heard = time.monotonic_ns()
            for kind, payload in reader.feed(data):
                # What comes after the end is read and forgotten: unread, it would have the system throw our goodbye away.
                if kind == LINK and not pair.why:
                    self._pass_on(pair, sink, payload, limits)
        if not pair.why:
            with sink.speaking:
                sink.stream.finish()

    def _pass_on(self, pair: _Pair, sink: _Side, payload: bytes | memoryview, limits: RelayLimits) -> None:
        now = time.monotonic_ns()
        with self._condition:
            has_room = self._hourly.take(now, len(payload))
            wait = pair.pace.take(now, len(payload))
        if not has_room:
            self._end(pair, _used_up(limits))
            return
        try:
            with sink.speaking:
                if not pair.why:
                    sink.stream.set_timeout(limits.idle)
                    sink.stream.send(*link_frame(payload))
        except OSError as error:
            self._end(pair, f"node {sink.node[:12]} does not read ({describe(error)})")
            return
        with self._condition:
            self._carried += len(payload)
            pair.moved = time.monotonic_ns()
            self._condition.notify_all()
        if wait:
            pair.over.wait(wait / SECOND)
            pair.moved = time.monotonic_ns()

    def _end(self, pair: _Pair, why: str) -> None:
        """End a pair from here: both are told why. Their threads go on until the two have hung up, or a moment later."""
        with self._condition:
            if pair.why:
                return
            pair.why = why
            pair.over.set()
            self._condition.notify_all()
        self._part(pair, why)

    def _part(self, pair: _Pair, why: str) -> None:
        """Say goodbye to both, in a thread of its own; where there is no room for one they hear nothing, but their calls end."""
        try:
            self._start(lambda: self._say_goodbye(pair, why), "relay-goodbye")
        except OSError:
            for side in pair.sides():
                side.stream.abort()

    def _say_goodbye(self, pair: _Pair, why: str) -> None:
        for side in pair.sides():
            if side.speaking.acquire(timeout=_LAST_WORDS / SECOND):
                try:
                    if not side.is_told or side.is_parted:
                        continue  # in its handshake it is told another way
                    side.is_parted = True
                    with contextlib.suppress(OSError):
                        side.stream.set_timeout(_LAST_WORDS)
                        side.stream.send(outer_frame(GOODBYE, why.encode()[:500]))
                    side.stream.finish()
                finally:
                    side.speaking.release()
        if pair.guest is not None and not pair.ended.wait(_LAST_WORDS / SECOND):
            for side in pair.sides():
                side.stream.abort()


def _used_up(limits: RelayLimits) -> str:
    return f"this relay has passed on the {limits.hourly} bytes that it lends an hour"
