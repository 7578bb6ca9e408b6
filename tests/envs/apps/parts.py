"""A small honest app: a part's result is the digest of its input. Its state is one JSON file in the task's folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from claynet.taskapi import (
    App,
    NewTask,
    Params,
    ProviderAppHandler,
    ProviderFolder,
    RequestorAppHandler,
    ShutdownSignal,
    Subtask,
    TaskFolder,
    Verdict,
    Verification,
)


class Requestor(RequestorAppHandler):
    def create_task(self, task: TaskFolder, max_subtasks: int, params: Params) -> NewTask:
        if params.get("refuse"):
            raise ValueError(f"cannot serve {params['refuse']}")
        self._save(task, {"waiting": list(range(max_subtasks)), "owners": {}})
        return NewTask("docker_cpu", {"image": "parts", "tag": "1"})

    def has_pending_subtasks(self, task: TaskFolder) -> bool:
        return bool(self._load(task)["waiting"])

    def next_subtask(self, task: TaskFolder, subtask_id: str, opaque_node_id: str) -> Subtask | None:
        state = self._load(task)
        if not state["waiting"]:
            return None
        part = state["waiting"].pop(0)
        state["owners"][subtask_id] = part
        self._save(task, state)
        (task.subtask_inputs / f"part-{part}.in").write_text(f"input {part}")
        return Subtask({"part": part}, [f"part-{part}.in"])

    def verify(self, task: TaskFolder, subtask_id: str, stop: ShutdownSignal) -> Verification:
        state = self._load(task)
        part = state["owners"][subtask_id]
        (result,) = task.subtask_outputs(subtask_id).iterdir()
        if result.read_text("latin-1") == compute(task.subtask_inputs / f"part-{part}.in"):
            result.rename(task.outputs / f"part-{part}.out")
            return Verification(Verdict.SUCCESS)
        del state["owners"][subtask_id]
        state["waiting"].append(part)
        self._save(task, state)
        return Verification(Verdict.FAILURE, "wrong result")

    def discard_subtasks(self, task: TaskFolder, subtask_ids: Sequence[str]) -> Sequence[str]:
        state = self._load(task)
        state["waiting"] += [state["owners"].pop(subtask_id) for subtask_id in subtask_ids]
        self._save(task, state)
        return subtask_ids

    def abort_task(self, task: TaskFolder) -> None:
        self._save(task, {"waiting": [], "owners": {}})

    def abort_subtask(self, task: TaskFolder, subtask_id: str) -> None:
        self.discard_subtasks(task, [subtask_id])

    def run_benchmark(self, work_dir: Path, stop: ShutdownSignal) -> float:
        return 1.0

    def _load(self, task: TaskFolder) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((task.path / "state.json").read_text())
        return state

    def _save(self, task: TaskFolder, state: dict[str, Any]) -> None:
        (task.path / "state.json").write_text(json.dumps(state))


class Provider(ProviderAppHandler):
    def compute(self, task: ProviderFolder, subtask_id: str, params: Params, stop: ShutdownSignal) -> str | Path:
        result = task.scratch(subtask_id) / "result.txt"
        result.write_text(compute(task.resource(f"part-{params['part']}.in")))
        return result

    def run_benchmark(self, work_dir: Path, stop: ShutdownSignal) -> float:
        return 1.0


def compute(path: Path) -> str:
    return blake2b(path.read_bytes()).hexdigest()


APP = App("parts", Requestor, Provider)
