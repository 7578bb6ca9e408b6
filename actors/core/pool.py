"""Requestor side of the negotiation: one machine per offer, and the order in which offers are chosen.

All changes of an offer's status are in this file. It does not know the app or the network. Not persisted: offers expire by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable

from claynet.actors.core.machine import State, move
from claynet.actors.core.records import Offer
from claynet.actors.ports import NodeId

TABLE = {
    ("pooled", "chosen"): "chosen",
    ("pooled", "expired"): "expired",
    ("pooled", "declined"): "declined",
}
FINAL = frozenset({"chosen", "expired", "declined"})
INITIAL = "pooled"
MOST_OF_ONE = 256
"""Offers of one provider that may be open on a node, one for each task: as many as the slots that a provider may have."""
MOST_LIFETIME = 3_600_000_000_000
"""Longest lifetime of an offer, ns."""


class PooledState(State, frozen=True, kw_only=True, tag="pooled"):
    """One offer in a task's pool."""

    offer: Offer
    body: bytes
    """The sealed offer, to be nested in the assignment."""
    expires: int
    """UTC ns, by this node's clock."""


def step(state: PooledState, name: str) -> PooledState:
    """Return the state after a move. Raises InvalidTransition."""
    return move(TABLE, f"offer/{state.offer.offer_id}", state, name)


def refusal(offer: Offer, max_price: int, max_score: float) -> tuple[str, str] | None:
    """Return (rule, detail) when an offer cannot be pooled; None when it can.

    A benchmark score above the app's `max_benchmark_score` is a claim that is not believed.
    """
    if not 0 < offer.lifetime <= MOST_LIFETIME:
        return "lifetime", f"an offer is good for up to {MOST_LIFETIME // 10**9} s, not {offer.lifetime / 10**9:g} s"
    if offer.price > max_price or offer.price < 0:
        return "price", f"{offer.price} per hour was asked, at most {max_price} is paid"
    if not 0 <= offer.score <= max_score:
        return "score", f"a benchmark score of {offer.score:g} is not believed; the app allows 0 to {max_score:g}"
    return None


def ranked(pool: Iterable[PooledState], max_price: int, failed: frozenset[NodeId]) -> list[PooledState]:
    """Order offers best first: a low price against the maximum and a high benchmark score count alike.

    Providers that failed in this task come last, none is barred. Ties: by provider and offer id, so that every run agrees.
    """
    offers = list(pool)
    best_score = max((entry.offer.score for entry in offers), default=0.0) or 1.0
    top_price = max_price or 1

    def rank(entry: PooledState) -> tuple[bool, float, str, str]:
        offer = entry.offer
        value = (1.0 - offer.price / top_price) + offer.score / best_score
        return offer.provider in failed, -value, offer.provider, offer.offer_id

    return sorted(offers, key=rank)
