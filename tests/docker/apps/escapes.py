"""Its provider tries to get out of its container, or to take more than its share; what it found is its result."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from claynet.taskapi import App, Params, ProviderFolder, ShutdownSignal
from tests.envs.apps import parts


def _try(attempt: Callable[[], object]) -> str:
    try:
        return f"done: {attempt()}"
    except OSError as error:
        return type(error).__name__


_FORK = """
import os, signal
children = []
try:
    while len(children) < 2000:
        child = os.fork()
        if child == 0:
            signal.pause()
        children.append(child)
except OSError:
    pass
for child in children:
    os.kill(child, 9)
print(len(children))
"""
"""Run by a Python of its own: gRPC's threads do not like to be forked."""


def _fork_many() -> int:
    done = subprocess.run([sys.executable, "-c", _FORK], capture_output=True, text=True, timeout=30, check=True)
    return int(done.stdout)


class Provider(parts.Provider):
    def compute(self, task: ProviderFolder, subtask_id: str, params: Params, stop: ShutdownSignal) -> str | Path:
        if params.get("eat"):
            hoard = []
            while True:
                hoard.append(os.urandom(1 << 20))
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        seen = {
            "uid": os.getuid(),
            "gid": os.getgid(),
            "interfaces": [name for _, name in socket.if_nameindex()],
            "root": _try(lambda: Path("/etc/x").write_text("x")),
            "beside": sorted(path.name for path in Path("/golem").iterdir()),
            "device": _try(lambda: os.mknod("/tmp/d", 0o60600, os.makedev(8, 0))),
            "setuid": _try(lambda: os.setuid(0)),
            "chroot": _try(lambda: os.chroot("/tmp")),
            "capabilities": status["CapEff"].strip(),
            "no_new_privileges": status["NoNewPrivs"].strip(),
            "seccomp": status["Seccomp"].strip(),
            "home": os.environ["HOME"],
            "variables": sorted(os.environ),
            "tmp": _try(lambda: Path("/tmp/big").write_bytes(b"x" * (200 << 20))),
            "forks": _fork_many() if params.get("fork") else 0,
        }
        (task.path / "seen.json").write_text(json.dumps(seen))
        return "seen.json"


APP = App("escapes", parts.Requestor, Provider)
