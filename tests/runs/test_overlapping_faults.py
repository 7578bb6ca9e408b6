"""Faults that overlap: a node is back when the last of those that want it away has ended, in every world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.runs.command import ROOT, SCENARIOS, claynet, trace
from tests.runs.ways import WAYS

FILE = f"""
schema: 1
seed: 5
apps:
  tutorial: {{descriptor: {ROOT}/apps/tutorial/descriptor.json}}
nodes:
  - {{group: requestors, count: 2, role: requestor}}
  - {{group: providers, count: 2, role: provider, price: 0.5tok}}
tasks:
  - {{name: pow, by: requestors, app: tutorial, params: {{difficulty: 4, resources: [input.txt]}},
     inputs: [{SCENARIOS}/data/input.txt], subtasks: 1, max_price: 1tok, task_timeout: 3m, subtask_timeout: 20s, start: 800ms}}
"""
OVERLAPPING = """
until: 5s
events:
  - {at: 200ms, pause: "requestors[0]", for: 1s}
  - {at: 600ms, pause: "requestors[0]", for: 2s}
  - {at: 200ms, crash: "requestors[1]", restart_after: 1s}
  - {at: 400ms, pause: "requestors[1]", for: 2200ms}
  - {at: 200ms, crash: "providers[0]", restart_after: 1s}
  - {at: 600ms, crash: "providers[0]", restart_after: 2s}
  - {at: 200ms, crash: "providers[1]", restart_after: 1s}
  - {at: 600ms, crash: "providers[1]"}
"""
BACK = 2_590_000_000
"""The last of each that ends does so at 2.6 s; clocks of several processes may differ a little."""


def _of(events: list[dict[str, Any]], node: str, kind: str, state: str) -> list[int]:
    return [event["at"] for event in events if (event["from"], event["kind"], event.get("state")) == (node, kind, state)]


@pytest.mark.parametrize("way", ["virtual", "p2p", "processes"])
def test_a_node_is_back_when_the_last_fault_has_ended(tmp_path: Path, way: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(FILE + OVERLAPPING)
    code, report = claynet("run", file, "--out", tmp_path / "out", *WAYS[way])
    assert code == 0, report
    events = trace(tmp_path / "out")
    for requestor in ("requestors-0", "requestors-1"):
        (made,) = _of(events, requestor, "task", "creating")
        assert made >= BACK, requestor
    _, again = _of(events, "providers-0", "node", "started")
    assert again >= BACK
    assert len(_of(events, "providers-1", "node", "started")) == 1


def test_two_equal_events_each_begin_and_end(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    one = '  - {when: {task: pow, subtasks_assigned: 1}, link: {between: ["requestors", "providers"], latency: 50ms}, for: 1s}\n'
    file.write_text(FILE + "until: 20s\nevents:\n" + 2 * one)
    code, report = claynet("run", file, "--out", tmp_path / "out", *WAYS["virtual"])
    assert code == 0, report
    told = [event["tag"] for event in trace(tmp_path / "out") if event["kind"] == "fault"]
    assert told == ["begins", "begins", "ends", "ends"]
