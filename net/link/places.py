"""Where a node may be called: a place of its own, or a relay at which it is to be met.

Knows values only. Must not know connections, nor how anybody learns of places.
"""

from __future__ import annotations

from typing import NamedTuple

from claynet.actors.ports import NodeId

Place = tuple[str, int]
"""Host and port."""


def where_is(place: Place) -> str:
    """Write a place for people."""
    host, port = place
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Way(NamedTuple):
    """One way to a node."""

    place: Place
    relay: NodeId | None = None
    """Who listens there and passes on; None: the node itself listens there."""

    def __str__(self) -> str:
        return where_is(self.place) if self.relay is None else f"relay {self.relay[:12]} at {where_is(self.place)}"
