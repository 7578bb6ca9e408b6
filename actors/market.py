"""The requestor's pools of offers, one per task, and when they are looked through.

Knows offers and the pool machine. Must not know apps, subtasks or how offers arrive.
"""

from __future__ import annotations

from claynet.actors.core import pool as machine
from claynet.actors.core.records import Offer
from claynet.actors.ports import NodeId


class Pool:
    """Offers for one task, one of each provider. The first offer opens a short gathering time; choosing happens only after it."""

    def __init__(self) -> None:
        self._offers: dict[NodeId, machine.PooledState] = {}
        self.gathering = False

    def __len__(self) -> int:
        return len(self._offers)

    def holds(self, provider: NodeId) -> bool:
        """Tell whether an offer of this provider is here."""
        return provider in self._offers

    def add(self, offer: Offer, body: bytes, now: int) -> list[machine.PooledState]:
        """Pool an offer that came at `now`; an older one of the same provider is replaced and returned."""
        older = self._offers.pop(offer.provider, None)
        self._offers[offer.provider] = machine.PooledState(status=machine.INITIAL, offer=offer, body=body, expires=now + offer.lifetime)
        return [machine.step(older, "declined")] if older is not None and older.offer.offer_id != offer.offer_id else []

    def expire(self, now: int) -> list[machine.PooledState]:
        """Take out and return offers past their time."""
        return self._take([entry for entry in self._offers.values() if entry.expires <= now], "expired")

    def choose(self, max_price: int, failed: frozenset[NodeId]) -> machine.PooledState | None:
        """Take out the best offer; None when the pool is empty."""
        best = machine.ranked(self._offers.values(), max_price, failed)[:1]
        return self._take(best, "chosen")[0] if best else None

    def decline_all(self) -> list[machine.PooledState]:
        """Take out and return every offer."""
        return self._take(list(self._offers.values()), "declined")

    def _take(self, entries: list[machine.PooledState], name: str) -> list[machine.PooledState]:
        for entry in entries:
            del self._offers[entry.offer.provider]
        return [machine.step(entry, name) for entry in entries]
