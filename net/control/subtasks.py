"""The control API's service `Subtasks`: single tries, of this node's tasks and of the work it does for others.

Knows the view, the node's orders and where services log. Must not know tasks as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from claynet.actors.core.subtask import FINAL
from claynet.net.control.calls import Call, NotFound, Refused
from claynet.net.control.host import Host
from claynet.net.control.messages import slot_message, subtask_message
from claynet.net.control.tasks import find_task
from claynet.proto import node_pb2 as api

_LEAST = 4
"""Digits of an id that may stand for it."""


class SubtasksService:
    """Single tries."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def on_list(self, request: api.SubtasksRequest, _call: Call) -> api.SubtasksReply:
        """Those of one task, of all, or the work for others."""
        view = self._host.view
        if request.work:
            return api.SubtasksReply(subtasks=[slot_message(view, slot) for slot in view.slots()])
        task_id = find_task(self._host, request.task).id if request.task else ""
        return api.SubtasksReply(subtasks=[subtask_message(view, one) for one in view.subtasks(task_id)])

    def on_show(self, request: api.SubtaskId, _call: Call) -> api.Subtask:
        """One of them, whole."""
        view, found = self._host.view, self._find(request.id)
        subtask, slot = view.subtask(found), view.slot(found)
        if subtask is not None:
            return subtask_message(view, subtask, whole=True)
        assert slot is not None  # it was found
        return slot_message(view, slot, whole=True)

    def on_restart(self, request: api.SubtaskId, call: Call) -> api.Subtask:
        """Compute its part again, by whoever takes it."""
        found = self._find(request.id)
        subtask = self._host.view.subtask(found)
        if subtask is None:
            raise Refused("this node works on that subtask for another: only its requestor can have it computed again")
        task = self._host.view.task(subtask.task_id)
        if task is None or task.is_final:
            raise Refused(f"its task is {task.status.replace('_', ' ') if task else 'deleted'}; `claynet task restart` begins it anew")
        if subtask.status in FINAL or subtask.status == "requested":
            raise Refused(f"it is {subtask.status.replace('_', ' ')}: its part is handed out again by itself")
        self._host.node.restart_subtask(found)
        return self.on_show(api.SubtaskId(id=found), call)

    def on_logs(self, request: api.SubtaskId, _call: Call) -> Iterator[api.LogLine]:
        """What its service wrote on this node: only who computes it has that."""
        found = self._find(request.id)
        paths = _logs_of(self._host.data_dir.work, found)
        subtask = self._host.view.subtask(found)
        if not paths and subtask is not None:
            reason = f"; what it said of it: {subtask.reason}" if subtask.reason else ""
            raise NotFound(f"its service runs at its provider {subtask.provider}, and its log is there{reason}")
        if not paths:
            raise NotFound("no log of it is kept here: its service has not begun, or wrote nothing, or the log had to make room")
        for path in paths:
            with path.open(encoding="utf-8", errors="replace") as file:
                for line in file:
                    yield api.LogLine(text=line.rstrip("\n"))

    def _find(self, name: str) -> str:
        view = self._host.view
        if view.subtask(name) or view.slot(name):
            return name
        ids = [*(one.id for one in view.subtasks()), *(one.id for one in view.slots())]
        found = list(dict.fromkeys(one for one in ids if len(name) >= _LEAST and one.startswith(name)))
        if len(found) == 1:
            return found[0]
        if found:
            raise Refused(f"{name!r} may be one of {len(found)} subtasks; give more of the id")
        raise NotFound(f"this node knows no subtask {name!r}; `claynet subtask list` shows those it has")


def _logs_of(work: Path, subtask_id: str) -> list[Path]:
    """Return the logs of a subtask's service, the oldest first: each environment keeps its own."""
    found = work.glob(f"*/.logs/*{subtask_id}*.log")
    return sorted(found, key=lambda path: path.stat().st_mtime_ns)
