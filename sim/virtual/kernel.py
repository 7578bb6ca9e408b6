"""The event loop of virtual time: who is told what, at which integer nanosecond, in which order.

Equal times share one flat list (address, message, address, message, ...), so a heap entry is paid once per distinct time and
order within a time is first in, first out. Knows receivers as plain callables. Must not know Pykka, networks or jobs, nor read
a real clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from heapq import heapify, heappop, heappush
from operator import length_hint
from typing import Any, Final

FOREVER: Final = 1 << 62
"""A virtual time that no run reaches, ns (146 years)."""

MAX_ROUNDS: Final = 1_000_000
"""So many rounds of zero-delay messages at one instant are taken for an endless exchange."""

_COMPACT_ABOVE: Final = 1024


class LivelockError(RuntimeError):
    """Actors keep telling each other without letting time move."""


class _Key:
    """Names one of the kernel's own receivers; never equal to an address."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}>"


FIRE: Final = _Key("timer")
CALL: Final = _Key("callback")


class Timer:
    """One pending timer. `live` turns false when it fires or is cancelled."""

    __slots__ = ("address", "at", "live", "message", "number")

    def __init__(self, number: int, at: int, address: str, message: object) -> None:
        self.number = number
        self.at = at
        self.address = address
        self.message = message
        self.live = True


class Kernel:
    """Virtual time for one thread: not safe to use from two.

    `now` is the virtual time in nanoseconds; read it, never write it.
    """

    def __init__(self, fence: AbstractContextManager[object] | None = None) -> None:
        self.now = 0
        self.dead_letters = 0
        self._fence: AbstractContextManager[object] = nullcontext() if fence is None else fence
        self._heap: list[int] = []
        self._buckets: dict[int, list[Any]] = {}
        self._instant: list[Any] = []  # told at the current instant and not yet taken into a batch
        self._batch: list[Any] = []  # being delivered
        self._rest: Iterator[Any] = iter(self._batch)  # what of the batch is still to come
        self._taken = 0
        self._uncounted = 0
        self._timers: dict[int, Timer] = {}
        self._timer_number = 0
        self._cancelled: dict[int, int] = {}  # time -> cancelled timers still lying in that bucket
        self._hooks: list[Callable[[], None]] = []
        self._running = False
        self._receivers: dict[object, Callable[[Any], object]] = {FIRE: self._fire, CALL: self._call}

    # ------------------------------------------------------------ telling

    def tell(self, address: str, message: object) -> None:
        """Queue a message at the current instant: it is handled before time moves."""
        self._instant.extend((address, message))  # one call, so that an interrupt never splits the pair

    def tell_at(self, at: int, address: str, message: object) -> None:
        """Queue a message at virtual time `at` (ns; at once when past). It cannot be taken back."""
        if at <= self.now:
            self._instant.extend((address, message))
            return
        bucket = self._buckets.get(at)
        if bucket is None:
            heappush(self._heap, at)
            self._buckets[at] = [address, message]
        else:
            bucket.extend((address, message))

    def tell_after(self, delay: int, address: str, message: object) -> None:
        """Queue a message `delay` nanoseconds from now (at once when not positive)."""
        at = self.now + delay
        if delay <= 0:
            self._instant.extend((address, message))
            return
        bucket = self._buckets.get(at)
        if bucket is None:
            heappush(self._heap, at)
            self._buckets[at] = [address, message]
        else:
            bucket.extend((address, message))

    def schedule(self, at: int, callback: Callable[[], object]) -> None:
        """Call `callback` between handlers at virtual time `at`; what it raises ends the run. Not counted as a delivery."""
        self.tell_at(at, CALL, callback)  # type: ignore[arg-type]  # a kernel key stands where an address does

    def timer_at(self, at: int, address: str, message: object) -> int:
        """Like tell_at, but can be cancelled by the number returned."""
        self._timer_number += 1
        number = self._timer_number
        timer = Timer(number, max(at, self.now), address, message)
        self._timers[number] = timer
        self.tell_at(at, FIRE, timer)  # type: ignore[arg-type]
        return number

    def cancel_timer(self, number: int) -> None:
        """Forget a timer; a fired or unknown one is ignored. Time no longer stops there."""
        timer = self._timers.pop(number, None)
        if timer is None:
            return
        timer.live = False
        timer.message = None
        bucket = self._buckets.get(timer.at)
        if bucket is None or timer.at <= self.now:
            return  # of the current instant: skipped when its turn comes
        gone = self._cancelled.get(timer.at, 0) + 1
        if gone * 2 < len(bucket):
            self._cancelled[timer.at] = gone
            return
        # Nothing but cancelled timers is left at that time: forget it. Its heap entry stays until popped or swept.
        del self._buckets[timer.at]
        self._cancelled.pop(timer.at, None)
        if len(self._heap) > _COMPACT_ABOVE and len(self._heap) > 2 * len(self._buckets):
            self._heap[:] = self._buckets
            heapify(self._heap)

    def cancel_timers_to(self, prefix: str) -> None:
        """Forget every timer whose address starts with `prefix`."""
        for number in [timer.number for timer in self._timers.values() if timer.address.startswith(prefix)]:
            self.cancel_timer(number)

    # ------------------------------------------------------------ running

    @property
    def deliveries(self) -> int:
        """How many messages reached a living actor."""
        return self._taken - length_hint(self._rest) // 2 - self._uncounted - self.dead_letters

    @property
    def idle(self) -> bool:
        """Tell whether nothing at all is queued, now or later."""
        return not (self._buckets or self._instant or length_hint(self._rest))

    @property
    def running(self) -> bool:
        """Tell whether `run` or `step` is under way."""
        return self._running

    @property
    def next_time(self) -> int | None:
        """The next virtual time at which something is queued, ns; None when idle."""
        if self._instant or length_hint(self._rest):
            return self.now
        return min(self._buckets, default=None)

    @property
    def current(self) -> str | None:
        """The address whose handler is running; None between handlers. For error texts."""
        if not self._running or not self._batch:
            return None
        # The pair before what is still to come: nothing has to be noted per message.
        place = len(self._batch) - length_hint(self._rest) - 2
        address, message = self._batch[place], self._batch[place + 1]
        if isinstance(address, _Key):
            return self._target_of(address, message)
        return str(address)

    def on_idle_instant(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever every message of an instant is handled and time is about to move (or the run to end).

        It runs inside the fence; one that writes lifts it.
        """
        self._hooks.append(callback)

    def run(self, until: int | None = None, stop: Callable[[], bool] | None = None) -> None:
        """Deliver in order of time until nothing is queued, `until` (ns, inclusive) is reached, or `stop()` holds.

        `stop` is asked at the end of each instant. With `until`, `now` is `until` afterwards unless stopped earlier.
        What a callback raises, and KeyboardInterrupt, comes out of here; the run can be continued.
        """
        if self._running:
            raise RuntimeError(f"run() called inside a run, by {self.current}")
        self._running = True
        try:
            with self._fence:
                self._finish_batch()
                self._loop(FOREVER if until is None else until, stop)
        finally:
            self._running = False

    def step(self) -> bool:
        """Deliver one message or callback, moving time when needed; False when nothing is queued."""
        if self._running:
            raise RuntimeError(f"step() called inside a run, by {self.current}")
        self._running = True
        try:
            with self._fence:
                return self._step()
        finally:
            self._running = False

    def _loop(self, limit: int, stop: Callable[[], bool] | None) -> None:
        heap, hooks = self._heap, self._hooks
        take, find = self._buckets.pop, self._receivers.get
        rounds = 0
        batch: list[Any] | None = self._take_instant()
        while True:
            while batch:
                self._batch = batch
                if len(batch) == 2:
                    self._taken += 1
                    address, message = batch
                    receive = find(address)
                    if receive is None:
                        self.dead_letters += 1
                    else:
                        try:
                            receive(message)
                        except Exception as error:
                            self._raised(address, message, error)
                else:
                    self._taken += len(batch) // 2
                    self._rest = iter(batch)
                    self._drain()
                batch = self._instant
                if batch:
                    self._instant = []
                    rounds += 1
                    if rounds > MAX_ROUNDS:
                        raise LivelockError(f"virtual time stands at {self.now} ns for {rounds} rounds of messages; last to {batch[0]!r}")
            if hooks:
                for hook in hooks:
                    hook()
                batch = self._take_instant()
                if batch:
                    continue
            if stop is not None and stop():
                return
            while batch is None or not batch:
                if not heap or heap[0] > limit:
                    if limit != FOREVER and self.now < limit:
                        self.now = limit
                    return
                at = heappop(heap)
                batch = take(at, None)  # None: every timer of that time was cancelled
            self.now = at
            rounds = 0

    def _drain(self) -> None:
        """Deliver what is left of the batch."""
        find = self._receivers.get
        pairs = zip(self._rest, self._rest, strict=False)
        while True:
            try:
                for address, message in pairs:
                    receive = find(address)
                    if receive is None:
                        self.dead_letters += 1
                    else:
                        receive(message)
                return
            except Exception as error:
                self._raised(address, message, error)

    def _finish_batch(self) -> None:
        if length_hint(self._rest):
            self._drain()

    def _take_instant(self) -> list[Any]:
        batch = self._instant
        if batch:
            self._instant = []
        return batch

    def _step(self) -> bool:
        if not length_hint(self._rest):
            batch = self._take_instant()
            while not batch:
                if not self._heap:
                    return False
                at = heappop(self._heap)
                batch = self._buckets.pop(at, [])
                if batch:
                    self.now = at
            self._batch = batch
            self._taken += len(batch) // 2
            self._rest = iter(batch)
        address, message = next(self._rest), next(self._rest)
        receive = self._receivers.get(address)
        if receive is None:
            self.dead_letters += 1
        else:
            try:
                receive(message)
            except Exception as error:
                self._raised(address, message, error)
        if not length_hint(self._rest) and not self._instant:
            for hook in self._hooks:
                hook()
        return True

    # ------------------------------------------------------------ the kernel's own receivers

    def _fire(self, timer: Timer) -> None:
        if not timer.live:
            self._uncounted += 1
            self._cancelled.pop(self.now, None)
            return
        timer.live = False
        del self._timers[timer.number]
        receive = self._receivers.get(timer.address)
        if receive is None:
            self.dead_letters += 1
        else:
            receive(timer.message)

    def _call(self, callback: Callable[[], object]) -> None:
        self._uncounted += 1
        callback()

    def _target_of(self, key: _Key, message: Any) -> str:
        """Name the actor (or callback) behind a kernel receiver's message."""
        if key is FIRE:
            return str(message.address)
        return f"{key!r} {getattr(message, '__qualname__', message)}"

    def _raised(self, address: object, message: Any, error: Exception) -> None:
        """A receiver raised: callbacks end the run; subclasses say what it means for an actor."""
        if isinstance(address, _Key) and address is not FIRE:
            raise error
        self._handler_raised(message.address if address is FIRE else str(address), error)

    def _handler_raised(self, address: str, error: Exception) -> None:  # noqa: ARG002 - subclasses use it
        raise error
