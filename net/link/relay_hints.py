"""At which relays nodes are to be met: the word of those relays, bounded, and forgotten with the node's end.

Knows ids and places. Must not know connections. A relay speaks of itself only, so a false hint costs one call to whoever gave it.
"""

from __future__ import annotations

from claynet.actors.ports import NodeId
from claynet.net.link.places import Place, Way

_OF_ONE_RELAY = 64
_MOST = 512
_OF_ONE_NODE = 3
"""Relays; the latest that said so count."""


class RelayHints:
    """What one node has heard. Not thread-safe: its owner has a lock."""

    def __init__(self) -> None:
        self._relays: dict[str, dict[str, Place]] = {}

    def hear(self, relay: NodeId, place: Place, node: str) -> None:
        """A relay that is called at a place says that a node is to be met there."""
        known = self._relays.get(node, {})
        if relay not in known:
            if sum(relay in relays for relays in self._relays.values()) >= _OF_ONE_RELAY:
                return
            if not known and len(self._relays) >= _MOST:
                return
        known = {relay: place, **{other: where for other, where in known.items() if other != relay}}
        self._relays[node] = dict(list(known.items())[:_OF_ONE_NODE])

    def ways(self, node: str) -> list[Way]:
        """Return the ways to a node by relays, the latest first."""
        return [Way(place, NodeId(relay)) for relay, place in self._relays.get(node, {}).items()]

    def nodes(self) -> list[str]:
        """Return who is to be met anywhere."""
        return list(self._relays)

    def forget(self, node: str) -> None:
        """It is not met at any of them."""
        self._relays.pop(node, None)
