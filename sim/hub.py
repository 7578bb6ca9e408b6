"""Hands every event of every node to those who count, check, write and show; nobody here changes a run.

Knows the clock only as a function, and nodes by name. Must not know what subscribers do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol


class Subscriber(Protocol):
    """Someone who hears every event, in the order in which they happened."""

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
    """All subscribers of one run."""

    def __init__(self, now: Callable[[], int]) -> None:
        """Take the run's clock (virtual ns)."""
        self._now = now
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> None:
        """Add one; it hears events from now on."""
        self._subscribers.append(subscriber)

    def sink(self, node: str) -> NodeSink:
        """Return the EventSink of the node of that name."""
        return NodeSink(self, node)

    def publish(self, kind: str, node: str, fields: Mapping[str, object]) -> None:
        """Hand an event to every subscriber, in the order in which they came."""
        at = self._now()
        for subscriber in self._subscribers:
            subscriber.on_event(kind, at, node, fields)
