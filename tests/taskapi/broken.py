"""Apps that each break one rule, made from the tutorial."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from claynet.apps.tutorial.provider import TutorialProvider
from claynet.apps.tutorial.requestor import TutorialRequestor
from claynet.taskapi import NewTask, Params, ProviderFolder, ShutdownSignal, Subtask, TaskFolder, Verdict, Verification
from claynet.taskapi.parts import PartsStore


class NoEnvironment(TutorialRequestor):
    def create_task(self, task: TaskFolder, max_subtasks: int, params: Params) -> NewTask:
        super().create_task(task, max_subtasks, params)
        return NewTask("", {})


class NothingPending(TutorialRequestor):
    def has_pending_subtasks(self, task: TaskFolder) -> bool:
        return False


class AlwaysPending(TutorialRequestor):
    def has_pending_subtasks(self, task: TaskFolder) -> bool:
        return True


class MissingResource(TutorialRequestor):
    def next_subtask(self, task: TaskFolder, subtask_id: str, opaque_node_id: str) -> Subtask | None:
        subtask = super().next_subtask(task, subtask_id, opaque_node_id)
        return subtask and Subtask(subtask.params, ["nothing.zip"])


class AcceptsBroken(TutorialRequestor):
    def verify(self, task: TaskFolder, subtask_id: str, stop: ShutdownSignal) -> Verification:
        verification = super().verify(task, subtask_id, stop)
        return Verification(Verdict.SUCCESS) if "broken" in verification.reason else verification


class AcceptsNothing(TutorialRequestor):
    def verify(self, task: TaskFolder, subtask_id: str, stop: ShutdownSignal) -> Verification:
        verification = super().verify(task, subtask_id, stop)
        return Verification(Verdict.SUCCESS) if "no result" in verification.reason else verification


class RefusesAll(TutorialRequestor):
    def verify(self, task: TaskFolder, subtask_id: str, stop: ShutdownSignal) -> Verification:
        return Verification(Verdict.FAILURE, "I do not like it")


class KeepsNoOutputs(TutorialRequestor):
    def verify(self, task: TaskFolder, subtask_id: str, stop: ShutdownSignal) -> Verification:
        verification = super().verify(task, subtask_id, stop)
        for path in task.outputs.iterdir():
            path.unlink()
        return verification


class DiscardsInWordsOnly(TutorialRequestor):
    def discard_subtasks(self, task: TaskFolder, subtask_ids: Sequence[str]) -> Sequence[str]:
        return [name for name in subtask_ids if not name.startswith("unknown")]


class DiscardsSilently(TutorialRequestor):
    def discard_subtasks(self, task: TaskFolder, subtask_ids: Sequence[str]) -> Sequence[str]:
        super().discard_subtasks(task, subtask_ids)
        return []


class DiscardsStrangers(TutorialRequestor):
    def discard_subtasks(self, task: TaskFolder, subtask_ids: Sequence[str]) -> Sequence[str]:
        super().discard_subtasks(task, subtask_ids)
        return subtask_ids


class IgnoresAbortSubtask(TutorialRequestor):
    def abort_subtask(self, task: TaskFolder, subtask_id: str) -> None:
        """Nothing happens."""


class AbortsAllTasks(TutorialRequestor):
    def abort_task(self, task: TaskFolder) -> None:
        super().abort_task(task)
        for path in task.work_dir.glob("*/parts.sqlite"):
            with PartsStore(path) as parts:
                parts.abort_task()


class TakesAnyParameters(TutorialRequestor):
    def create_task(self, task: TaskFolder, max_subtasks: int, params: Params) -> NewTask:
        try:
            return super().create_task(task, max_subtasks, params)
        except ValueError:
            return NewTask("docker_cpu", {})


class ForgetsAll(TutorialRequestor):
    def __init__(self) -> None:
        super().__init__()
        self.known: set[str] = set()

    def create_task(self, task: TaskFolder, max_subtasks: int, params: Params) -> NewTask:
        self.known.add(task.task_id)
        return super().create_task(task, max_subtasks, params)

    def verify(self, task: TaskFolder, subtask_id: str, stop: ShutdownSignal) -> Verification:
        if task.task_id not in self.known:
            raise KeyError(task.task_id)
        return super().verify(task, subtask_id, stop)


class NoRequestorScore(TutorialRequestor):
    def run_benchmark(self, work_dir: Path, stop: ShutdownSignal) -> float:
        return 0.0


class NoProviderScore(TutorialProvider):
    def run_benchmark(self, work_dir: Path, stop: ShutdownSignal) -> float:
        raise ArithmeticError("I cannot count")


class NoResultFile(TutorialProvider):
    def compute(self, task: ProviderFolder, subtask_id: str, params: Params, stop: ShutdownSignal) -> str:
        super().compute(task, subtask_id, params, stop)
        return "elsewhere.zip"


class AwaitsAll(TutorialRequestor):
    """Breaks no rule: judges when all parts have been handed out, and not before."""

    def verify(self, task: TaskFolder, subtask_id: str, stop: ShutdownSignal) -> Verification:
        if self.has_pending_subtasks(task):
            return Verification(Verdict.AWAITING_DATA)
        return super().verify(task, subtask_id, stop)
