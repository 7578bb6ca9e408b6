"""A whole scenario on disk, for tests to load as it is or to spoil."""

from __future__ import annotations

import json
from pathlib import Path

DESCRIPTOR = {
    "name": "claynet/tutorial",
    "requestor_env": "docker_cpu",
    "requestor_prereq": {"image": "claynet/tutorial", "tag": "1.0.0"},
    "max_benchmark_score": 10000.0,
}

FULL = """\
schema: 1
name: first-light
seed: 7
mode: paced
until: tasks_done
at_most: 10m
network:
  transport: simulated
  latency: {lognormal: {median: 40ms, sigma: 0.4}}
  bandwidth: 50Mbit
  loss: 0.5%
  links:
    - {between: [requestors, "honest[0]"], latency: 15ms, loss: 1%}
apps:
  tutorial: {descriptor: app/descriptor.json, build: app, module: "claynet.apps.tutorial.app:APP"}
durations: {compute: {uniform: {low: 1s, high: 2s}}, verify: 50ms, start: {exponential: {mean: 300ms}}}
nodes:
  - {group: requestors, count: 2, role: requestor, env: process, pool_time: 500ms, give_up_after: 4}
  - {group: honest, count: 5, role: provider, env: process, price: 0.5tok, slots: 2, memory: 512MiB, clock_offset: -2s}
  - {group: liars, count: 1, role: provider, env: process, price: 0.1tok, behaviour: {wrong_result: 50%}}
  - {group: mixed, count: 1, role: both, env: process, clock_drift: 0.001}
tasks:
  - {name: pow, by: requestors, app: tutorial, params: {difficulty: 12, resources: [input.txt]}, inputs: [data/input.txt],
     subtasks: 4, max_price: 1tok, task_timeout: 5m, subtask_timeout: 20s, start: 1s, repeat: 3, every: 10s}
events:
  - {at: 20s, partition: [[requestors], [honest, "liars[0]"]], for: 15s}
  - {when: {task: pow, subtasks_finished: 2}, crash: "honest[0]", restart_after: 5s}
  - {at: 1m, link: {between: [requestors, honest], latency: 200ms, bandwidth: 1Mbit, loss: 2%}, for: 10s}
expect:
  - {tasks: {name: pow, state: finished}, count: all, within: 5m}
  - {metric: results_accepted_wrong, equals: 0}
  - {metric: tokens_paid, at_most: 12.5tok}
  - {why: {task: pow, provider: liars, rule: price}, count: 1}
  - {leftovers: none}
"""


def write(folder: Path, text: str | bytes = FULL) -> Path:
    """Write a scenario and the files it names; return its path."""
    (folder / "app").mkdir(exist_ok=True)
    (folder / "data").mkdir(exist_ok=True)
    (folder / "app" / "descriptor.json").write_text(json.dumps(DESCRIPTOR), encoding="utf-8")
    (folder / "data" / "input.txt").write_bytes(b"clay\n")
    path = folder / "x.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path
