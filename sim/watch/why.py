"""Why providers did not take a task: gathered from what nodes said, never guessed.

Knows `decline`, `offer`, `subtask`, `task` and `node` events. Must not know the plan beyond the names of its providers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MOST_ENTRIES = 1_000
"""Entries of a report; a last one says how many more there are."""


@dataclass(frozen=True, slots=True)
class Why:
    """Why one node did not take one task. `task` is `name (first digits of its id)`."""

    task: str
    node: str
    rule: str
    detail: str


class Reasons:
    """A subscriber that remembers, for each task and provider, the last reason given and what else is known.

    Rules: those of `decline` events, then `not_chosen` (it offered and got no subtask) and `silent` (its requestor heard no offer and
    no reason from it).
    """

    KINDS = frozenset({"decline", "offer", "subtask", "task", "node"})

    def __init__(self, providers: Iterable[str]) -> None:
        """Take the names of all providers, in the order in which they are to be listed."""
        self._providers = tuple(providers)
        self._names: dict[str, str] = {}
        self._tasks: dict[str, tuple[str, str]] = {}
        self._declines: dict[tuple[str, str], dict[str, str]] = {}
        self._offered: set[tuple[str, str]] = set()
        self._took: set[tuple[str, str]] = set()

    def on_event(self, kind: str, at: int, node: str, fields: Mapping[str, object]) -> None:  # noqa: ARG002  (the Subscriber's signature)
        """Take one event."""
        if kind == "decline":
            rules = self._declines.setdefault((str(fields["task"]), str(fields["provider"])), {})
            rule = str(fields["rule"])
            rules.pop(rule, None)  # so that the last one said stands last
            rules[rule] = str(fields["detail"])
        elif kind == "offer":
            self._offered.add((str(fields["task"]), str(fields["provider"])))
        elif kind == "subtask":
            if fields["state"] == "assigned":
                self._took.add((str(fields["task"]), str(fields["provider"])))
        elif kind == "task":
            self._tasks[str(fields["id"])] = (str(fields["name"]), str(fields["state"]))
        elif kind == "node":
            self._names[str(fields["id"])] = node

    def rules(self, task: str) -> dict[str, set[str]]:
        """Return, for tasks of that name taken together, node name to the rules by which it did not take one."""
        found: dict[str, set[str]] = {}
        for (task_id, provider), rules in self._declines.items():
            if self._tasks.get(task_id, ("", ""))[0] == task:
                found.setdefault(self._names.get(provider, provider), set()).update(rules)
        ids = self._ids()
        for task_id in [task_id for task_id, (name, _) in self._tasks.items() if name == task]:
            for node in self._providers:
                pair = (task_id, ids.get(node, node))
                if pair not in self._took and pair not in self._declines:
                    found.setdefault(node, set()).add(self._entry(pair, task, node).rule)
        return found

    def entries(self) -> list[Why]:
        """Return, for every task that did not finish, each provider that got no subtask of it: why, as far as is known."""
        found: list[Why] = []
        left_out = 0
        ids = self._ids()
        for task_id, (name, state) in self._tasks.items():
            if state == "finished":
                continue
            for node in self._providers:
                pair = (task_id, ids.get(node, node))
                if pair in self._took:
                    continue
                if len(found) < MOST_ENTRIES:
                    found.append(self._entry(pair, f"{name} ({task_id[:8]})", node))
                else:
                    left_out += 1
        if left_out:
            found.append(Why("", "", "more", f"{left_out} more entries are left out"))
        return found

    def _ids(self) -> dict[str, str]:
        return {name: node_id for node_id, name in self._names.items()}

    def _entry(self, pair: tuple[str, str], task: str, node: str) -> Why:
        rules = self._declines.get(pair)
        if rules:
            rule, detail = list(rules.items())[-1]
            return Why(task, node, rule, detail)
        if pair in self._offered:
            return Why(task, node, "not_chosen", "its offer was there when the task ended, and no subtask went to it")
        return Why(task, node, "silent", "no offer and no reason came from it")
