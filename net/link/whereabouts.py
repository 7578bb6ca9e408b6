"""Where the nodes are that one network may call: what it was told, what it has seen itself, what its peers say.

Knows places and who gave them. Must not know connections. What a call has proven counts most, then the word of a caller about itself,
then hearsay; a relay comes last, where no place of a node's own leads to it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from claynet.actors.ports import NodeId
from claynet.net.link.access import origin_of
from claynet.net.link.gate import Hearsay
from claynet.net.link.places import Place, Way

_MOST = 512
_OF_ONE_ORIGIN = 64
"""Ids cost nothing: those that one address invents push out each other, and not what others said."""


class Whereabouts:
    """Of one network. Every method may be called from any thread."""

    def __init__(self, book: Mapping[NodeId, Place], hearsay: Hearsay | None, meets: bool) -> None:
        """`book` is what is known already; with `meets` relays are ways, too."""
        self._lock = threading.Lock()
        self._book = dict(book)
        """What this node's operator says: as much as that is."""
        self._proven: dict[NodeId, Place] = {}
        """The latest last, and so in what was heard: peers make these grow, so they are bounded."""
        self._heard: dict[NodeId, Place] = {}
        self._hearsay = hearsay
        self._meets = meets

    def learn(self, node: NodeId, place: Place) -> None:
        """Note where a node is; replaces what was known."""
        with self._lock:
            self._book[node] = place
            self._proven.pop(node, None)

    def proved(self, node: NodeId, place: Place) -> None:
        """It has just proved that it is to be found there."""
        with self._lock:
            _note(self._proven, node, place)
        if self._hearsay is not None:
            self._hearsay.proved(node, *place)

    def claimed(self, node: NodeId, place: Place) -> None:
        """It called, and says that it listens there."""
        with self._lock:
            _note(self._heard, node, place)
            origin = origin_of(place[0])
            of_one = [other for other, where in self._heard.items() if origin_of(where[0]) == origin]
            for other in of_one[:-_OF_ONE_ORIGIN]:
                del self._heard[other]
        if self._hearsay is not None:
            self._hearsay.claimed(node, *place)

    def proven(self, node: NodeId) -> Place | None:
        """Return where it was called before."""
        with self._lock:
            return self._proven.get(node) or self._book.get(node)

    def ways(self, node: NodeId) -> list[Way]:
        """Return how it may be reached, the best way first."""
        told = self._hearsay.ways(node) if self._hearsay is not None else ()
        with self._lock:
            places = (self._proven.get(node) or self._book.get(node), self._heard.get(node))
            own = [Way(place) for place in places if place is not None]
        found = [way for way in dict.fromkeys((*own, *told)) if way.relay is None or (self._meets and way.relay != node)]
        return sorted(found, key=lambda way: way.relay is not None)


def _note(places: dict[NodeId, Place], node: NodeId, place: Place) -> None:
    places.pop(node, None)
    places[node] = place
    if len(places) > _MOST:
        del places[next(iter(places))]
