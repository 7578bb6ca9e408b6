"""Its provider says that it began and computes for ever; with `heeds` it ends when it is told to."""

from __future__ import annotations

import threading
from pathlib import Path

from claynet.taskapi import App, Params, ProviderFolder, ShutdownSignal
from tests.envs.apps import parts


class Provider(parts.Provider):
    def compute(self, task: ProviderFolder, subtask_id: str, params: Params, stop: ShutdownSignal) -> str | Path:
        with Path(params["began"]).open("wb") as began:  # a named pipe: opens once the test reads it
            began.write(b"!")
        if params.get("heeds"):
            stop.wait()
            stop.check()
        threading.Event().wait()
        raise AssertionError("for ever is over")


APP = App("hangs", parts.Requestor, Provider)
