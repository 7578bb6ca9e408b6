"""Hands every event of every node to those who count, check, write and show; nobody here changes a run.

Knows the clock only as a function, and nodes by name. Must not know what subscribers do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import RLock
from typing import Protocol


class Subscriber(Protocol):
    """Someone who hears events, in the order in which they happened: all, or those of its `KINDS` when it has such an attribute."""

    def on_event(self, kind: str, at: int, node: str, fields: Mapping[str, object]) -> None:
        """Take one event (kinds and fields: `actors/events.py`); `at` is virtual ns, `node` the emitter's name."""


class NodeSink:
    """One node's EventSink."""

    __slots__ = ("_hub", "_node")

    def __init__(self, hub: EventHub, node: str) -> None:
        self._hub, self._node = hub, node

    def emit(self, kind: str, **fields: object) -> None:
        """Hand an event on."""
        self._hub.publish(kind, self._node, fields)


class EventHub:
    """All subscribers of one run. In `real` several threads publish: one at a time is heard."""

    def __init__(self, now: Callable[[], int]) -> None:
        """Take the run's clock (virtual ns)."""
        self._now = now
        self._lock = RLock()
        self._subscribers: list[Subscriber] = []
        self._by_kind: dict[str, list[Subscriber]] = {}

    def subscribe(self, subscriber: Subscriber) -> None:
        """Add one; it hears events from now on."""
        self._subscribers.append(subscriber)
        self._by_kind.clear()

    def sink(self, node: str) -> NodeSink:
        """Return the EventSink of the node of that name."""
        return NodeSink(self, node)

    def publish(self, kind: str, node: str, fields: Mapping[str, object], at: int | None = None) -> None:
        """Hand an event to those who want its kind, in the order in which they came; `at` (virtual ns) when it was before now."""
        with self._lock:
            subscribers = self._by_kind.get(kind)
            if subscribers is None:
                subscribers = self._by_kind[kind] = [one for one in self._subscribers if kind in getattr(one, "KINDS", (kind,))]
            when = self._now() if at is None else at
            for subscriber in subscribers:
                subscriber.on_event(kind, when, node, fields)
