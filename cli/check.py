"""`claynet check`: validates a scenario and prints its plan.

Knows plans and how they are shown. Must not know how one is run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from claynet.actors import units
from claynet.cli.output import DONE, Output
from claynet.cli.problems import report_problems
from claynet.sim.scenario.plan import (
    CrashEvent,
    EventPlan,
    LinkChange,
    LinkEvent,
    NodePlan,
    PartitionEvent,
    PauseEvent,
    Plan,
    TaskPlan,
    When,
)
from claynet.sim.scenario.read_distribution import format_distribution
from claynet.sim.scenario.reader import Overrides, ScenarioErrors, load


def check_file(file: Path, overrides: Overrides, output: Output) -> int:
    """Validate a file, print the plan or the findings, and return the exit code."""
    try:
        plan = load(file, overrides)
    except ScenarioErrors as errors:
        return report_problems(errors, output)
    if output.as_json:
        output.result(summary(plan))
    else:
        _print(plan)
    return DONE


def summary(plan: Plan) -> dict[str, Any]:
    """Return what a plan comes to, as JSON values; the columns of the printed tables are its fields."""
    return {
        "schema": 1,
        "ok": True,
        "scenario": plan.name,
        "file": str(plan.file),
        "seed": plan.seed,
        "mode": plan.mode,
        "isolate": plan.isolate,
        "until": "tasks_done" if plan.until is None else units.format_duration(plan.until),
        "at_most": units.format_duration(plan.at_most),
        "digest": plan.digest(),
        "reproducible": plan.mode != "real" and not plan.measured,
        "notes": list(plan.notes),
        "apps": [{"app": app.key, "name": app.name, "image": app.image, "id": app.app_id} for app in plan.apps.values()],
        "nodes": [_group(nodes) for nodes in plan.groups().values()],
        "tasks": [_task(task) for task in plan.tasks],
        "events": [_event(event) for event in plan.events],
        "expectations": [expected.label for expected in plan.expectations],
        "totals": {"nodes": len(plan.nodes), "tasks": sum(1 for _ in plan.instances()), "subtasks": _subtasks(plan)},
    }


def _subtasks(plan: Plan) -> int:
    return sum(len(task.by) * task.repeat * task.subtasks for task in plan.tasks)


def _group(nodes: tuple[NodePlan, ...]) -> dict[str, Any]:
    node = nodes[0]
    chances = {"wrong_result": node.behaviour.wrong_result, "fails": node.behaviour.fails}
    return {
        "group": node.group,
        "count": len(nodes),
        "role": node.role,
        "env": node.env,
        "price": units.format_tokens(node.price) if node.provider else "",
        "slots": node.provider.slots if node.provider else 0,
        "behaviour": ", ".join(f"{name} {units.format_fraction(chance)}" for name, chance in chances.items() if chance) or "honest",
    }


def _task(task: TaskPlan) -> dict[str, Any]:
    return {
        "task": task.name,
        "by": len(task.by),
        "repeat": task.repeat,
        "app": task.app,
        "subtasks": task.subtasks,
        "max_price": units.format_tokens(task.max_price),
        "start": units.format_duration(task.start),
        "task_timeout": units.format_duration(task.task_timeout),
        "subtask_timeout": units.format_duration(task.subtask_timeout),
    }


def _event(event: EventPlan) -> dict[str, Any]:
    trigger = event.trigger
    if isinstance(trigger, When):
        when = f"{trigger.task}: {trigger.progress} {trigger.count}"
    else:
        when = units.format_duration(trigger.at)
    match event:
        case PartitionEvent():
            what, until = " | ".join(_names(side) for side in event.sides), event.lasts
            kind, end = "partition", "heals after"
        case CrashEvent():
            what, until = _names(event.nodes), event.restart_after
            kind, end = "crash", "restarts after"
        case PauseEvent():
            what, until = _names(event.nodes), event.lasts
            kind, end = "pause", "goes on after"
        case LinkEvent():
            what, until = f"{_names(event.left)} - {_names(event.right)}: {_change(event.change)}", event.lasts
            kind, end = "link", "back after"
    return {"when": when, "event": kind, "what": what, "ends": "" if until is None else f"{end} {units.format_duration(until)}"}


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} ... {names[-1]} ({len(names)})"


def _change(change: LinkChange) -> str:
    parts = [f"latency {format_distribution(change.latency)}"] if change.latency is not None else []
    parts += [f"bandwidth {units.format_rate(change.bandwidth)}"] if change.bandwidth is not None else []
    parts += [f"loss {units.format_fraction(change.loss)}"] if change.loss is not None else []
    return ", ".join(parts)


def _print(plan: Plan) -> None:
    from rich.text import Text

    from claynet.cli.tables import make_console, styled, table

    console = make_console()
    found = summary(plan)
    console.print(Text.assemble(styled(found["scenario"], "bold"), f" is valid: seed {found['seed']}, mode {found['mode']}"))
    console.print(f"until {found['until']}, at most {found['at_most']}; digest {found['digest'][:16]}")
    for text in plan.notes:
        console.print(f"note: {text}")
    for title in ("apps", "nodes", "tasks", "events"):
        if found[title]:
            console.print(table(title, found[title]))
    if found["expectations"]:
        console.print(table("expectations", [{"expectation": label} for label in found["expectations"]]))
    totals = found["totals"]
    console.print(f"{totals['nodes']} nodes, {totals['tasks']} tasks, {totals['subtasks']} subtasks")
