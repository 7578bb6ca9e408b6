"""Its provider's result tells what it sees of the machine; it writes as much to its output as it is asked to."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from claynet.taskapi import App, Params, ProviderFolder, ShutdownSignal
from tests.envs.apps import parts


class Provider(parts.Provider):
    def compute(self, task: ProviderFolder, subtask_id: str, params: Params, stop: ShutdownSignal) -> str | Path:
        sys.stderr.write("x" * params.get("shout", 0) + "\nthe end\n")
        sys.stderr.flush()
        seen = {"variables": dict(os.environ), "folder": str(Path.cwd()), "input": sys.stdin.read(), "json": json.__file__}
        (task.path / "seen.json").write_text(json.dumps(seen))
        return "seen.json"


APP = App("tells", parts.Requestor, Provider)
