"""What an app is: a handler for each side, and the plain values that go in and out of them.

Knows the calls' meaning. Must not know protobuf, gRPC, threads or how an app is served. Whatever a handler raises reaches the caller as
an error with the exception's type and text.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from claynet.taskapi.folders import ProviderFolder, TaskFolder
from claynet.taskapi.signals import ShutdownSignal

Params = Mapping[str, Any]
"""Parameters of an app's own making: a JSON object."""


@dataclass(frozen=True, slots=True)
class NewTask:
    """Where a new task's subtasks are to be computed."""

    env_id: str
    prerequisites: Params
    """What that environment needs to know; for docker `{"image": ..., "tag": ...}`."""
    min_memory_mib: float = 0.0


@dataclass(frozen=True, slots=True)
class Subtask:
    """A piece of work for one provider."""

    params: Params
    resources: Sequence[str] = ()
    """Names of files in the task's `subtask_inputs`."""


class Verdict(IntEnum):
    """What Verify found; the numbers are those of the wire."""

    SUCCESS = 0
    FAILURE = 1
    AWAITING_DATA = 2
    """The verdict comes when other subtasks' results are there."""
    INCONCLUSIVE = 3
    """A failed try that says nothing against the provider."""


@dataclass(frozen=True, slots=True)
class Verification:
    """A verdict and its reason."""

    verdict: Verdict
    reason: str = ""


class RequestorAppHandler(ABC):
    """An app's requestor side: one object for all its tasks on a node.

    Its calls may come from several threads at once; what must survive a restart belongs into the task's folder.
    """

    @abstractmethod
    def create_task(self, task: TaskFolder, max_subtasks: int, params: Params) -> NewTask:
        """Begin a task; the first call for its id. Raise a clear error when the parameters cannot be served."""

    @abstractmethod
    def has_pending_subtasks(self, task: TaskFolder) -> bool:
        """Return whether the next `next_subtask` should give a subtask."""

    @abstractmethod
    def next_subtask(self, task: TaskFolder, subtask_id: str, opaque_node_id: str) -> Subtask | None:
        """Put a subtask's files into `task.subtask_inputs` and return it; None refuses this node for now."""

    @abstractmethod
    def verify(self, task: TaskFolder, subtask_id: str, stop: ShutdownSignal) -> Verification:
        """Judge the result in `task.subtask_outputs(subtask_id)`; a good one goes to `task.outputs`.

        `stop` is set when the subtask or task is aborted, or the service is shut down.
        """

    @abstractmethod
    def discard_subtasks(self, task: TaskFolder, subtask_ids: Sequence[str]) -> Sequence[str]:
        """Give subtasks' results up, and those that depend on them; return every id discarded."""

    @abstractmethod
    def abort_task(self, task: TaskFolder) -> None:
        """Give all running subtasks up. Running verifications have been told to stop already."""

    @abstractmethod
    def abort_subtask(self, task: TaskFolder, subtask_id: str) -> None:
        """Give one subtask up; its running verification has been told to stop already."""

    @abstractmethod
    def run_benchmark(self, work_dir: Path, stop: ShutdownSignal) -> float:
        """Return this machine's score, above zero, in under a minute; larger is faster."""


class ProviderAppHandler(ABC):
    """An app's provider side: one object for one call."""

    @abstractmethod
    def compute(self, task: ProviderFolder, subtask_id: str, params: Params, stop: ShutdownSignal) -> str | Path:
        """Compute a subtask and return its result file, in the work dir.

        A long computation calls `stop.check()` now and then: a shutdown may come at any moment.
        """

    @abstractmethod
    def run_benchmark(self, work_dir: Path, stop: ShutdownSignal) -> float:
        """Return this machine's score, above zero, in under a minute; larger is faster."""
