"""The requestor's dialogue with an app: Task API requests out, typed answers back.

Knows protobuf, the folder layout and which call answers what. Must not know machines, tasks' states or how a service runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from claynet.actors.core.records import MOST_HEADER
from claynet.actors.environment import Placement
from claynet.actors.messages import AppRequest, Op, OpCall, OpCollect, OpDiscard, OpPlace, RuntimeOp
from claynet.actors.ports import Address, FileRef, NodeId, Outcome
from claynet.actors.world import Ports
from claynet.proto import golem_task_api_pb2 as api
from claynet.proto import layout

_MOST_PREREQUISITES = MOST_HEADER - 2048
"""Bytes: the rest of a header are ids, numbers and a signature."""
VERDICTS = ("SUCCESS", "FAILURE", "AWAITING_DATA", "INCONCLUSIVE")


@dataclass(frozen=True, slots=True)
class Question:
    """What an answer belongs to."""

    key: str
    what: str
    task_id: str


def opaque(provider: NodeId) -> str:
    """Return the one-way hash by which an app knows a provider: hex BLAKE2b-256 of its node id."""
    return blake2b(provider.encode(), digest_size=32, person=b"claynet-opaque").hexdigest()


class AppDialogue:
    """Asks apps and remembers what was asked."""

    def __init__(self, ports: Ports, address: Address, app_manager: Address, call_limit: int, verify_limit: int) -> None:
        self._ports = ports
        self._address = address
        self._app_manager = app_manager
        self._call_limit = call_limit
        self._verify_limit = verify_limit
        self._asked: dict[str, Question] = {}
        self._unanswered: dict[str, int] = {}
        """Per task: how many questions about it are unanswered."""
        self._count = 0

    def answered(self, call_id: str) -> Question | None:
        """Return what an OpDone answers; None for one that nobody waits for."""
        question = self._asked.pop(call_id, None)
        if question is not None:
            left = self._unanswered.pop(question.task_id) - 1
            if left:
                self._unanswered[question.task_id] = left
        return question

    def waits(self, task_id: str) -> bool:
        """Tell whether anything that was asked about a task is unanswered."""
        return task_id in self._unanswered

    def place_task(self, app_id: str, key: str, task_id: str, inputs: Sequence[FileRef]) -> None:
        """Make the task's folders and put its inputs there."""
        folder = layout.requestor_task_inputs(task_id)
        files = tuple(Placement(str(folder / file.name), file.digest) for file in inputs)
        folders = (
            str(folder),
            str(layout.requestor_subtask_inputs(task_id)),
            str(layout.requestor_task_outputs(task_id)),
            str(layout.requestor_subtask_outputs(task_id)),
        )
        self._do(app_id, key, task_id, "place_task", OpPlace(files, folders))

    def create(self, app_id: str, key: str, task_id: str, subtasks: int, params_json: str) -> None:
        """CreateTask."""
        request = api.CreateTaskRequest(task_id=task_id, max_subtasks_count=subtasks, task_params_json=params_json)
        self._call(app_id, key, task_id, "create", "CreateTask", request)

    def pending(self, app_id: str, key: str, task_id: str) -> None:
        """HasPendingSubtasks."""
        self._call(app_id, key, task_id, "pending", "HasPendingSubtasks", api.HasPendingSubtasksRequest(task_id=task_id))

    def next(self, app_id: str, key: str, task_id: str, subtask_id: str, provider: NodeId) -> None:
        """NextSubtask."""
        request = api.NextSubtaskRequest(task_id=task_id, subtask_id=subtask_id, opaque_node_id=opaque(provider))
        self._call(app_id, key, task_id, "next", "NextSubtask", request)

    def inputs(self, app_id: str, key: str, task_id: str, resources: tuple[str, ...]) -> None:
        """Store the files that NextSubtask named."""
        self._do(app_id, key, task_id, "inputs", OpCollect(str(layout.requestor_subtask_inputs(task_id)), resources))

    def place_result(self, app_id: str, key: str, task_id: str, subtask_id: str, result: FileRef) -> None:
        """Put a provider's result where Verify looks for it."""
        folder = layout.requestor_subtask_outputs(task_id, subtask_id)
        files = (Placement(str(folder / result.name), result.digest),)
        self._do(app_id, key, task_id, "place_result", OpPlace(files, (str(folder),)))

    def verify(self, app_id: str, key: str, task_id: str, subtask_id: str) -> None:
        """Verify, with a limit of its own."""
        request = api.VerifyRequest(task_id=task_id, subtask_id=subtask_id)
        self._do(app_id, key, task_id, "verify", OpCall("Verify", request.SerializeToString(), self._verify_limit))

    def cleanup(self, app_id: str, key: str, task_id: str, subtask_id: str) -> None:
        """AbortSubtask, then DiscardSubtasks: only the second's answer counts."""
        request = api.AbortSubtaskRequest(task_id=task_id, subtask_id=subtask_id)
        self._call(app_id, key, task_id, "abort_subtask", "AbortSubtask", request)
        self.discard(app_id, key, task_id, subtask_id)

    def discard(self, app_id: str, key: str, task_id: str, subtask_id: str) -> None:
        """DiscardSubtasks of one id."""
        request = api.DiscardSubtasksRequest(task_id=task_id, subtask_ids=[subtask_id])
        self._call(app_id, key, task_id, "discard", "DiscardSubtasks", request)

    def abort_task(self, app_id: str, key: str, task_id: str) -> None:
        """AbortTask."""
        self._call(app_id, key, task_id, "abort_task", "AbortTask", api.AbortTaskRequest(task_id=task_id))

    def outputs(self, app_id: str, key: str, task_id: str) -> None:
        """Store the final results."""
        self._do(app_id, key, task_id, "outputs", OpCollect(str(layout.requestor_task_outputs(task_id)), ()))

    def tidy(self, app_id: str, key: str, task_id: str) -> None:
        """Delete what is neither final result nor the app's own."""
        folders = (
            str(layout.requestor_task_inputs(task_id)),
            str(layout.requestor_subtask_inputs(task_id)),
            str(layout.requestor_subtask_outputs(task_id)),
        )
        self._do(app_id, key, task_id, "tidy", OpDiscard(folders))

    def _call(self, app_id: str, key: str, task_id: str, what: str, method: str, request: Message) -> None:
        self._do(app_id, key, task_id, what, OpCall(method, request.SerializeToString(), self._call_limit))

    def _do(self, app_id: str, key: str, task_id: str, what: str, op: Op) -> None:
        self._count += 1
        call_id = f"{key}:{what}:{self._count}"
        self._asked[call_id] = Question(key, what, task_id)
        self._unanswered[task_id] = self._unanswered.get(task_id, 0) + 1
        self._ports.system.tell(self._app_manager, AppRequest(app_id, RuntimeOp(call_id, op, self._address)))


class BadAnswer(Exception):  # noqa: N818 - it is the app's answer that is bad
    """An app's reply does not parse or breaks the Task API."""


def created(outcome: Outcome) -> tuple[str, str, float]:
    """Return (env_id, prerequisites_json, min_memory_mib) of CreateTask's reply. Raises BadAnswer."""
    reply = _parse(api.CreateTaskReply, outcome.reply)
    if not reply.env_id:
        raise BadAnswer("CreateTask named no environment")
    size = len(reply.env_id.encode()) + len(reply.prerequisites_json.encode())
    if size > _MOST_PREREQUISITES:
        raise BadAnswer(f"CreateTask named an environment and prerequisites of {size} bytes; a header carries {_MOST_PREREQUISITES}")
    return reply.env_id, reply.prerequisites_json, reply.inf_requirements.min_memory_mib


def given(outcome: Outcome) -> tuple[str, tuple[str, ...]] | None:
    """Return (params_json, resources) of NextSubtask's reply; None when the app refuses this node. Raises BadAnswer."""
    reply = _parse(api.NextSubtaskReply, outcome.reply)
    if not reply.HasField("subtask"):
        return None
    return reply.subtask.subtask_params_json, tuple(reply.subtask.resources)


def verdict(outcome: Outcome) -> tuple[str, str]:
    """Return (verdict, reason); an error of any kind counts as INCONCLUSIVE."""
    if not outcome.ok:
        return "INCONCLUSIVE", why(outcome)
    try:
        reply = _parse(api.VerifyReply, outcome.reply)
    except BadAnswer as error:
        return "INCONCLUSIVE", str(error)
    if not 0 <= reply.result < len(VERDICTS):
        return "INCONCLUSIVE", f"Verify answered {reply.result}, which is no verdict"
    return VERDICTS[reply.result], reply.reason


def pending(outcome: Outcome) -> bool:
    """Return HasPendingSubtasks's reply. Raises BadAnswer."""
    return bool(_parse(api.HasPendingSubtasksReply, outcome.reply).has_pending_subtasks)


def discarded(outcome: Outcome) -> tuple[str, ...]:
    """Return the ids that DiscardSubtasks discarded, dependents included; none when it failed."""
    if not outcome.ok:
        return ()
    try:
        return tuple(_parse(api.DiscardSubtasksReply, outcome.reply).discarded_subtask_ids)
    except BadAnswer:
        return ()


def why(outcome: Outcome) -> str:
    """Return one line for people about an outcome that is not ok."""
    code = outcome.code or outcome.status
    return f"{code}: {outcome.detail}" if outcome.detail else code


_Reply = TypeVar("_Reply", bound=Message)


def _parse(kind: type[_Reply], data: bytes) -> _Reply:
    reply = kind()
    try:
        reply.ParseFromString(data)
    except DecodeError as error:
        raise BadAnswer(f"the app's reply is no {kind.__name__}: {error}") from None
    return reply
