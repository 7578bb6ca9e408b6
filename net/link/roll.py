"""Which links of a network stand, which are still being carried, and whether there is room for another.

Knows links and their bounds. Must not know connections, nor who asks. Everything is done under the network's condition.
"""

from __future__ import annotations

import itertools
import threading

from claynet.actors.ports import LinkId, NodeId
from claynet.net.link.access import origin_of
from claynet.net.link.gate import Gate
from claynet.net.link.peer_link import P2PLimits, PeerLink
from claynet.net.link.places import Place


class Roll:
    """The links of one network."""

    def __init__(self, condition: threading.Condition, limits: P2PLimits) -> None:
        self._condition = condition
        self._limits = limits
        self._numbers = itertools.count(1)
        self._links: dict[LinkId, PeerLink] = {}
        self._serving: dict[PeerLink, None] = {}  # in the order in which they began

    def find(self, link: LinkId) -> PeerLink | None:
        """Return a link that somebody may still use; None for one that is over."""
        return self._links.get(link)

    def next_number(self) -> LinkId:
        """Return the id of a new link."""
        return LinkId(next(self._numbers))

    def add(self, link: PeerLink) -> None:
        """A link stands."""
        with self._condition:
            self._links[link.link] = link
            self._serving[link] = None

    def ended(self, link: PeerLink) -> None:
        """A link is over; what it has kept may still be asked for."""
        with self._condition:
            self._serving.pop(link, None)
            if link.forgettable:
                self._links.pop(link.link, None)

    def forget(self, link: LinkId) -> PeerLink | None:
        """Nobody uses a link any more; return it, if there was one."""
        with self._condition:
            return self._links.pop(link, None)

    def clear(self) -> list[PeerLink]:
        """Forget all; return those that are still being carried."""
        with self._condition:
            self._links.clear()
            return list(self._serving)

    def serving(self) -> list[PeerLink]:
        """Return those that are being carried, oldest first."""
        with self._condition:
            return list(self._serving)

    def latest(self) -> dict[NodeId, PeerLink]:
        """Return one link for each peer, the latest: an older one may be dead without knowing it yet."""
        with self._condition:
            return {link.peer: link for link in self._links.values()}

    def direct(self) -> dict[NodeId, PeerLink]:
        """Return, for each peer, the latest open link that no relay carries."""
        return {link.peer: link for link in self.serving() if link.way.relay is None and link.is_open}

    def at(self, place: Place) -> NodeId | None:
        """Return who is linked at a place."""
        with self._condition:
            return next((link.peer for link in self._links.values() if link.way == (place, None)), None)

    def unwelcome(self, gate: Gate) -> list[PeerLink]:
        """Return the links to whomever the gate lets in no more, and those by such relays."""
        return [
            link
            for link in self.serving()
            if gate.refusal_of_node(link.peer)
            or gate.refusal_of_host(link.host)
            or (link.way.relay is not None and gate.refusal_of_node(link.way.relay))
        ]

    def refusal(self, peer: NodeId, host: str) -> str:
        """Return why there is no room for a link of a caller who has proven its id; empty when there is."""
        links = self.serving()
        if len(links) >= self._limits.links:
            return "this node has all the links it can carry"
        if sum(link.peer == peer for link in links) >= self._limits.links_of_peer:
            return f"there are {self._limits.links_of_peer} links to this node already"
        origin = origin_of(host)
        if sum(link.incoming and origin_of(link.host) == origin for link in links) >= self._limits.links_of_one:
            return f"there are {self._limits.links_of_one} links from this address already"
        return ""
