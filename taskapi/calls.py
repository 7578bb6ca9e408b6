"""The Task API's calls with plain values in and out, over anything that carries bytes.

Knows messages and method names. Must not know channels. Every call waits at most its `timeout` in seconds, for ever without one, and
raises what the carrier raises, or BadReply for a reply that is not as agreed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from claynet.proto import golem_task_api_pb2 as pb
from claynet.proto import layout
from claynet.taskapi import wire
from claynet.taskapi.errors import BadReply
from claynet.taskapi.handlers import NewTask, Params, Subtask, Verification

M = TypeVar("M", bound=Message)
T = TypeVar("T")


class Carrier(Protocol):
    """What carries requests, such as a TaskApiClient."""

    def call(self, method: str, request: bytes, timeout: float | None = None) -> bytes:
        """Call a method by its full name and return the reply's bytes."""

    def shutdown(self, side: str, timeout: float = 5.0) -> None:
        """Ask the service to end; one that has ended already is as good."""


class _Calls:
    def __init__(self, carrier: Carrier, side: str) -> None:
        self._carrier = carrier
        self._side = side

    def _call(self, method: str, request: Message, reply: type[M], timeout: float | None) -> M:
        data = self._carrier.call(layout.method_path(self._side, method), request.SerializeToString(), timeout)
        return _read(lambda: wire.parse(reply, data), method)

    def run_benchmark(self, timeout: float | None = None) -> float:
        """Return the machine's score; larger is faster."""
        return self._call(layout.RUN_BENCHMARK, pb.RunBenchmarkRequest(), pb.RunBenchmarkReply, timeout).score

    def shutdown(self, timeout: float = 5.0) -> None:
        """Ask the service to end; one that has ended already is as good."""
        self._carrier.shutdown(self._side, timeout)


class RequestorAppClient(_Calls):
    """Calls of the requestor side."""

    def __init__(self, carrier: Carrier) -> None:
        super().__init__(carrier, layout.REQUESTOR)

    def create_task(self, task_id: str, max_subtasks: int, params: Params | str, timeout: float | None = None) -> NewTask:
        """Begin a task; parameters given as text are sent as they are."""
        text = params if isinstance(params, str) else wire.params_to_json(params)
        request = pb.CreateTaskRequest(task_id=task_id, max_subtasks_count=max_subtasks, task_params_json=text)
        reply = self._call(layout.CREATE_TASK, request, pb.CreateTaskReply, timeout)
        return _read(lambda: wire.new_task_from_reply(reply), layout.CREATE_TASK)

    def has_pending_subtasks(self, task_id: str, timeout: float | None = None) -> bool:
        """Return whether the next `next_subtask` should give a subtask."""
        request = pb.HasPendingSubtasksRequest(task_id=task_id)
        return self._call(layout.HAS_PENDING_SUBTASKS, request, pb.HasPendingSubtasksReply, timeout).has_pending_subtasks

    def next_subtask(self, task_id: str, subtask_id: str, opaque_node_id: str, timeout: float | None = None) -> Subtask | None:
        """Ask for a subtask for a node; None: refused for now."""
        request = pb.NextSubtaskRequest(task_id=task_id, subtask_id=subtask_id, opaque_node_id=opaque_node_id)
        reply = self._call(layout.NEXT_SUBTASK, request, pb.NextSubtaskReply, timeout)
        return _read(lambda: wire.subtask_from_reply(reply), layout.NEXT_SUBTASK)

    def verify(self, task_id: str, subtask_id: str, timeout: float | None = None) -> Verification:
        """Have a result judged."""
        reply = self._call(layout.VERIFY, pb.VerifyRequest(task_id=task_id, subtask_id=subtask_id), pb.VerifyReply, timeout)
        return _read(lambda: wire.verification_from_reply(reply), layout.VERIFY)

    def discard_subtasks(self, task_id: str, subtask_ids: Sequence[str], timeout: float | None = None) -> tuple[str, ...]:
        """Give results up; return every id discarded."""
        request = pb.DiscardSubtasksRequest(task_id=task_id, subtask_ids=list(subtask_ids))
        return tuple(self._call(layout.DISCARD_SUBTASKS, request, pb.DiscardSubtasksReply, timeout).discarded_subtask_ids)

    def abort_task(self, task_id: str, timeout: float | None = None) -> None:
        """Stop a task's verifications and give its running subtasks up."""
        self._call(layout.ABORT_TASK, pb.AbortTaskRequest(task_id=task_id), pb.AbortTaskReply, timeout)

    def abort_subtask(self, task_id: str, subtask_id: str, timeout: float | None = None) -> None:
        """Stop a subtask's verification and give it up."""
        request = pb.AbortSubtaskRequest(task_id=task_id, subtask_id=subtask_id)
        self._call(layout.ABORT_SUBTASK, request, pb.AbortSubtaskReply, timeout)


class ProviderAppClient(_Calls):
    """Calls of the provider side."""

    def __init__(self, carrier: Carrier) -> None:
        super().__init__(carrier, layout.PROVIDER)

    def compute(self, task_id: str, subtask_id: str, params: Params, timeout: float | None = None) -> str:
        """Have a subtask computed; return the result's path, relative to the work dir, as the app gave it (join it with `safe_join`)."""
        request = pb.ComputeRequest(task_id=task_id, subtask_id=subtask_id, subtask_params_json=wire.params_to_json(params))
        return self._call(layout.COMPUTE, request, pb.ComputeReply, timeout).output_filepath


def _read(reading: Callable[[], T], method: str) -> T:
    try:
        return reading()
    except ValueError as error:
        raise BadReply(f"{method}: {error}") from error
