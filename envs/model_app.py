"""The app that `model` plays: both Task API sides, with contents that are hashes instead of work.

Knows the Task API's messages, its folders and what an app keeps of a task's parts. Must not know services, jobs or Blobs.
The result of part N follows by BLAKE2b from the task id, N and the input's digest, so Verify computes it again instead of trusting.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from heapq import heappop, heappush

from claynet.actors.blob_names import digest_of
from claynet.actors.ports import Digest
from claynet.envs.model_files import Entry, Folder
from claynet.envs.resolve import DEFAULT_TAG, split_tag
from claynet.proto import golem_task_api_pb2 as pb
from claynet.proto import layout

_LARGEST = 64 * 1024 * 1024
"""Bytes of one input or result: sizes come from task parameters, and those from peers."""

_MOST_PARTS = 1_000_000

_EMPTY = b""
_PENDING = pb.HasPendingSubtasksReply(has_pending_subtasks=True).SerializeToString()
_NONE_PENDING = pb.HasPendingSubtasksReply(has_pending_subtasks=False).SerializeToString()
_SUCCESS = pb.VerifyReply(result=pb.VerifyReply.SUCCESS).SerializeToString()
_NO_SUBTASK = pb.NextSubtaskReply().SerializeToString()


class ModelError(Exception):
    """What an app's exception would be: the name of its type, and its text."""

    def __init__(self, type_name: str, text: str) -> None:
        super().__init__(type_name, text)
        self.type_name = type_name
        self.text = text


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What the modelled app and machine are like."""

    score: float = 1000.0
    """What RunBenchmark answers: a larger score is a faster machine."""
    subtask_bytes: int = 64
    """Size of a part's input when the task's parameters do not say (`subtasks_bytes`)."""
    result_bytes: int = 64
    """Size of a part's result when the task's parameters do not say (`result_bytes`)."""


class _Task:
    """What the requestor side keeps of one task. A part is computable, or belongs to its latest subtask, or is done."""

    __slots__ = ("computable", "done", "owners", "parts", "result_bytes", "subtask_bytes")

    def __init__(self, parts: int, subtask_bytes: int, result_bytes: int) -> None:
        self.computable = list(range(parts))  # an ascending list is a heap
        self.owners: dict[int, str] = {}
        self.done: set[int] = set()
        self.parts: dict[str, int] = {}  # subtask id -> part, of every subtask not discarded
        self.subtask_bytes = subtask_bytes
        self.result_bytes = result_bytes

    def give_up(self, subtask_id: str) -> None:
        """The subtask's part becomes computable again, unless it belongs to a later subtask by now."""
        part = self.parts[subtask_id]
        if self.owners.get(part) == subtask_id:
            del self.owners[part]
            self.done.discard(part)
            heappush(self.computable, part)


class RequestorModel:
    """The requestor side: its state is what an app's files on disk would be, so it outlives services."""

    def __init__(self, config: ModelConfig, image: str, files: Folder) -> None:
        name, tag = split_tag(image)
        self._config = config
        self._files = files
        self._tasks: dict[str, _Task] = {}
        self._created = pb.CreateTaskReply(
            env_id=layout.DOCKER_CPU, prerequisites_json=json.dumps({"image": name, "tag": tag or DEFAULT_TAG})
        ).SerializeToString()
        self._benchmark = pb.RunBenchmarkReply(score=config.score).SerializeToString()
        self.methods: Mapping[str, Callable[[bytes], bytes]] = {
            "CreateTask": self._create_task,
            "NextSubtask": self._next_subtask,
            "Verify": self._verify,
            "DiscardSubtasks": self._discard_subtasks,
            "RunBenchmark": self._run_benchmark,
            "HasPendingSubtasks": self._has_pending_subtasks,
            "AbortTask": self._abort_task,
            "AbortSubtask": self._abort_subtask,
        }

    def _create_task(self, data: bytes) -> bytes:
        request = pb.CreateTaskRequest.FromString(data)
        if request.task_id in self._tasks:
            raise ModelError("ValueError", f"task {request.task_id} was created before")
        if not 1 <= request.max_subtasks_count <= _MOST_PARTS:
            raise ModelError("ValueError", f"{request.max_subtasks_count} subtasks cannot be made")
        params = _params(request.task_params_json)
        self._tasks[request.task_id] = _Task(
            request.max_subtasks_count,
            _size(params, "subtasks_bytes", self._config.subtask_bytes),
            _size(params, "result_bytes", self._config.result_bytes),
        )
        return self._created

    def _next_subtask(self, data: bytes) -> bytes:
        request = pb.NextSubtaskRequest.FromString(data)
        task_id, subtask_id = request.task_id, request.subtask_id
        task = self._task(task_id)
        if subtask_id in task.parts:
            raise ModelError("ValueError", f"subtask {subtask_id} was made before")
        if not task.computable:
            return _NO_SUBTASK
        part = heappop(task.computable)
        task.owners[part] = subtask_id
        task.parts[subtask_id] = part
        name = f"part-{part}.in"
        self._files.write((task_id, layout.SUBTASK_INPUTS, name), _content("input", task_id, part, "", task.subtask_bytes))
        params = f'{{"part": {part}, "result_bytes": {task.result_bytes}}}'
        return pb.NextSubtaskReply(subtask=pb.SubtaskReply(subtask_params_json=params, resources=[name])).SerializeToString()

    def _verify(self, data: bytes) -> bytes:
        request = pb.VerifyRequest.FromString(data)
        task_id, subtask_id = request.task_id, request.subtask_id
        task, part = self._part(task_id, subtask_id)
        if task.owners.get(part) != subtask_id:
            return _failure("the part was given to another subtask since")
        if part in task.done:
            return _SUCCESS  # asked again: the verdict stands
        result = self._files.find((task_id, layout.SUBTASK_OUTPUTS, subtask_id, f"{subtask_id}.out"))
        if result is None or isinstance(result, Folder):
            task.give_up(subtask_id)
            return _failure("no result")
        given = self._files.file((task_id, layout.SUBTASK_INPUTS, f"part-{part}.in"))
        expected = _content("result", task_id, part, _digest(given), task.result_bytes)
        if _digest(result) != _digest(expected):
            task.give_up(subtask_id)
            return _failure("wrong result")
        task.done.add(part)
        self._files.write((task_id, layout.TASK_OUTPUTS, f"part-{part}.out"), result)
        self._files.remove((task_id, layout.SUBTASK_OUTPUTS, subtask_id))
        self._files.remove((task_id, layout.SUBTASK_INPUTS, f"part-{part}.in"))
        return _SUCCESS

    def _discard_subtasks(self, data: bytes) -> bytes:
        request = pb.DiscardSubtasksRequest.FromString(data)
        task = self._task(request.task_id)
        known = [subtask_id for subtask_id in request.subtask_ids if subtask_id in task.parts]
        for subtask_id in known:
            self._drop(request.task_id, task, subtask_id)
        return pb.DiscardSubtasksReply(discarded_subtask_ids=known).SerializeToString()

    def _abort_subtask(self, data: bytes) -> bytes:
        request = pb.AbortSubtaskRequest.FromString(data)
        task = self._task(request.task_id)
        if request.subtask_id in task.parts:  # an abort of a subtask that was never made is what follows a lost answer
            self._drop(request.task_id, task, request.subtask_id)
        return _EMPTY

    def _abort_task(self, data: bytes) -> bytes:
        request = pb.AbortTaskRequest.FromString(data)
        self._tasks.pop(request.task_id, None)
        return _EMPTY

    def _has_pending_subtasks(self, data: bytes) -> bytes:
        request = pb.HasPendingSubtasksRequest.FromString(data)
        return _PENDING if self._task(request.task_id).computable else _NONE_PENDING

    def _run_benchmark(self, data: bytes) -> bytes:
        pb.RunBenchmarkRequest.FromString(data)
        return self._benchmark

    def _drop(self, task_id: str, task: _Task, subtask_id: str) -> None:
        part = task.parts[subtask_id]
        if part in task.done and task.owners[part] == subtask_id:
            self._files.remove((task_id, layout.TASK_OUTPUTS, f"part-{part}.out"))
        task.give_up(subtask_id)
        del task.parts[subtask_id]
        self._files.remove((task_id, layout.SUBTASK_OUTPUTS, subtask_id))

    def _task(self, task_id: str) -> _Task:
        task = self._tasks.get(task_id)
        if task is None:
            raise ModelError("KeyError", f"no task {task_id}")
        return task

    def _part(self, task_id: str, subtask_id: str) -> tuple[_Task, int]:
        task = self._task(task_id)
        part = task.parts.get(subtask_id)
        if part is None:
            raise ModelError("KeyError", f"no subtask {subtask_id}")
        return task, part


class ProviderModel:
    """The provider side: nothing but its folder."""

    def __init__(self, config: ModelConfig, files: Folder) -> None:
        self._config = config
        self._files = files
        self.methods: Mapping[str, Callable[[bytes], bytes]] = {"Compute": self._compute, "RunBenchmark": self._run_benchmark}

    def _compute(self, data: bytes) -> bytes:
        request = pb.ComputeRequest.FromString(data)
        params = _params(request.subtask_params_json)
        part = params.get("part")
        if not isinstance(part, int):
            raise ModelError("ValueError", "the subtask's parameters name no part")
        given = self._files.find((layout.SUBTASK_INPUTS, f"part-{part}.in"))
        if given is None or isinstance(given, Folder):
            raise ModelError("FileNotFoundError", f"{layout.SUBTASK_INPUTS}/part-{part}.in is missing")
        size = _size(params, "result_bytes", self._config.result_bytes)
        name = f"{request.subtask_id}.out"
        self._files.write((name,), _content("result", request.task_id, part, _digest(given), size))
        return pb.ComputeReply(output_filepath=name).SerializeToString()

    def _run_benchmark(self, data: bytes) -> bytes:
        pb.RunBenchmarkRequest.FromString(data)
        return pb.RunBenchmarkReply(score=self._config.score).SerializeToString()


def _content(kind: str, task_id: str, part: int, given: str, size: int) -> bytes:
    seed = blake2b(f"{kind}\0{task_id}\0{part}\0{given}".encode()).digest()
    return (seed * (size // len(seed) + 1))[:size]


def _digest(entry: Entry) -> Digest:
    return entry[0] if isinstance(entry, tuple) else digest_of(entry)


def _failure(reason: str) -> bytes:
    return pb.VerifyReply(result=pb.VerifyReply.FAILURE, reason=reason).SerializeToString()


def _params(text: str) -> dict[str, object]:
    if not text:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ModelError("ValueError", "the parameters are not JSON") from None
    if not isinstance(found, dict):
        raise ModelError("ValueError", "the parameters are not a JSON object")
    return found


def _size(params: dict[str, object], key: str, default: int) -> int:
    size = params.get(key, default)
    if not isinstance(size, int) or not 0 <= size <= _LARGEST:
        raise ModelError("ValueError", f"{key} must be an integer from 0 to {_LARGEST}")
    return size
