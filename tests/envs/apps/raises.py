"""Its provider raises, saying something long when asked to."""

from __future__ import annotations

from pathlib import Path

from claynet.taskapi import App, Params, ProviderFolder, ShutdownSignal
from tests.envs.apps import parts


class Provider(parts.Provider):
    def compute(self, task: ProviderFolder, subtask_id: str, params: Params, stop: ShutdownSignal) -> str | Path:
        raise RuntimeError("no luck today" + "!" * params.get("length", 0))


APP = App("raises", parts.Requestor, Provider)
