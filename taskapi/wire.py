"""Handlers' values as protobuf messages and back: one place for the server's and the client's side.

Knows messages and JSON. Must not know how bytes travel, nor what an app does. Reading raises ValueError for what is not as agreed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from claynet.proto import golem_task_api_pb2 as pb
from claynet.taskapi.handlers import NewTask, Params, Subtask, Verdict, Verification

M = TypeVar("M", bound=Message)


def parse(kind: type[M], data: bytes) -> M:
    """Read a message; raises ValueError for bytes that are none."""
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise ValueError(f"not a {kind.__name__}: {error}") from error


def params_to_json(params: Params) -> str:
    """Write parameters as JSON text; raises TypeError or ValueError for what JSON cannot hold."""
    return json.dumps(dict(params), allow_nan=False)


def params_from_json(text: str, what: str) -> Params:
    """Read parameters; empty text is an empty object. Raises ValueError naming `what` for anything but an object."""
    if not text:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} are not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{what} are not a JSON object")
    return value


def new_task_to_reply(task: NewTask) -> pb.CreateTaskReply:
    """Write the answer to CreateTask."""
    return pb.CreateTaskReply(
        env_id=task.env_id,
        prerequisites_json=params_to_json(task.prerequisites),
        inf_requirements=pb.Infrastructure(min_memory_mib=task.min_memory_mib),
    )


def new_task_from_reply(reply: pb.CreateTaskReply) -> NewTask:
    """Read the answer to CreateTask."""
    prerequisites = params_from_json(reply.prerequisites_json, "prerequisites")
    return NewTask(reply.env_id, prerequisites, reply.inf_requirements.min_memory_mib)


def subtask_to_reply(subtask: Subtask | None) -> pb.NextSubtaskReply:
    """Write the answer to NextSubtask."""
    if subtask is None:
        return pb.NextSubtaskReply()
    if isinstance(subtask.resources, str):
        raise TypeError("a subtask's resources are a list of names, not a text")
    return pb.NextSubtaskReply(
        subtask=pb.SubtaskReply(subtask_params_json=params_to_json(subtask.params), resources=list(subtask.resources))
    )


def subtask_from_reply(reply: pb.NextSubtaskReply) -> Subtask | None:
    """Read the answer to NextSubtask."""
    if not reply.HasField("subtask"):
        return None
    params = params_from_json(reply.subtask.subtask_params_json, "subtask parameters")
    return Subtask(params, tuple(reply.subtask.resources))


def verification_to_reply(verification: Verification) -> pb.VerifyReply:
    """Write the answer to Verify."""
    return pb.VerifyReply(result=Verdict(verification.verdict).name, reason=verification.reason)


def verification_from_reply(reply: pb.VerifyReply) -> Verification:
    """Read the answer to Verify; raises ValueError for a verdict that the Task API does not have."""
    return Verification(Verdict(reply.result), reply.reason)


def ids_to_reply(subtask_ids: Sequence[str]) -> pb.DiscardSubtasksReply:
    """Write the answer to DiscardSubtasks."""
    return pb.DiscardSubtasksReply(discarded_subtask_ids=list(subtask_ids))


def score_to_reply(score: float) -> pb.RunBenchmarkReply:
    """Write the answer to RunBenchmark; raises ValueError for a score that is no number above zero."""
    if not (math.isfinite(score) and score > 0):
        raise ValueError(f"a benchmark's score is a number above zero, not {score}")
    return pb.RunBenchmarkReply(score=score)
