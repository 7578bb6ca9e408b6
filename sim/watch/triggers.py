"""Finds out when `when:` events are due.

Knows subtask events and the plan's conditions. Must not know what an event then does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from claynet.sim.scenario.plan import EventPlan, When

_STATES = {"subtasks_assigned": "assigned", "subtasks_finished": "finished", "subtasks_failed": "failed"}


class Triggers:
    """A subscriber that calls `fire(number of the event)` once per `when:` event: as soon as the first task of that name is so far.

    `fire` is called inside the handler that brought it about, so it must only take note: the world acts after the handler.
    """

    KINDS = frozenset({"subtask"})

    def __init__(self, events: Sequence[EventPlan], fire: Callable[[int], None]) -> None:
        # Numbers, not the events themselves: two entries may be equal.
        self._waiting = [(event.trigger, index) for index, event in enumerate(events) if isinstance(event.trigger, When)]
        self._fire = fire
        self._seen: dict[tuple[str, str], set[str]] = {}

    def on_event(self, kind: str, at: int, node: str, fields: Mapping[str, object]) -> None:  # noqa: ARG002  (the Subscriber's signature)
        """Take one event."""
        if not self._waiting or kind != "subtask":
            return
        task, name, state = str(fields["task"]), str(fields["name"]), str(fields["state"])
        if state not in _STATES.values():
            return
        so_far = self._seen.setdefault((task, state), set())
        so_far.add(str(fields["id"]))
        due = [
            (when, index)
            for when, index in self._waiting
            if when.task == name and _STATES[when.progress] == state and len(so_far) >= when.count
        ]
        for pair in due:
            self._waiting.remove(pair)
            self._fire(pair[1])
