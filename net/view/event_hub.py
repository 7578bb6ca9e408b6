"""What happens on a live node, handed to whoever wants to hear it: the view at once, others without ever making an actor wait.

Knows queues and threads. Must not know what any kind of event means.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

logger = logging.getLogger(__name__)

MOST_WAITING = 4096
"""Events that one subscriber may leave waiting; of more, the oldest are dropped and counted."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened (`actors/events.py` says what kinds and fields there are)."""

    number: int
    at: int
    """UTC ns."""
    kind: str
    fields: Mapping[str, Any]
    dropped: int = 0
    """So many before it were dropped for this subscriber."""


class Subscription:
    """One subscriber's queue; use it as a context."""

    def __init__(self, forget: Callable[[Subscription], None], kinds: Iterable[str] | None, most: int) -> None:
        self.kinds = None if kinds is None else frozenset(kinds)
        self._forget = forget
        self._waiting: deque[Event] = deque()
        self._most = most
        self._dropped = 0
        self._changed = threading.Condition()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether nothing comes any more; what waits can still be had."""
        return self._closed

    def put(self, event: Event) -> None:
        """Take an event; never waits for the subscriber."""
        with self._changed:
            if self._closed:
                return
            if len(self._waiting) >= self._most:
                self._waiting.popleft()
                self._dropped += 1
            self._waiting.append(event)
            self._changed.notify_all()

    def next(self, seconds: float | None = None) -> Event | None:
        """Return the next event; None when none came within `seconds`, or when it is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, seconds)
            if not self._waiting:
                return None
            dropped, self._dropped = self._dropped, 0
            event = self._waiting.popleft()
        return replace(event, dropped=dropped) if dropped else event

    def close(self) -> None:
        """Hear no more. Idempotent."""
        self._forget(self)
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class EventHub:
    """An EventSink. `first` is called in the emitting thread, so that whoever heard of an event finds it in what `first` keeps."""

    def __init__(self, *first: Callable[[Event], None], utc: Callable[[], int] = time.time_ns) -> None:
        self._first = first
        self._utc = utc
        self._lock = threading.Lock()
        self._number = 0
        self._subscriptions: tuple[Subscription, ...] = ()
        self._closed = False

    def emit(self, kind: str, **fields: object) -> None:
        """Tell everybody; never raises, never waits for a subscriber."""
        with self._lock:  # so that all hear events in one order
            self._number += 1
            event = Event(self._number, self._utc(), kind, fields)
            for call in self._first:
                try:
                    call(event)
                except Exception:  # a bug of ours in what observes must not end the actor that is observed
                    logger.exception("event %s could not be taken", kind)
            for subscription in self._subscriptions:
                if subscription.kinds is None or kind in subscription.kinds:
                    subscription.put(event)

    def listen(self, kinds: Iterable[str] | None = None, most: int = MOST_WAITING) -> Subscription:
        """Return a queue of the events that happen from now on."""
        made = Subscription(self._drop, kinds, most)
        with self._lock:
            closed = self._closed
            if not closed:
                self._subscriptions = (*self._subscriptions, made)
        if closed:
            made.close()
        return made

    def subscribe(self, callback: Callable[[Event], None], kinds: Iterable[str] | None = None) -> Callable[[], None]:
        """Call back with every event, on a thread of its own; return what ends that, after the event under way."""
        subscription = self.listen(kinds)

        def pump() -> None:
            while (event := subscription.next()) is not None:
                try:
                    callback(event)
                except Exception:
                    logger.exception("a subscriber failed on event %s", event.kind)

        thread = threading.Thread(target=pump, name="event-subscriber", daemon=True)
        thread.start()

        def unsubscribe() -> None:
            subscription.close()
            if thread is not threading.current_thread():
                thread.join()

        return unsubscribe

    def close(self) -> None:
        """End every subscription. Idempotent."""
        with self._lock:
            self._closed = True
            open_ones, self._subscriptions = self._subscriptions, ()
        for subscription in open_ones:
            subscription.close()

    def _drop(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions = tuple(one for one in self._subscriptions if one is not subscription)


class Listeners:
    """Subscriptions of one part of the node that end together: when it stops, while others hear on."""

    def __init__(self, hub: EventHub) -> None:
        self._hub = hub
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[Subscription] = weakref.WeakSet()
        self._closed = False

    def listen(self, kinds: Iterable[str] | None = None) -> Subscription:
        """Return a queue of the events that happen from now on; a closed one when these have ended."""
        made = self._hub.listen(kinds)
        with self._lock:
            self._open.add(made)
            closed = self._closed
        if closed:
            made.close()
        return made

    def close(self) -> None:
        """End all of them, and those to come. Idempotent."""
        with self._lock:
            self._closed = True
            open_ones = list(self._open)
        for subscription in open_ones:
            subscription.close()
