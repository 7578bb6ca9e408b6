"""Whether a task that is asked for can be: every problem of a request, found before anything is made.

Knows what this node can request, its tokens, and the files named. Must not make, move or spend anything.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from claynet.actors.core.records import amount_due
from claynet.actors.nearest import nearest
from claynet.actors.ports import TEN_YEARS
from claynet.actors.units import DURATIONS, MOST, format_tokens
from claynet.net.app_shelf import ShelfError, ShelvedApp
from claynet.net.control.host import Host
from claynet.proto import node_pb2 as api

MOST_SUBTASKS = 1_000_000
FUNDS = "golem.max_price_per_hour"
"""The key that a lack of tokens is told of."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a request comes to."""

    problems: tuple[api.Problem, ...]
    app: ShelvedApp | None
    subtask_cost: int
    cost: int


def check(host: Host, request: api.TaskRequest, freed: int = 0) -> Checked:
    """Find every problem of a request; `freed` are tokens set aside for what ends when it is done."""
    problems: list[api.Problem] = []
    app = _app(host, request, problems)
    _numbers(request, problems)
    _params(request, app, problems)
    _resources(request, problems)
    _output(request, problems)
    subtask_cost = amount_due(max(0, request.max_price), max(0, request.subtask_timeout))
    cost = subtask_cost * max(0, request.max_subtasks)
    _funds(request, subtask_cost, cost, host.balance - host.view.money().reserved + freed, problems)
    return Checked(tuple(problems), app, min(MOST, subtask_cost), min(MOST, cost))


def _problem(key: str, message: str, suggestion: str = "") -> api.Problem:
    return api.Problem(key=key, message=message, suggestion=suggestion)


def _funds(request: api.TaskRequest, subtask_cost: int, cost: int, free: int, problems: list[api.Problem]) -> None:
    less = "ask for fewer subtasks, less time or a lower price"
    told = f"the task may cost {format_tokens(cost)} ({request.max_subtasks} subtasks of at most {format_tokens(subtask_cost)})"
    if max(cost, subtask_cost) > MOST:  # no message could hold it
        problems.append(_problem(FUNDS, f"{told}, no task may cost more than {format_tokens(MOST)}", less))
    elif cost > free:
        problems.append(_problem(FUNDS, f"not enough tokens: {told}, {format_tokens(free)} are free", less))


def _app(host: Host, request: api.TaskRequest, problems: list[api.Problem]) -> ShelvedApp | None:
    if host.node.config.requestor is None:
        problems.append(_problem("golem", "this node is no requestor", "its setting `roles` says what it is"))
    try:
        app = host.apps.find(request.app)
    except ShelfError as error:
        problems.append(_problem("golem.app_id", str(error)))
        return None
    if not app.enabled:
        problems.append(
            _problem("golem.app_id", f"the app {app.descriptor.name} is not enabled here", f"claynet app enable {app.descriptor.name}")
        )
    return app


def _numbers(request: api.TaskRequest, problems: list[api.Problem]) -> None:
    if not 1 <= request.max_subtasks <= MOST_SUBTASKS:
        problems.append(_problem("golem.max_subtasks", f"a number from 1 to {MOST_SUBTASKS} is wanted"))
    for name in ("task_timeout", "subtask_timeout"):
        if getattr(request, name) <= 0:
            problems.append(_problem(f"golem.{name}", "a duration above 0 is wanted"))
        elif getattr(request, name) > TEN_YEARS:
            problems.append(_problem(f"golem.{name}", f"longer than ten years ({TEN_YEARS // DURATIONS['h']}h)", "write a shorter one"))
    if request.subtask_timeout > request.task_timeout > 0:
        problems.append(_problem("golem.subtask_timeout", "a subtask would have more time than the whole task", "a longer task_timeout"))
    if request.max_price < 0:
        problems.append(_problem(FUNDS, "a price of at least 0 is wanted"))


def _params(request: api.TaskRequest, app: ShelvedApp | None, problems: list[api.Problem]) -> None:
    params = json.loads(request.params_json or "{}")
    if not isinstance(params, dict):
        problems.append(_problem("app", "an object of parameters is wanted"))
    elif app is not None and app.parameters is not None:
        told, known = app.descriptor.name, app.parameters
        unknown = [name for name in params if name not in known]
        problems.extend(_problem(f"app.{name}", f"{told} has no such parameter", nearest(name, known)) for name in unknown)


def _resources(request: api.TaskRequest, problems: list[api.Problem]) -> None:
    names = Counter(resource.name for resource in request.resources)
    for number, resource in enumerate(request.resources):
        key, path = f"golem.resources[{number}]", Path(resource.path)
        try:
            problems.extend(_problem(key, *told) for told in _resource(path))
        except (OSError, ValueError) as error:
            problems.append(_problem(key, _no_look(path, error)))
        if names[resource.name] > 1:
            problems.append(_problem(key, f"several resources are called {resource.name!r}: the app would see one of them only"))


def _resource(path: Path) -> Iterator[tuple[str, str]]:
    """Say what is wrong with a resource and what helps. Raises OSError or ValueError when it cannot be looked at."""
    if not path.is_absolute():
        yield f"{path}: an absolute path is wanted", ""
    elif not path.exists():
        yield f"{path}: no such file", _neighbour(path)
    elif not path.is_file():
        yield f"{path} is no file", "name each file by itself"
    elif not os.access(path, os.R_OK):
        yield f"{path} cannot be read by the node's user", ""


def _no_look(path: Path, error: Exception) -> str:
    return f"{path} cannot be looked at: {getattr(error, 'strerror', None) or error}"


def _neighbour(path: Path) -> str:
    try:
        return nearest(path.name, [one.name for one in path.parent.iterdir()][:1000])
    except OSError:
        return f"there is no folder {path.parent}"


def _output(request: api.TaskRequest, problems: list[api.Problem]) -> None:
    key, wanted = "golem.output_directory", request.output_directory
    if not wanted:
        return
    path = Path(wanted)
    if not path.is_absolute():
        problems.append(_problem(key, f"{wanted}: an absolute path is wanted"))
        return
    try:
        existing = next(folder for folder in (path, *path.parents) if folder.exists())
    except OSError as error:
        problems.append(_problem(key, _no_look(path, error), "name another folder"))
        return
    if not existing.is_dir():
        problems.append(_problem(key, f"{existing} is no folder"))
    elif not os.access(existing, os.W_OK | os.X_OK):
        problems.append(_problem(key, f"{existing} is not writable by the node's user", "name another folder, or change its mode"))
