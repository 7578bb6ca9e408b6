"""Live nodes as their operators start them: until ready, and from `task create` to the first verified subtask over loopback.

Knows the command line. Must not know what is behind it. Each round has nodes and data dirs of its own; medians are told.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.figures import Figure, cost, report

ROUNDS = 3
_CLAYNET = Path(sys.executable).with_name("claynet")
_ON_HOST = ("--set", "run.on_host=true", "--set", "run.requestor=process", "--set", "run.provider=process", "--set", "listen.port=0")
_STEPS = (
    ("create", "the command, until the task is there"),
    ("waiting", "the app's service starts and makes the task"),
    ("assigned", "header, offer, choice and the subtask's making"),
    ("computing", "input, and the service's start at the provider"),
    ("fetching", "computing"),
    ("verifying", "the result travels"),
    ("finished", "verifying"),
)


def measure() -> Sequence[Figure]:
    """Both, from the same rounds."""
    rounds = [_round() for _ in range(ROUNDS)]
    middle = {name: median(one[name] for one in rounds) for name in rounds[0]}
    return [
        cost("live.start", middle["start"], 2.0, "limit of 2 s", "s until ready"),
        cost("live.first_subtask", middle["total"], 3.0, "limit of 3 s", "s from task create to the first verified subtask"),
        *(report(f"live.first_subtask.{name}", middle[name], f"s: {what}") for name, what in _STEPS),
    ]


def _round() -> Mapping[str, float]:
    with tempfile.TemporaryDirectory(prefix="desk") as name:
        folder = Path(name)
        nodes = []
        try:
            begun = time.perf_counter()
            bob = _ask(folder, "bob", "node", "start", "--detach", *_ON_HOST, "--set", "roles=provider")
            start = time.perf_counter() - begun
            nodes.append(bob["pid"])
            alice = _ask(folder, "alice", "node", "start", "--detach", *_ON_HOST)
            nodes.append(alice["pid"])
            _ask(folder, "alice", "peer", "connect", bob["listens"])
            _ask(folder, "bob", "env", "benchmark", "process")
            return {"start": start, **_first_subtask(folder)}
        finally:
            for pid in nodes:
                os.kill(pid, signal.SIGKILL)


def _first_subtask(folder: Path) -> Mapping[str, float]:
    (folder / "input.txt").write_text("some input")
    golem = {
        "app_id": "claynet/tutorial",
        "max_price_per_hour": "1tok",
        "max_subtasks": 2,
        "task_timeout": "10m",
        "subtask_timeout": "1m",
        "resources": ["input.txt"],
    }
    (folder / "pow.json").write_text(json.dumps({"golem": golem, "app": {"difficulty": 4, "resources": ["input.txt"]}}))
    command = [_CLAYNET, "events", "--json", "--kind", "task", "--kind", "subtask", "--data-dir", str(folder / "alice")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as events:
        assert events.stdout is not None
        _ask(folder, "alice", "node", "status")  # the listener had the time of a whole command to come first
        begun = time.time_ns()
        _ask(folder, "alice", "task", "create", str(folder / "pow.json"))
        at: dict[str, int] = {}
        for line in events.stdout:
            event = json.loads(line)
            at.setdefault("create" if event["state"] == "creating" else event["state"], event["at"])
            if event["kind"] == "subtask" and event["state"] == "finished":
                break
        events.kill()
    taken, before = {}, begun
    for name, _ in _STEPS:
        taken[name] = (at[name] - before) / 1e9
        before = at[name]
    return taken | {"total": (before - begun) / 1e9}


def _ask(folder: Path, data_dir: str, *arguments: str) -> dict[str, Any]:
    command = [_CLAYNET, *arguments, "--json", "--data-dir", str(folder / data_dir)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found
