"""What the tutorial keeps of its tasks, in each task's own folder: the parameters and the parts.

Knows those two files. Must not know calls, archives or verdicts.
"""

from __future__ import annotations

import json
import threading

from claynet.apps.tutorial.values import TaskParams
from claynet.taskapi import TaskFolder
from claynet.taskapi.parts import PartsStore

_PARAMS = "params.json"
_PARTS = "parts.sqlite"


class Keeping:
    """The tasks of one service. A task exists from the moment its parameters are written; nothing else is kept in memory for long."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stores: dict[str, PartsStore] = {}

    def create(self, task: TaskFolder, params: TaskParams, parts: int) -> None:
        """Keep a new task; raises ValueError when there is one of that id."""
        if self.exists(task):
            raise ValueError(f"task {task.task_id} was created before")
        self._open(task).add(range(parts))
        text = json.dumps({"difficulty": params.difficulty, "resources": list(params.resources)}, sort_keys=True)
        unfinished = task.path / f"{_PARAMS}.new"
        unfinished.write_text(text)
        unfinished.replace(task.path / _PARAMS)

    def exists(self, task: TaskFolder) -> bool:
        """Return whether a task was created."""
        return (task.path / _PARAMS).is_file()

    def params(self, task: TaskFolder) -> TaskParams:
        """Return a task's parameters; raises ValueError for an unknown one."""
        self._check(task)
        return TaskParams.read(json.loads((task.path / _PARAMS).read_text()))

    def parts(self, task: TaskFolder) -> PartsStore:
        """Return a task's parts; raises ValueError for an unknown one."""
        self._check(task)
        return self._open(task)

    def rest(self, task: TaskFolder) -> None:
        """Let go of a task's open file, for it may not be needed again; it is opened when it is."""
        with self._lock:
            store = self._stores.pop(task.task_id, None)
        if store is not None:
            store.close()

    def _check(self, task: TaskFolder) -> None:
        if not self.exists(task):
            raise ValueError(f"unknown task {task.task_id}")

    def _open(self, task: TaskFolder) -> PartsStore:
        with self._lock:
            return self._stores.setdefault(task.task_id, PartsStore(task.path / _PARTS))
