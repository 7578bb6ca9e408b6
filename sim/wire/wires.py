"""One direction of a simulated link, and the path it runs over: delay, loss, queueing, order.

Knows times, sizes and random streams. Must not know actors, handles or partitions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from claynet.actors.ports import MILLISECOND, SECOND, Entropy
from claynet.sim.durations import Distribution
from claynet.sim.wire.scheduler import Scheduler

RETRANSMIT: Final = 200 * MILLISECOND
"""How long a sender on a reliable link waits before it sends a lost message again, ns; twice as long each further time."""

MOST_RETRANSMITS: Final = 10
"""Losses of one message in a row after which it gets through all the same (3.4 minutes), so that a loss of 1 is no hole in time."""


class Quality(Protocol):
    """What one direction between two nodes does to what is sent (`plan.LinkQuality` is one)."""

    @property
    def latency(self) -> Distribution:
        """One-way delay."""

    @property
    def bandwidth(self) -> int | None:
        """Bits per second; None: no limit."""

    @property
    def loss(self) -> float:
        """Chance that a message is lost, 0 to 1."""


class Access:
    """A node's access to the network, shared by its links: when its uplink and downlink are next free, ns."""

    __slots__ = ("down_free", "name", "up_free")

    def __init__(self, name: str) -> None:
        self.name = name
        self.up_free = 0
        self.down_free = 0


class Path:
    """From one node to another, in this direction. Outlives links and lives of nodes; draws from a stream of its own."""

    __slots__ = ("entropy", "quality", "source", "target")

    def __init__(self, source: Access, target: Access, quality: Quality, entropy: Entropy) -> None:
        self.source = source
        self.target = target
        self.quality = quality
        self.entropy = entropy

    def delay(self) -> int:
        """Draw one message's time on the way, ns: latency, and time-outs for each time it is lost."""
        delay = self.quality.latency.sample(self.entropy)
        loss = self.quality.loss
        if loss > 0.0:
            timeout = RETRANSMIT
            for _ in range(MOST_RETRANSMITS):
                if self.entropy.fraction() >= loss:
                    break
                delay += timeout
                timeout *= 2
        return delay


def transmission(size: int, bandwidth: int | None) -> int:
    """How long `size` bytes occupy an access of `bandwidth` bits per second, ns."""
    return size * 8 * SECOND // bandwidth if bandwidth else 0


class Ended(NamedTuple):
    """Stands in the queue behind the last bytes: why the link is down."""

    reason: str


class _Item(NamedTuple):
    at: int
    content: bytes | Ended
    through: bool = False
    """The receiver's downlink has let it through already."""


class Wire:
    """One direction of one link. What is put in comes out in order, none before its time; only the first of the queue waits for a callback.

    A message occupies the sender's uplink (shared by all links of the node, in order of sending), travels, then occupies the
    receiver's downlink (shared likewise, in order of arrival); the downlink costs nothing extra while it keeps up.
    """

    __slots__ = ("_deliver", "_last", "_next", "_queue", "_scheduler", "path")

    def __init__(self, path: Path, scheduler: Scheduler, deliver: Callable[[Wire], Any]) -> None:
        """`deliver` is called when the first of the queue may have arrived; it then takes with `take`."""
        self.path = path
        self._scheduler = scheduler
        self._deliver = deliver
        self._queue: deque[_Item] = deque()
        self._last = 0
        self._next: int | None = None

    @property
    def empty(self) -> bool:
        """Tell whether nothing is on the way."""
        return not self._queue

    @property
    def waiting(self) -> int:
        """Bytes put in that the sender's uplink, which other links share, has not taken yet; no more than what this queue holds."""
        bandwidth = self.path.quality.bandwidth
        if not bandwidth:
            return 0
        ahead = max(0, self.path.source.up_free - self._scheduler.now()) * bandwidth // (8 * SECOND)
        return min(ahead, sum(len(item.content) for item in self._queue if not isinstance(item.content, Ended)))

    def put(self, content: bytes | Ended) -> None:
        """Send now."""
        path, ready = self.path, self._scheduler.now()
        bandwidth = path.quality.bandwidth
        if bandwidth and not isinstance(content, Ended):
            ready = max(ready, path.source.up_free) + transmission(len(content), bandwidth)
            path.source.up_free = ready
        self._append(ready + path.delay(), content)

    def cut(self, reason: str) -> None:
        """The sender is gone: what has left it by now still arrives, then the news does; the rest is lost."""
        at = self._scheduler.now() + self.path.delay()
        while self._queue and self._queue[-1].at > at:
            self._queue.pop()
        self._last = self._queue[-1].at if self._queue else 0
        self._append(at, Ended(reason))

    def take(self) -> bytes | Ended | None:
        """Take the first of the queue if it is here; None (and a callback is arranged, if there is more) when it is not."""
        now = self._scheduler.now()
        while self._queue:
            first = self._queue[0]
            if first.at > now:
                self._arrange(first.at)
                return None
            self._queue.popleft()
            bandwidth = self.path.quality.bandwidth
            if first.through or not bandwidth or isinstance(first.content, Ended):
                return first.content
            # Free for the whole of the transmission before now: the downlink kept up, and the message is here.
            finish = max(now, self.path.target.down_free + transmission(len(first.content), bandwidth))
            self.path.target.down_free = finish
            if finish <= now:
                return first.content
            self._queue.appendleft(_Item(finish, first.content, True))
        return None

    def resume(self) -> None:
        """The path is open again: what should have arrived meanwhile, or would too soon, arrives one latency from now."""
        at = self._scheduler.now() + self.path.delay()
        self._queue = deque(item if item.at >= at else item._replace(at=at) for item in self._queue)
        self._last = max(self._last, at)
        if self._queue:
            self._arrange(self._queue[0].at)

    def _append(self, at: int, content: bytes | Ended) -> None:
        at = self._last = max(at, self._last)
        self._queue.append(_Item(at, content))
        if len(self._queue) == 1 or self._next is None:
            self._arrange(self._queue[0].at)

    def _arrange(self, at: int) -> None:
        if self._next is None or at < self._next:
            self._next = at
            self._scheduler.call(at, self._arrive)

    def _arrive(self) -> None:
        # A callback that was overtaken by an earlier one comes too late or too soon: it is not the one awaited.
        if self._next is not None and self._scheduler.now() >= self._next:
            self._next = None
            self._deliver(self)
