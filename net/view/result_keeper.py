"""Final results of tasks: remembered when they are stored, and copied to where their user wants them.

Knows task records, blobs and folders. Must not know who asks. A result is remembered in the thread that tells of it, before the app may
tidy up; copying has a thread of its own, and is taken up again after a crash.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import msgspec

from claynet.actors.blob_names import Namer
from claynet.actors.events import TASK_FINAL
from claynet.actors.ports import Blobs, FileRef, Store
from claynet.net.view.event_hub import Event
from claynet.net.view.node_view import NodeView
from claynet.net.view.values import TaskRecord

logger = logging.getLogger(__name__)

_PIECE = 1 << 20

Emit = Callable[..., None]


class ResultError(Exception):
    """Results cannot be copied; the text says which, where to and why."""


class ResultKeeper:
    """One node's. `on_event` belongs among the hub's first; `start` after the view was loaded."""

    def __init__(self, store: Store, view: NodeView, blobs: Blobs) -> None:
        self._store = store
        self._view = view
        self._blobs = blobs
        self._due: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._emit: Emit | None = None

    def start(self, emit: Emit) -> None:
        """Begin to copy, first what an earlier life left undone; `emit` is told of each."""
        self._emit = emit
        for record in self._view.records():
            if record.delivery == "stored" and record.output_directory:
                self._due.put(record.id)
        self._thread = threading.Thread(target=self._work, name="results", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the copy under way. Idempotent."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._due.put(None)
            thread.join()

    def begin(self, record: TaskRecord) -> None:
        """Keep what a new task's user wants."""
        with self._lock:
            known = self._view.record(record.id)
            if known is not None:  # it was over before this was said
                record = msgspec.structs.replace(known, created=record.created, output_directory=record.output_directory)
            self._store.append(f"record/{record.id}", record)
        if record.delivery == "stored" and record.output_directory:
            self._due.put(record.id)

    def forget(self, task_id: str) -> None:
        """A task is forgotten."""
        self._store.append(f"record/{task_id}", None)

    def on_event(self, event: Event) -> None:
        """Remember when a task ended and what came of it."""
        fields = event.fields
        if event.kind == "task" and fields["state"] in TASK_FINAL:
            self._change(fields["id"], ended=event.at)
        elif event.kind == "results":
            files = tuple(FileRef(*file) for file in fields["files"])
            problem = str(fields["problem"])
            record = self._change(fields["id"], results=files, delivery="failed" if problem else "stored", delivery_problem=problem)
            if not problem and record.output_directory:
                self._due.put(record.id)

    def copy(self, record: TaskRecord, folder: Path) -> Path:
        """Copy results to a folder, or to one in it named like the task's id when other files are in the way; return which.

        Raises ResultError.
        """
        try:
            target = folder
            if self._in_the_way(record, folder):
                folder = folder / record.id[:8]
            for file in record.results:
                target = folder / _inside(file.name)
                target.parent.mkdir(parents=True, exist_ok=True)
                self._blobs.copy_to(file.digest, target)
        except KeyError:
            raise ResultError(f"{file.name} is no longer among the node's files") from None
        except (OSError, ValueError) as error:  # a ValueError: the folder's name has a character that no name can have
            raise ResultError(f"{target} cannot be written: {getattr(error, 'strerror', None) or error}") from error
        return folder

    def _in_the_way(self, record: TaskRecord, folder: Path) -> bool:
        """Tell whether another file would be lost; one that is the same is what an earlier copy left."""
        for file in record.results:
            target = folder / _inside(file.name)
            if target.exists() and not _is_same(target, file):
                return True
        return False

    def _change(self, task_id: str, **changes: object) -> TaskRecord:
        with self._lock:
            task = self._view.task(task_id)
            created = task.deadline - task.spec.task_timeout if task else 0
            record = self._view.record(task_id) or TaskRecord(id=task_id, created=created)
            record = msgspec.structs.replace(record, **changes)
            self._store.append(f"record/{task_id}", record)
            return record

    def _work(self) -> None:
        while (task_id := self._due.get()) is not None:
            try:
                self._deliver(task_id)
            except Exception:  # the store failed, as a rule: what is undone is taken up by the next life
                logger.exception("the results of task %s could not be delivered", task_id)

    def _deliver(self, task_id: str) -> None:
        record = self._view.record(task_id)
        if record is None or record.delivery != "stored" or not record.output_directory:
            return
        folder, problem = "", ""
        try:
            folder = str(self.copy(record, Path(record.output_directory)))
        except ResultError as error:
            problem = str(error)
        except Exception as error:  # a bug of ours must not leave those waiting who watch the task
            logger.exception("the results of task %s could not be copied", task_id)
            problem = f"a bug of claynet: {type(error).__name__}: {error}"
        if problem:
            self._change(task_id, delivery="failed", delivery_problem=problem)
        else:
            self._change(task_id, delivery="delivered", delivered_to=folder)
        assert self._emit is not None  # it is at work
        self._emit("delivered", id=task_id, folder=folder, problem=problem)


def _is_same(path: Path, file: FileRef) -> bool:
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    with path.open("rb") as found:
        namer = Namer()
        while piece := found.read(_PIECE):
            namer.update(piece)
        return namer.name() == file.digest


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ResultError(f"{name!r} is no name of a file inside a folder")
    return path
