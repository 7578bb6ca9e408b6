"""Apps that break one promise each: what `claynet app check IMAGE` must find out by the container that runs them."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

from claynet.taskapi import App, Params, ProviderFolder, ShutdownSignal, TaskFolder, Verdict, Verification
from tests.envs.apps import parts


class Believes(parts.Requestor):
    """Takes any result for a right one."""

    def verify(self, task: TaskFolder, subtask_id: str, stop: ShutdownSignal) -> Verification:
        (task.outputs / subtask_id).write_text("whatever it was")
        return Verification(Verdict.SUCCESS)


class Forgets(parts.Requestor):
    """Discards nothing, whatever it is asked."""

    def discard_subtasks(self, task: TaskFolder, subtask_ids: Sequence[str]) -> Sequence[str]:
        return []


class WritesElsewhere(parts.Provider):
    """Wants to leave its result beside its own code."""

    def compute(self, task: ProviderFolder, subtask_id: str, params: Params, stop: ShutdownSignal) -> str | Path:
        Path("/opt/result.txt").write_text("mine")
        return super().compute(task, subtask_id, params, stop)


class LinksOut(parts.Provider):
    """Its result is a link to a file outside of its work dir."""

    def compute(self, task: ProviderFolder, subtask_id: str, params: Params, stop: ShutdownSignal) -> str | Path:
        (task.path / "result.txt").symlink_to("/etc/passwd")
        return "result.txt"


class Hangs(parts.Provider):
    """Computes for ever."""

    def compute(self, task: ProviderFolder, subtask_id: str, params: Params, stop: ShutdownSignal) -> str | Path:
        os.write(2, b"this will take its time\n")
        threading.Event().wait()
        raise AssertionError("for ever is over")


GOOD = App("good", parts.Requestor, parts.Provider)
BELIEVES = App("believes", Believes, parts.Provider)
FORGETS = App("forgets", Forgets, parts.Provider)
ELSEWHERE = App("elsewhere", parts.Requestor, WritesElsewhere)
LINKS = App("links", parts.Requestor, LinksOut)
HANGS = App("hangs", parts.Requestor, Hangs)
