"""Forgetting tasks: what is over and owes nobody anything leaves the store when its user says so.

Knows what may still be owed of a task: answers of an app, of peers, and money. Must not know why a user deletes it.
"""

from __future__ import annotations

from claynet.actors.core import payment as payments
from claynet.actors.core import subtask as subtasks
from claynet.actors.core import task as tasks
from claynet.actors.requestor_base import RequestorBase

MOST_FORGOTTEN = 10_000
"""Ids of deleted subtasks that are remembered, so that a late repetition of a peer's is no misuse."""


class Forgetting(RequestorBase):
    """Deleting tasks."""

    def _delete(self, task_id: str) -> None:
        task = self._tasks.get(task_id)
        problem = "there is no such task" if task is None else self._obstacle(task)
        if task is not None and not problem:
            self._forget(task)
        self.ports.sink.emit("deleted", id=task_id, problem=problem)

    def _obstacle(self, task: tasks.TaskState) -> str:
        """Return what is still to come of a task; empty when nothing is."""
        if not task.is_final:
            return f"the task is {task.status}; abort it first"
        if self._dialogue.waits(task.id) or task.id in self._uncollected or self._undiscarded.get(task.id):
            return "the app is still being told that the task is over"
        for subtask in self._subtasks_of(task):
            if not self._keeper.is_quiet(subtasks.key(subtask.id)):
                return f"the provider {subtask.provider} has not acknowledged what became of subtask {subtask.id}"
            payment = self._payments.get(subtask.id)
            if payment is not None and payment.status not in payments.FINAL:
                return f"the provider {subtask.provider} has not acknowledged the payment of subtask {subtask.id}"
        return ""

    def _subtasks_of(self, task: tasks.TaskState) -> list[subtasks.SubtaskState]:
        return [one for one in self._subtasks.values() if one.task_id == task.id]

    def _forget(self, task: tasks.TaskState) -> None:
        """Subtasks first: after a crash in between, the task is there to be deleted again."""
        for subtask in self._subtasks_of(task):
            self._forgotten[subtask.id] = None
            if self._payments.pop(subtask.id, None) is not None:
                self.ports.store.append(payments.key(subtask.id), None)
            self.ports.store.append(subtasks.key(subtask.id), None)
            del self._subtasks[subtask.id]
            self._seen.pop(subtask.id, None)
            self._no_room.pop(subtask.id, None)
            self._last_chance.discard(subtask.id)
        while len(self._forgotten) > MOST_FORGOTTEN:
            del self._forgotten[next(iter(self._forgotten))]
        self.ports.store.append(tasks.key(task.id), None)
        for table in (self._tasks, self._open, self._asking, self._undiscarded, self._results, self._doubted, self._no_room):
            table.pop(task.id, None)
        self._idle.discard(task.id)
