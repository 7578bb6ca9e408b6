"""Of which nodes the peers were told lately: who hangs up and calls again all the time is not told of each time.

Knows ids, places and when each was told. Must not know links, nor what is said. Whoever links later is told of everybody anyway.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection

from claynet.actors.ports import SECOND, NodeId
from claynet.net.link.access import origin_of
from claynet.net.link.places import Place

_FRESH = 600 * SECOND
_OF_ONE_ORIGIN = 128
"""Ids cost nothing: so many nodes of one address are told of in that time, as many as may be linked from there."""
_MOST = 1024


class Introductions:
    """Those of one node. From any thread."""

    def __init__(self, now: Callable[[], int] = time.monotonic_ns) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._told: dict[tuple[NodeId, frozenset[Place]], tuple[int, str]] = {}
        """Who and where, in the order of the telling: when, and on behalf of which origin."""

    def are_due(self, node: NodeId, places: Collection[Place], host: str) -> bool:
        """Tell whether others are to hear of a node at these places that links from `host`; if so, it counts as told."""
        now, who, origin = self._now(), (node, frozenset(places)), origin_of(host)
        with self._lock:
            while self._told and (len(self._told) >= _MOST or now - next(iter(self._told.values()))[0] >= _FRESH):
                del self._told[next(iter(self._told))]
            if who in self._told or sum(origin == other for _, other in self._told.values()) >= _OF_ONE_ORIGIN:
                return False
            self._told[who] = now, origin
            return True
