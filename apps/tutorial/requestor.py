"""The tutorial's requestor side: hands parts out and judges what comes back.

Knows a task's folders, parts and archives. Must not know nodes. Safe to restart at any moment: all it knows is in the tasks' folders, and
a part is marked a success before its result is moved, so that a repeated Verify can finish the move.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from claynet.apps.tutorial.archive import write_archive
from claynet.apps.tutorial.keeping import Keeping
from claynet.apps.tutorial.proof import Puzzle, benchmark, solves
from claynet.apps.tutorial.values import Result, SubtaskParams, TaskParams, digest_of, final_result, subtask_archive
from claynet.taskapi import DOCKER_CPU, NewTask, Params, RequestorAppHandler, ShutdownSignal, Subtask, TaskFolder, Verdict, Verification
from claynet.taskapi.parts import Status

IMAGE = "claynet/tutorial"
TAG = "1.0.0"
_MEMORY_MIB = 64.0

_ABORTED = Verification(Verdict.INCONCLUSIVE, "the subtask was aborted")


class TutorialRequestor(RequestorAppHandler):
    """Each part asks for a nonce of its own; parts do not depend on each other."""

    def __init__(self, image: str = IMAGE) -> None:
        """`image` is where its subtasks are to be computed."""
        self._image = image
        self._keeping = Keeping()

    def create_task(self, task: TaskFolder, max_subtasks: int, params: Params) -> NewTask:
        """Keep the task with `max_subtasks` parts; raises ValueError for wrong parameters or input files."""
        wanted = TaskParams.read(params)
        wanted.check_files(task)
        self._keeping.create(task, wanted, max_subtasks)
        return NewTask(DOCKER_CPU, {"image": self._image, "tag": TAG}, _MEMORY_MIB)

    def has_pending_subtasks(self, task: TaskFolder) -> bool:
        """Return whether a part is computable."""
        return self._keeping.parts(task).next_computable() is not None

    def next_subtask(self, task: TaskFolder, subtask_id: str, opaque_node_id: str) -> Subtask | None:  # noqa: ARG002 - any node will do
        """Begin a try of the next computable part; None when there is none."""
        params = self._keeping.params(task)
        parts = self._keeping.parts(task)
        part = parts.start_next(subtask_id)
        if part is None:
            return None
        archive = subtask_archive(subtask_id)
        try:
            write_archive(task.subtask_inputs / archive, {name: task.input(name) for name in params.resources})
        except BaseException:
            parts.set_status(subtask_id, Status.ABORTED)
            raise
        return Subtask(SubtaskParams(part, params.difficulty, archive).write(), (archive,))

    def verify(self, task: TaskFolder, subtask_id: str, stop: ShutdownSignal) -> Verification:
        """Check a result by one hash; asked again, it answers the same."""
        parts = self._keeping.parts(task)
        part, status = parts.part_number(subtask_id), parts.status(subtask_id)
        if part is None or status is None:
            raise ValueError(f"unknown subtask {subtask_id}")
        if status is Status.FAILURE:
            return Verification(Verdict.FAILURE, "the result was refused before")
        if status is Status.ABORTED:
            return _ABORTED
        if status is not Status.SUCCESS:
            parts.set_status(subtask_id, Status.VERIFYING)
            stop.check()
            reason = self._judge(task, subtask_id, part)
            outcome = Status.FAILURE if reason else Status.SUCCESS
            if not parts.set_status(subtask_id, outcome) and parts.status(subtask_id) is not outcome:
                return _ABORTED
            if reason:
                _clear(task, subtask_id)
                return Verification(Verdict.FAILURE, reason)
        self._hand_in(task, subtask_id, part)
        if parts.finished():
            self._keeping.rest(task)
        return Verification(Verdict.SUCCESS)

    def discard_subtasks(self, task: TaskFolder, subtask_ids: Sequence[str]) -> Sequence[str]:
        """Give results up; no other subtask depends on them."""
        parts = self._keeping.parts(task)
        done = {subtask_id: parts.part_number(subtask_id) for subtask_id in subtask_ids if parts.status(subtask_id) is Status.SUCCESS}
        discarded = parts.discard(subtask_ids)
        for subtask_id in discarded:
            _clear(task, subtask_id)
            part = done.get(subtask_id)
            if part is not None:
                (task.outputs / final_result(part)).unlink(missing_ok=True)
        return discarded

    def abort_task(self, task: TaskFolder) -> None:
        """Abort all that is running; a task that was never created has nothing."""
        if self._keeping.exists(task):
            for subtask_id in self._keeping.parts(task).abort_task():
                _clear(task, subtask_id)
        self._keeping.rest(task)

    def abort_subtask(self, task: TaskFolder, subtask_id: str) -> None:
        """Abort one try; an unknown or finished one is left alone."""
        if self._keeping.exists(task) and self._keeping.parts(task).set_status(subtask_id, Status.ABORTED):
            _clear(task, subtask_id)

    def run_benchmark(self, work_dir: Path, stop: ShutdownSignal) -> float:  # noqa: ARG002 - it needs no files
        """Return the hash rate."""
        return benchmark(stop)

    def _judge(self, task: TaskFolder, subtask_id: str, part: int) -> str:
        """Return what is wrong with a result, empty when nothing is."""
        difficulty = self._keeping.params(task).difficulty
        path = task.subtask_outputs(subtask_id) / subtask_archive(subtask_id)
        if path.is_symlink() or not path.is_file():
            return f"there is no result {path.name}"
        try:
            result = Result.read(path)
        except ValueError as error:
            return str(error)
        if result.part != part:
            return f"the result is of part {result.part}, not {part}"
        digest = digest_of(task.subtask_inputs / subtask_archive(subtask_id))
        if not solves(Puzzle.of(digest, part, difficulty), result.nonce):
            return f"the hash of {result.nonce} does not begin with {difficulty} zero bits"
        return ""

    def _hand_in(self, task: TaskFolder, subtask_id: str, part: int) -> None:
        result = task.subtask_outputs(subtask_id) / subtask_archive(subtask_id)
        if result.is_file():
            result.replace(task.outputs / final_result(part))
        _clear(task, subtask_id)


def _clear(task: TaskFolder, subtask_id: str) -> None:
    """Remove a subtask's files, which nobody needs after its verdict."""
    (task.subtask_inputs / subtask_archive(subtask_id)).unlink(missing_ok=True)
    shutil.rmtree(task.subtask_outputs(subtask_id), ignore_errors=True)
