"""Outcomes of calls, as an app would give them."""

from __future__ import annotations

from claynet.actors.ports import Outcome
from claynet.proto import golem_task_api_pb2 as api


def verdict(name: str, reason: str = "") -> Outcome:
    return Outcome("ok", api.VerifyReply(result=api.VerifyReply.VerifyResult.Value(name), reason=reason).SerializeToString())


def raised(detail: str) -> Outcome:
    return Outcome("error", code="INTERNAL", detail=detail)
