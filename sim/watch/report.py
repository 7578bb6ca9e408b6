"""Builds the report of a run: one JSON object with fixed fields.

Knows the contract's field names. Must not know how any of it was measured, nor where it is written.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import claynet
from claynet.sim.calibration import Calibration
from claynet.sim.scenario.plan import Plan
from claynet.sim.watch.expect import Leftovers, Verdict
from claynet.sim.watch.metrics import Metrics
from claynet.sim.watch.why import Why

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Run:
    """What only the runner knows."""

    replayed: bool
    trace_hash: str | None
    """None in `real`."""
    virtual_ns: int
    wall_ns: int
    messages: int
    """That crossed the network."""
    deliveries: int
    """That reached an actor."""
    calibration: Calibration | None = None
    """Durations fitted to earlier runs, if the run was given any."""
    ok: bool = True
    """False when a replay diverged or the self-check failed."""


@dataclass(frozen=True, slots=True)
class Report:
    """The finished report."""

    fields: dict[str, Any]
    is_checked: bool = False
    """The run was made twice and its traces compared."""

    @property
    def ok(self) -> bool:
        """Tell whether all expectations hold, and the run itself was sound."""
        return bool(self.fields["ok"])

    def to_json(self) -> str:
        """Return canonical JSON: keys sorted, no spaces, UTF-8 characters as they are."""
        return json.dumps(self.fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def build_report(plan: Plan, run: Run, metrics: Metrics, verdicts: Sequence[Verdict], why: Sequence[Why], leftovers: Leftovers) -> Report:
    """Put a report together."""
    return Report(
        {
            "schema": SCHEMA,
            "version": claynet.__version__,
            "scenario": plan.name,
            "seed": plan.seed,
            "mode": plan.mode,
            "replayed": run.replayed,
            "ok": run.ok and all(verdict.ok for verdict in verdicts),
            "trace_hash": run.trace_hash,
            "reproducible": plan.mode != "real" and (run.replayed or not plan.measured),
            "measured": sorted(plan.measured),
            "calibration": run.calibration.to_json() if run.calibration else None,
            "virtual_seconds": run.virtual_ns / 1e9,
            "wall_seconds": round(run.wall_ns / 1e9, 3),
            "nodes": len(plan.nodes),
            "messages": run.messages,
            "deliveries": run.deliveries,
            "tasks": _tasks(plan, metrics),
            "subtasks": {
                state: metrics.subtasks(state) for state in ("assigned", "finished", "failed", "timed_out", "cancelled", "restarted")
            },
            "earnings": {node.name: metrics.earned.get(node.name, 0) for node in plan.nodes if node.provider},
            "expectations": [{"name": verdict.name, "ok": verdict.ok, "detail": verdict.detail} for verdict in verdicts],
            "why": [{"task": entry.task, "node": entry.node, "rule": entry.rule, "detail": entry.detail} for entry in why],
            "leftovers": {
                "containers": leftovers.containers,
                "networks": leftovers.networks,
                "processes": leftovers.processes,
            },
        }
    )


def _tasks(plan: Plan, metrics: Metrics) -> dict[str, int]:
    total = sum(1 for _ in plan.instances())
    states = ("finished", "failed", "failed_to_create", "aborted", "timed_out")
    counts = {state: metrics.tasks(state) for state in states}
    return {"total": total, **counts, "unfinished": total - sum(counts.values())}
