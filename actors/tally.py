"""An event sink that says once a minute what one peer does all the time, with how often: a flood of bad frames is no flood of events.

Knows `misuse` and `ignored`, a sink and a clock. Must not know who emits. From any thread.
"""

from __future__ import annotations

import threading

from claynet.actors.ports import SECOND, Clock, EventSink

GAP = 60 * SECOND
"""Between two events of one peer, kind and rule."""
_KINDS = frozenset({"misuse", "ignored"})
_MOST = 4096
"""Peers and rules that are remembered; of more, those longest unheard of are forgotten."""


class TalliedSink:
    """Wraps an EventSink (`ports.EventSink`)."""

    def __init__(self, inner: EventSink, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self._lock = threading.Lock()  # each session emits from a thread of its own
        self._seen: dict[tuple[str, object, object], tuple[int, int]] = {}
        """Per kind, peer and rule: when it was last said, and how often it happened since."""

    def emit(self, kind: str, **fields: object) -> None:
        """Record; of `misuse` and `ignored` the first at once, later ones counted (`count`) until the gap is over."""
        if kind not in _KINDS:
            self._inner.emit(kind, **fields)
            return
        now = self._clock.monotonic()
        key = (kind, fields.get("peer"), fields.get("rule"))
        with self._lock:
            said, since = self._seen.pop(key, (now - GAP, 0))
            due = now - said >= GAP
            self._seen[key] = (now, 0) if due else (said, since + 1)
            if len(self._seen) > _MOST:
                del self._seen[next(iter(self._seen))]
        if due:
            self._inner.emit(kind, **fields, count=since + 1)
