"""Which quality holds between two nodes now: the plan's, its link rules, and changes that faults make and take back.

Knows the plan's values. Must not know the network that asks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from claynet.sim.scenario.plan import LinkChange, LinkQuality, NetworkPlan


class Links:
    """Answers `quality(source, target)`; later changes win over earlier ones."""

    def __init__(self, plan: NetworkPlan) -> None:
        self._base = plan.quality
        self._changes: list[tuple[frozenset[str], frozenset[str], LinkChange]] = []
        self._known: dict[tuple[str, str], LinkQuality] = {}
        for rule in plan.links:
            self.change(rule.left, rule.right, rule.change)

    def quality(self, source: str, target: str) -> LinkQuality:
        """Return what holds from one node to another."""
        if not self._changes:
            return self._base
        known = self._known.get((source, target))
        if known is None:
            known = self._base
            for left, right, change in self._changes:
                if (source in left and target in right) or (source in right and target in left):
                    known = _changed(known, change)
            self._known[source, target] = known
        return known

    def change(self, left: tuple[str, ...], right: tuple[str, ...], change: LinkChange) -> Callable[[], None]:
        """Change the links between two sides, both directions; call what is returned to take it back."""
        entry = (frozenset(left), frozenset(right), change)
        self._changes.append(entry)
        self._known.clear()

        def undo() -> None:
            self._changes[:] = [one for one in self._changes if one is not entry]  # not its equal: the order of the others counts
            self._known.clear()

        return undo


def _changed(quality: LinkQuality, change: LinkChange) -> LinkQuality:
    given = {name: getattr(change, name) for name in ("latency", "bandwidth", "loss")}
    return replace(quality, **{name: value for name, value in given.items() if value is not None})
