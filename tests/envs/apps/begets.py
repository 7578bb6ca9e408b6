"""Its provider starts a process that holds a named pipe open, and hangs."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

from claynet.taskapi import App, Params, ProviderFolder, ShutdownSignal
from tests.envs.apps import parts


class Provider(parts.Provider):
    def compute(self, task: ProviderFolder, subtask_id: str, params: Params, stop: ShutdownSignal) -> str | Path:
        with Path(params["began"]).open("wb") as began:
            subprocess.Popen(["sh", "-c", "printf '!'; sleep 1000; :"], stdout=began)
        threading.Event().wait()
        raise AssertionError("for ever is over")


APP = App("begets", parts.Requestor, Provider)
