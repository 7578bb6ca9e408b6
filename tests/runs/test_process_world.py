"""Nodes that are processes of their own: killed, stopped in the middle, lost; and what of a run is left when the run itself is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.runs.command import ROOT, SCENARIOS, claynet, trace

FILE = f"""
schema: 1
name: processes
seed: 5
at_most: 4m
isolate: process
network: {{transport: p2p}}
apps:
  tutorial: {{descriptor: {ROOT}/apps/tutorial/descriptor.json}}
nodes:
  - {{group: requestors, count: 1, role: requestor, env: process, balance: 7tok}}
  - {{group: providers, count: 2, role: provider, env: process, price: 0.5tok}}
tasks:
  - {{name: pow, by: requestors, app: tutorial, params: {{difficulty: 10, resources: [input.txt]}},
     inputs: [{SCENARIOS}/data/input.txt], subtasks: 5, max_price: 1tok, task_timeout: 3m, subtask_timeout: 20s}}
expect:
  - {{tasks: {{name: pow, state: finished}}, count: all}}
  - {{metric: payments_acknowledged, equals: 5}}
  - {{metric: actor_failures, equals: 0}}
  - {{leftovers: none}}
"""
EVENTS = """
events:
  - {when: {task: pow, subtasks_finished: 1}, crash: requestors, restart_after: 500ms}
  - {when: {task: pow, subtasks_assigned: 2}, crash: "providers[1]", restart_after: 500ms}
  - {when: {task: pow, subtasks_finished: 3}, pause: requestors, for: 1s}
"""


def test_requestor_and_provider_are_killed_and_come_back_with_what_they_had(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(FILE + EVENTS)
    code, report = claynet("run", file, "--out", tmp_path / "out")
    assert code == 0, report
    events = trace(tmp_path / "out")
    starts = [event["from"] for event in events if event["kind"] == "node" and event["state"] == "started"]
    assert {name: starts.count(name) for name in set(starts)} == {"requestors-0": 2, "providers-0": 1, "providers-1": 2}
    faults = [(event["from"], event["tag"]) for event in events if event["kind"] == "fault"]
    assert faults.count(("crash", "begins")) == faults.count(("crash", "ends")) == 2
    assert ("pause", "begins") in faults
    logs = tmp_path / "out" / "logs"
    assert "ready" in (logs / "requestors-0" / "node.log").read_text()
    assert (logs / "usage.jsonl").stat().st_size > 0
    assert len(list((tmp_path / "out" / "results").glob("requestors-0/pow-*/*"))) >= 5


def test_a_node_that_is_lost_ends_the_run_and_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(FILE)
    with running(file) as run:
        nodes, homes = nodes_of(run, 3)
        wait_until((homes["requestors-0"] / "inputs").exists)  # a task is made: the run is on its way
        os.kill(nodes["providers-0"], signal.SIGKILL)
        _, complaint = run.communicate(timeout=60)
    assert run.returncode == 3
    assert "node providers-0 ended by itself with code -9" in complaint
    assert "Traceback" not in complaint


def test_a_run_that_is_killed_leaves_no_node_not_even_a_paused_one(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(FILE + '\nevents:\n  - {at: 100ms, pause: "providers[0]"}\n')
    with running(file) as run:
        nodes, _ = nodes_of(run, 3)
        wait_until(lambda: state_of(nodes["providers-0"]) == "T")
        run.kill()
        run.wait()
        wait_until(lambda: all(state_of(pid) in ("", "Z") for pid in nodes.values()))
    code, report = claynet("sweep")
    assert code == 0, report


def test_ctrl_c_stops_the_nodes(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(FILE)
    with running(file) as run:
        nodes, _ = nodes_of(run, 3)
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=60)
        assert run.returncode == 130
        assert all(state_of(pid) in ("", "Z") for pid in nodes.values())


def test_a_node_that_cannot_start_is_named_with_what_it_wrote(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(FILE)
    (tmp_path / "sitecustomize.py").write_text("import sys\nif 'scenario_node' in ' '.join(sys.orig_argv): sys.exit('no luck today')\n")
    code, report = claynet("run", file, PYTHONPATH=str(tmp_path))
    assert code == 3
    assert "requestors-0 ended with code 1 before it was ready" in report["error"]["message"]
    assert "no luck today" in report["error"]["message"]


# ---------------------------------------------------------------- seen from outside


def wait_until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline, moment = time.monotonic() + seconds, threading.Event()
    while not holds():
        assert time.monotonic() < deadline, "it does not hold after all that time"
        moment.wait(0.02)


@contextmanager
def running(file: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "claynet.cli.main", "run", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as run:
        limit = threading.Timer(120, run.kill)
        limit.start()
        try:
            yield run
        finally:
            limit.cancel()
            run.kill()


def nodes_of(run: subprocess.Popen[str], count: int) -> tuple[dict[str, int], dict[str, Path]]:
    """Return the process ids and the folders of a run's nodes by name, once all of them are ready."""
    found: dict[str, tuple[int, Path]] = {}

    def look() -> bool:
        found.clear()
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                arguments = path.read_bytes().decode().split("\0")
                parent = path.with_name("stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if "claynet.cli.scenario_node" in arguments and parent == str(run.pid):
                home = Path(json.loads(arguments[arguments.index("claynet.cli.scenario_node") + 1])["home"])
                if (home / "data" / "control.sock").exists():
                    found[home.name] = int(path.parent.name), home
        return len(found) == count

    wait_until(look)
    return {name: pid for name, (pid, _) in found.items()}, {name: home for name, (_, home) in found.items()}


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
