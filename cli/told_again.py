"""What a node had committed and could not tell any more before it was killed: found out from its own answers when it is back.

Knows a few kinds of events, and the control API's tasks and subtasks. Must not know processes. A node commits first and tells then, so a
kill between the two leaves a state that nobody was told of; whoever counts must hear of it all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from claynet.cli.control_client import NodeClient
from claynet.proto import node_pb2 as api

_PAID = {"requestor": "acknowledged", "provider": "received"}


class ToldAgain:
    """What one node told so far."""

    def __init__(self) -> None:
        self._states: dict[str, str] = {}
        """Task or subtask to its last state."""
        self._payments: set[tuple[str, str]] = set()

    def hear(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Take an event."""
        if kind in ("task", "subtask"):
            self._states[str(fields["id"])] = str(fields["state"])
        elif kind == "payment":
            self._payments.add((str(fields["id"]), str(fields["state"])))

    def missing(self, client: NodeClient, node_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Return the events that were never told: (kind, fields). Raises NodeTrouble."""
        for task in client.call("Tasks.List", api.TasksRequest()).tasks:
            if self._is_news(task):
                yield "task", {"id": task.id, "name": task.name, "app": task.app_id, **self._change(task)}
        subtasks = [*client.call("Subtasks.List", api.SubtasksRequest()).subtasks]
        for one in subtasks:
            if self._is_news(one):
                told = {"id": one.id, "task": one.task, "name": one.task_name, "provider": one.peer, **self._change(one)}
                yield "subtask", told
        work = client.call("Subtasks.List", api.SubtasksRequest(work=True)).subtasks
        for one in (*subtasks, *work):
            if one.payment == _PAID[one.side] and (one.id, one.payment) not in self._payments:
                payer, payee = (node_id, one.peer) if one.side == "requestor" else (one.peer, node_id)
                yield "payment", {"id": one.id, "payer": payer, "payee": payee, "amount": one.amount, "state": one.payment}

    def _is_news(self, found: Any) -> bool:
        return bool(self._states.get(found.id) != found.state)

    def _change(self, found: Any) -> dict[str, Any]:
        before = self._states.get(found.id)
        self._states[found.id] = found.state
        return {"before": before, "state": found.state, "reason": found.reason or "told when the node was back"}
