"""Reads `tasks:`: what is asked for, by whom, with which files.

Knows those keys. Must not know how an app understands its parameters.
"""

from __future__ import annotations

import json

from claynet.actors import units
from claynet.actors.nearest import nearest
from claynet.sim.scenario.fields import Item, Section, name, positive_duration, text, whole
from claynet.sim.scenario.files import Files
from claynet.sim.scenario.plan import InputPlan, NodePlan, TaskPlan
from claynet.sim.scenario.selectors import Selectors
from claynet.sim.scenario.yamltree import Mapping as MappingNode
from claynet.sim.scenario.yamltree import plain

MOST_SUBTASKS = 1_000_000
MOST_INSTANCES = 1_000_000


def read_tasks(items: list[Item], selectors: Selectors, app_names: set[str], files: Files) -> tuple[list[TaskPlan], set[str]]:
    """Read `tasks:`; return the tasks, and every task name that stands in the file (also of tasks with findings).

    `app_names` are the keys under `apps:`, also of apps with findings, so that one mistake is not reported twice.
    """
    tasks: list[TaskPlan] = []
    names: set[str] = set()
    made = 0
    for item in items:
        section = item.section()
        if section is None:
            continue
        task = _task(section, selectors, app_names, files)
        names.add(task.name)
        tasks.append(task)
        made += len(task.by) * task.repeat
        if made > MOST_INSTANCES:
            section.wrong(f"more than {MOST_INSTANCES} tasks are made in all")
            break
    return tasks, names - {""}


def _task(section: Section, selectors: Selectors, app_names: set[str], files: Files) -> TaskPlan:
    task = TaskPlan(
        name=section.needed("name", name, ""),
        by=selectors.some(section.required("by"), _is_requestor, "cannot create tasks: its role is provider"),
        app=_app(section.required("app"), app_names),
        params_json=_params(section.item("params")),
        inputs=_inputs(section.items("inputs"), files),
        subtasks=section.needed("subtasks", whole(1, MOST_SUBTASKS), 1),
        max_price=section.needed("max_price", units.tokens, 0),
        task_timeout=section.needed("task_timeout", positive_duration, 1),
        subtask_timeout=section.needed("subtask_timeout", positive_duration, 1),
        start=section.value("start", units.duration, 0),
        repeat=section.value("repeat", whole(1, MOST_INSTANCES), 1),
        every=section.value("every", units.duration, 0),
    )
    section.close()
    return task


def _is_requestor(node: NodePlan) -> bool:
    return node.role != "provider"


def _app(item: Item | None, app_names: set[str]) -> str:
    key = item.parsed(text) if item else None
    if item is None or key is None:
        return ""
    if key not in app_names:
        item.wrong(f"unknown app {key[:60]!r}", nearest(key, app_names))
    return key


def _params(item: Item | None) -> str:
    if item is None:
        return "{}"
    if not isinstance(item.node, MappingNode):
        item.section()
        return "{}"
    try:
        return json.dumps(plain(item.node), allow_nan=False)
    except ValueError:
        item.wrong("holds a number that JSON cannot write")
        return "{}"


def _inputs(items: list[Item], files: Files) -> tuple[InputPlan, ...]:
    found: dict[str, InputPlan] = {}
    for item in items:
        read = files.read(item)
        if read is None:
            continue
        path, data = read
        if path.name in found:
            item.wrong(f"two inputs are called {path.name!r}", "the folder task_inputs/ is flat: file names must differ")
        found[path.name] = InputPlan(path.name, data)
    return tuple(found.values())
