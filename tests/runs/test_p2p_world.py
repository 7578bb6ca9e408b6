"""A scenario on the real links of live nodes: a node that crashes comes back (shipped scenarios: `test_modes.py`)."""

from __future__ import annotations

from pathlib import Path

from tests.runs.command import ROOT, claynet

CRASH = f"""
schema: 1
name: crash
mode: real
seed: 5
at_most: 5m
network: {{transport: p2p}}
apps:
  tutorial: {{descriptor: {ROOT}/apps/tutorial/descriptor.json}}
nodes:
  - {{group: requestors, count: 1, role: requestor, env: process}}
  - {{group: providers, count: 2, role: provider, env: process, price: 0.5tok}}
tasks:
  - {{name: pow, by: requestors, app: tutorial, params: {{difficulty: 10, resources: [input.txt]}},
     inputs: [{ROOT}/scenarios/data/input.txt], subtasks: 4, max_price: 1tok, task_timeout: 4m, subtask_timeout: 30s}}
events:
  - {{when: {{task: pow, subtasks_finished: 1}}, crash: "requestors[0]", restart_after: 1s}}
expect:
  - {{tasks: {{name: pow, state: finished}}, count: all}}
  - {{metric: actor_failures, equals: 0}}
  - {{leftovers: none}}
"""


def test_a_node_that_crashes_comes_back_on_other_links(tmp_path: Path) -> None:
    file = tmp_path / "crash.yaml"
    file.write_text(CRASH)
    code, report = claynet("run", file)
    assert code == 0, report
    assert report["subtasks"]["finished"] == 4
