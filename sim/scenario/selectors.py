"""Selectors of a scenario file: `honest` is a whole group, `honest[0]` one node of it.

Knows groups and node names. Must not know what a selector is used for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from claynet.actors.nearest import nearest
from claynet.sim.scenario.fields import Item, text
from claynet.sim.scenario.plan import NodePlan
from claynet.sim.scenario.yamltree import Sequence

_SELECTOR = re.compile(r"([^\[\]]+)(?:\[([0-9]{1,9})\])?")


class Selectors:
    """Resolves selectors to node names."""

    def __init__(self, nodes: Iterable[NodePlan]) -> None:
        self._groups: dict[str, list[NodePlan]] = {}
        for node in nodes:
            self._groups.setdefault(node.group, []).append(node)

    def one(self, item: Item | None, fits: Callable[[NodePlan], bool] | None = None, wanted: str = "") -> tuple[str, ...]:
        """Return the nodes of one selector; none, and a finding, when it names none, or one that does not fit."""
        if item is None:
            return ()
        selector = item.parsed(text)
        if selector is None:
            return ()
        match = _SELECTOR.fullmatch(selector.strip())
        if match is None:
            item.wrong(f"{selector[:60]!r} is not a selector", "write a group (honest) or one node of it (honest[0])")
            return ()
        group, index = match[1], match[2]
        if group not in self._groups:
            item.wrong(f"unknown group {group[:60]!r}", nearest(group, self._groups))
            return ()
        nodes = self._groups[group]
        if index is not None and int(index) >= len(nodes):
            item.wrong(f"{selector!r} is out of range", f"{group} has {len(nodes)}: {group}[0] to {group}[{len(nodes) - 1}]")
            return ()
        chosen = nodes if index is None else [nodes[int(index)]]
        if fits is not None and not all(fits(node) for node in chosen):
            item.wrong(f"{selector!r} {wanted}")
            return ()
        return tuple(node.name for node in chosen)

    def some(self, item: Item | None, fits: Callable[[NodePlan], bool] | None = None, wanted: str = "") -> tuple[str, ...]:
        """Return the nodes of a selector or of a list of selectors, each node once."""
        if item is None:
            return ()
        if not isinstance(item.node, Sequence):
            return self.one(item, fits, wanted)
        found: dict[str, None] = {}
        for entry in item.items():
            found.update(dict.fromkeys(self.one(entry, fits, wanted)))
        if not item.node.items:
            item.wrong("names no node")
        return tuple(found)
