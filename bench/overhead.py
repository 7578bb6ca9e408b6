"""What a node adds to a docker subtask: from the assignment to the verdict, without the time of the container and of the app.

Knows the command line, the scenario format and the trace. Must not know the node's parts. The mode is `real`, so the trace's times are; the
network takes no time, and one provider with one slot keeps one subtask from waiting for another.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.containers import APP, INPUT
from bench.figures import ROUNDS, Figure, cost

LIMIT = 50.0
"""Milliseconds."""
SUBTASKS = 10
_THEIRS = ("start", "compute", "verify")
"""Jobs that are the container's or the app's time; moving files is the node's own."""
_SCENARIO = f"""
schema: 1
name: overhead
seed: 7
mode: real
until: tasks_done
at_most: 5m
network: {{transport: simulated, latency: 0ms}}
apps:
  tutorial: {{descriptor: {APP}/descriptor.json, build: {APP}}}
nodes:
  - {{group: requestor, count: 1, role: requestor, env: docker_cpu}}
  - {{group: provider, count: 1, role: provider, env: docker_cpu, price: 0.5tok, slots: 1}}
tasks:
  - {{name: pow, by: requestor, app: tutorial, params: {{difficulty: 8, resources: [{INPUT.name}]}}, inputs: [{INPUT}],
     subtasks: {SUBTASKS}, max_price: 1tok, task_timeout: 5m, subtask_timeout: 30s, start: 100ms}}
expect:
  - {{metric: subtasks_finished, equals: {SUBTASKS}}}
"""


def overheads(trace: Iterable[Mapping[str, Any]]) -> list[float]:
    """Return each finished subtask's own time of the nodes, in ms."""
    began: dict[str, int] = {}
    spans: list[tuple[int, int]] = []
    assigned: dict[str, int] = {}
    found = []
    for line in trace:
        kind, at = line["kind"], int(line["at"])
        if kind == "job" and line["tag"] in _THEIRS:
            began[line["job"]] = at
        elif kind == "outcome" and line["job"] in began:
            spans.append((began[line["job"]], at))
        elif kind == "subtask" and line["state"] == "assigned":
            assigned[line["id"]] = at
        elif kind == "subtask" and line["state"] == "finished":
            since = assigned[line["id"]]
            theirs = sum(min(end, at) - max(start, since) for start, end in spans if end > since)
            found.append((at - since - theirs) / 1_000_000)
    return found


def run() -> float:
    """Run the scenario; return the median of its subtasks."""
    with tempfile.TemporaryDirectory() as name:
        file, out = Path(name, "overhead.yaml"), Path(name, "out")
        file.write_text(_SCENARIO)
        command = [sys.executable, "-m", "claynet.cli.main", "run", str(file), "--out", str(out), "--json"]
        subprocess.run(command, check=True, capture_output=True)
        found = overheads(map(json.loads, (out / "trace.jsonl").read_text().splitlines()))
    assert len(found) == SUBTASKS
    return median(found)


def measure() -> Sequence[Figure]:
    """Take the figure."""
    return [cost("docker.overhead", median(run() for _ in range(ROUNDS)), LIMIT, f"limit of {LIMIT:g} ms", "ms of the nodes per subtask")]
