"""Calls as bytes in and bytes out, without any transport: what a gRPC server, and a node in the same process, have in common.

Knows handlers, messages and folders. Must not know sockets, gRPC or threads' making. One dispatcher serves one handler; calls may come
from several threads at once. Texts of errors name files relative to the work dir, so that they say the same wherever it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from google.protobuf.message import Message

from claynet.proto import golem_task_api_pb2 as pb
from claynet.proto import layout
from claynet.taskapi import wire
from claynet.taskapi.folders import ProviderFolder, TaskFolder, relative_to, safe_join
from claynet.taskapi.handlers import ProviderAppHandler, RequestorAppHandler
from claynet.taskapi.signals import Interrupted, ShutdownSignal
from claynet.taskapi.verifications import Verifications

Method = Callable[[bytes], Message]


class AppError(Exception):
    """A handler raised: the exception's type and text, as the caller is to see them."""

    def __init__(self, type_name: str, text: str) -> None:
        super().__init__(f"{type_name}: {text}")
        self.type_name = type_name
        self.text = text


class UnknownMethod(AppError):  # noqa: N818 - it is the call that is wrong
    """The side does not have the method that was called."""

    def __init__(self, method: str, known: Mapping[str, Method]) -> None:
        super().__init__("UnknownMethod", f"no method {method!r}; this side has {', '.join(known)}")


class _Dispatcher:
    """Finds the method, and turns whatever a handler raises into an AppError."""

    def __init__(self, work_dir: Path, methods: Mapping[str, Method]) -> None:
        self._work_dir = work_dir.absolute()
        self._methods = methods

    def call(self, method: str, request: bytes) -> bytes:
        """Answer a request; `method` is its short name. Raises AppError when the app does, UnknownMethod when there is none."""
        try:
            answer = self._methods[method]
        except KeyError:
            raise UnknownMethod(method, self._methods) from None
        try:
            return answer(request).SerializeToString()
        except Interrupted as error:
            raise AppError("Interrupted", str(error)) from error
        except BaseException as error:  # some raise what is no Exception: sys.exit, cancelled futures, a panic of foreign code
            raise AppError(type(error).__name__, _text(error).replace(f"{self._work_dir}/", "")) from error


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an app's exception may fail to tell itself
        return "(it has no text)"


class RequestorDispatcher(_Dispatcher):
    """The requestor side of an app. Makes a task's agreed folders; tells running verifications of an aborted one to stop."""

    def __init__(self, handler: RequestorAppHandler, work_dir: Path, shutdown: ShutdownSignal | None = None) -> None:
        super().__init__(
            work_dir,
            {
                layout.CREATE_TASK: self._create_task,
                layout.NEXT_SUBTASK: self._next_subtask,
                layout.VERIFY: self._verify,
                layout.DISCARD_SUBTASKS: self._discard_subtasks,
                layout.RUN_BENCHMARK: self._run_benchmark,
                layout.HAS_PENDING_SUBTASKS: self._has_pending_subtasks,
                layout.ABORT_TASK: self._abort_task,
                layout.ABORT_SUBTASK: self._abort_subtask,
                layout.SHUTDOWN: self._shutdown,
            },
        )
        self._handler = handler
        self._stop = shutdown or ShutdownSignal()
        self._running = Verifications(self._stop)

    def interrupt(self, reason: str) -> None:
        """Tell all work in progress, and all that comes, to stop."""
        self._stop.set(reason)
        self._running.stop(reason)

    def _task(self, task_id: str) -> TaskFolder:
        return TaskFolder(self._work_dir, task_id)

    def _create_task(self, data: bytes) -> pb.CreateTaskReply:
        request = wire.parse(pb.CreateTaskRequest, data)
        params = wire.params_from_json(request.task_params_json, "task parameters")
        if request.max_subtasks_count < 1:
            raise ValueError(f"max_subtasks_count is {request.max_subtasks_count}; at least 1 is wanted")
        task = self._task(request.task_id)
        task.make()
        return wire.new_task_to_reply(self._handler.create_task(task, request.max_subtasks_count, params))

    def _next_subtask(self, data: bytes) -> pb.NextSubtaskReply:
        request = wire.parse(pb.NextSubtaskRequest, data)
        task = self._task(request.task_id)
        task.subtask_outputs(request.subtask_id)  # refuses an id that cannot name a folder before the app sees it
        subtask = self._handler.next_subtask(task, request.subtask_id, request.opaque_node_id)
        for name in () if subtask is None else subtask.resources:
            if not safe_join(task.subtask_inputs, name).is_file():
                raise FileNotFoundError(f"the subtask names a resource that is not in {layout.SUBTASK_INPUTS}: {name}")
        return wire.subtask_to_reply(subtask)

    def _verify(self, data: bytes) -> pb.VerifyReply:
        request = wire.parse(pb.VerifyRequest, data)
        task = self._task(request.task_id)
        with self._running.one(request.task_id, request.subtask_id) as stop:
            return wire.verification_to_reply(self._handler.verify(task, request.subtask_id, stop))

    def _discard_subtasks(self, data: bytes) -> pb.DiscardSubtasksReply:
        request = wire.parse(pb.DiscardSubtasksRequest, data)
        discarded = self._handler.discard_subtasks(self._task(request.task_id), tuple(request.subtask_ids))
        return wire.ids_to_reply(discarded)

    def _run_benchmark(self, data: bytes) -> pb.RunBenchmarkReply:
        wire.parse(pb.RunBenchmarkRequest, data)
        return wire.score_to_reply(self._handler.run_benchmark(self._work_dir, self._stop))

    def _has_pending_subtasks(self, data: bytes) -> pb.HasPendingSubtasksReply:
        request = wire.parse(pb.HasPendingSubtasksRequest, data)
        return pb.HasPendingSubtasksReply(has_pending_subtasks=self._handler.has_pending_subtasks(self._task(request.task_id)))

    def _abort_task(self, data: bytes) -> pb.AbortTaskReply:
        request = wire.parse(pb.AbortTaskRequest, data)
        self._running.stop("the task was aborted", request.task_id)
        self._handler.abort_task(self._task(request.task_id))
        return pb.AbortTaskReply()

    def _abort_subtask(self, data: bytes) -> pb.AbortSubtaskReply:
        request = wire.parse(pb.AbortSubtaskRequest, data)
        self._running.stop("the subtask was aborted", request.task_id, request.subtask_id)
        self._handler.abort_subtask(self._task(request.task_id), request.subtask_id)
        return pb.AbortSubtaskReply()

    def _shutdown(self, data: bytes) -> pb.ShutdownReply:
        wire.parse(pb.ShutdownRequest, data)
        self.interrupt("shut down")
        return pb.ShutdownReply()


class ProviderDispatcher(_Dispatcher):
    """The provider side of an app. Makes a subtask's folders; checks that the result is a file in the work dir."""

    def __init__(self, handler: ProviderAppHandler, work_dir: Path, shutdown: ShutdownSignal | None = None) -> None:
        super().__init__(
            work_dir,
            {
                layout.COMPUTE: self._compute,
                layout.RUN_BENCHMARK: self._run_benchmark,
                layout.SHUTDOWN: self._shutdown,
            },
        )
        self._handler = handler
        self._stop = shutdown or ShutdownSignal()

    def interrupt(self, reason: str) -> None:
        """Tell all work in progress, and all that comes, to stop."""
        self._stop.set(reason)

    def _compute(self, data: bytes) -> pb.ComputeReply:
        request = wire.parse(pb.ComputeRequest, data)
        params = wire.params_from_json(request.subtask_params_json, "subtask parameters")
        folder = ProviderFolder(self._work_dir)
        folder.make(request.subtask_id)
        self._stop.check()
        result = relative_to(self._work_dir, self._handler.compute(folder, request.subtask_id, params, self._stop))
        if not (self._work_dir / result).is_file():
            raise FileNotFoundError(f"Compute names a result that is not there: {result}")
        return pb.ComputeReply(output_filepath=result)

    def _run_benchmark(self, data: bytes) -> pb.RunBenchmarkReply:
        wire.parse(pb.RunBenchmarkRequest, data)
        self._stop.check()
        return wire.score_to_reply(self._handler.run_benchmark(self._work_dir, self._stop))

    def _shutdown(self, data: bytes) -> pb.ShutdownReply:
        wire.parse(pb.ShutdownRequest, data)
        self.interrupt("shut down")
        return pb.ShutdownReply()
