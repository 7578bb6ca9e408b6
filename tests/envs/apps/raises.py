"""Its provider raises, saying something long when asked to."""

from __future__ import annotations

from asyncio import CancelledError
from pathlib import Path

from claynet.taskapi import App, Params, ProviderFolder, ShutdownSignal
from tests.envs.apps import parts

KINDS: dict[str, type[BaseException]] = {"interrupt": KeyboardInterrupt, "cancel": CancelledError}


class Provider(parts.Provider):
    def compute(self, task: ProviderFolder, subtask_id: str, params: Params, stop: ShutdownSignal) -> str | Path:
        if "kind" in params:
            raise KINDS[params["kind"]]
        raise RuntimeError("no luck today" + "!" * params.get("length", 0))


APP = App("raises", parts.Requestor, Provider)
