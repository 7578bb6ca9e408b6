"""Blobs that nothing needs any more: found by what the node remembers, and deleted after a while.

Knows which states of a node name blobs, and for how long each may need them. Must not know how blobs are kept, nor when it is asked.

A blob may be here before a state that names it is: it was just put, and the message that says so is under way. So one goes only when it
was named by nothing at each look for a whole GRACE of this process's time, and was neither put, extended nor asked for meanwhile.
Whatever reads a blob has first put it or asked whether it is here, after the state that names it was committed.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from claynet.actors.core.subtask import SubtaskState
from claynet.actors.core.task import TaskState
from claynet.actors.ports import Digest
from claynet.net.storage.disk_blobs import DiskBlobs, Mark
from claynet.net.view.node_view import NodeView
from claynet.net.view.values import TaskRecord

GRACE = 3600.0
"""Seconds. What stores files one after the other (an app's inputs or results) may take two minutes before it tells of the first."""


def needed(view: NodeView) -> set[Digest]:
    """Return the blobs that the states of a node name and that may still be read.

    A task's inputs and results stay until it is deleted, since it may be restarted and its results copied. A subtask's files stay while it
    is open; its accepted result until the task's own results are stored, since an environment may hold it by its digest alone. A
    provider keeps inputs while it computes and a result until its verdict, however late.
    """
    tasks = {task.id: task for task in view.tasks()}
    records = {record.id: record for record in view.records()}
    files = [file for task in tasks.values() for file in task.spec.inputs]
    for record in records.values():
        if record.id in tasks:  # else its deletion was cut short
            files += record.results
    for subtask in view.subtasks():
        if subtask.is_open:
            files += subtask.inputs
        if subtask.result is not None and (subtask.is_open or _may_be_collected(subtask, tasks, records)):
            files.append(subtask.result)
    for slot in view.slots():
        if slot.is_busy:
            files += slot.inputs
        elif slot.result is not None and slot.status in ("reported", "unanswered"):
            files.append(slot.result)
    return {file.digest for file in files}


def _may_be_collected(subtask: SubtaskState, tasks: Mapping[str, TaskState], records: Mapping[str, TaskRecord]) -> bool:
    """Tell whether an accepted result may still become one of its task's."""
    task, record = tasks.get(subtask.task_id), records.get(subtask.task_id)
    if subtask.status != "finished" or task is None or (record is not None and record.delivery):
        return False
    return not task.is_final or task.status == "finished"


class BlobSweep:
    """One node's. `look` is for one thread, `held` for any."""

    def __init__(self, blobs: DiskBlobs, view: NodeView, clock: Callable[[], float] = time.monotonic, grace: float = GRACE) -> None:
        self._blobs = blobs
        self._view = view
        self._clock = clock
        self._grace = grace
        self._idle: dict[Digest, tuple[float, Mark]] = {}
        """Blobs that nothing names: since which look, and their mark then."""
        self._lock = threading.Lock()
        self._holders = 0

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Nothing is deleted meanwhile: files are taken in whose task comes only when all are here, however long that takes."""
        with self._lock:
            self._holders += 1
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1

    def look(self) -> tuple[int, int]:
        """Look once, and delete what was idle for long enough; return how many blobs and bytes went. Raises OSError."""
        with self._lock:
            if self._holders:
                self._idle.clear()
                return 0, 0
        now, wanted, count, freed = self._clock(), needed(self._view), 0, 0
        before, self._idle = self._idle, {}
        for digest, mark in self._blobs.marks().items():
            if digest in wanted:
                continue
            since, known = before.get(digest, (now, mark))
            if known != mark:
                since = now
            elif now - since >= self._grace:
                count += 1
                freed += self._blobs.delete_idle(digest, mark)
                continue
            self._idle[digest] = (since, mark)
        return count, freed
