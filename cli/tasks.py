"""What `claynet task ...` does, except watching.

Knows task files, the control API's messages and tables. Must not know sockets, nor what a node does with a task.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from claynet.actors.core.task import FINAL, TABLE
from claynet.actors.nearest import nearest
from claynet.cli import shown
from claynet.cli.asking import ask, say
from claynet.cli.control_client import NodeClient, with_node
from claynet.cli.output import DONE, UNMET, WRONG, Output
from claynet.cli.plain import plain
from claynet.cli.tables import make_console, table
from claynet.cli.task_file import TaskFile, TaskFileError, read_task_file
from claynet.cli.task_views import print_estimate, print_results, print_task, print_why, row
from claynet.proto import node_pb2 as api

STATES = FINAL | {state for state, _ in TABLE}
TAKE_IN = 600.0
"""Seconds that a node may take to take in the resources of a new task."""


def estimate(file: Path, data_dir: Path, output: Output) -> int:
    """Say what a task may cost at most and who could take it."""

    def work(client: NodeClient, task: TaskFile) -> int:
        reply = client.call("Tasks.Estimate", task.request)
        if reply.problems:
            return _refused(task.refuse(reply.problems), output)
        output.result(plain(reply))
        if not output.as_json:
            print_estimate(task.request, reply)
        return DONE

    return _with_file(file, data_dir, output, work)


def create(file: Path, data_dir: Path, watch: bool, output: Output) -> int:
    """Begin a task; with `watch` stay until it is over."""

    def work(client: NodeClient, task: TaskFile) -> int:
        reply = client.call("Tasks.Create", task.request, TAKE_IN)
        if reply.problems:
            return _refused(task.refuse(reply.problems), output)
        if watch:
            from claynet.cli.task_watch import watch_task

            return watch_task(client, reply.task.id, output)
        output.result(plain(reply.task))
        if not output.as_json:
            make_console().print(
                f"{reply.task.name} is task {reply.task.id}; follow it with: claynet task watch {shown.short(reply.task.id)}"
            )
        return DONE

    return _with_file(file, data_dir, output, work)


def list_tasks(states: Sequence[str], data_dir: Path, output: Output) -> int:
    """List tasks."""
    for state in states:
        if state not in STATES:
            return output.error("usage", f"--state {state}: no task is in such a state; {nearest(state, STATES)}", code=WRONG)

    def work(client: NodeClient) -> int:
        reply = client.call("Tasks.List", api.TasksRequest(states=states))
        output.result(plain(reply))
        if not output.as_json:
            rows = [row(task) for task in reply.tasks]
            console = make_console()
            console.print(table("tasks", rows) if rows else "no tasks; begin one with: claynet task create FILE")
        return DONE

    return with_node(data_dir, output, work)


def show(name: str, data_dir: Path, output: Output) -> int:
    """Show one task."""
    return ask("Tasks.Show", api.TaskId(id=name), data_dir, output, print_task)


def abort(name: str, data_dir: Path, output: Output) -> int:
    """Give a task up."""
    return ask("Tasks.Abort", api.TaskId(id=name), data_dir, output, lambda task: say(f"{task.name} is {task.state.replace('_', ' ')}"))


def restart(name: str, data_dir: Path, output: Output) -> int:
    """Begin a task again."""
    return ask("Tasks.Restart", api.TaskId(id=name), data_dir, output, lambda task: say(f"{task.name} begins again as task {task.id}"))


def delete(name: str, data_dir: Path, output: Output) -> int:
    """Forget a task."""
    return ask("Tasks.Delete", api.TaskId(id=name), data_dir, output, lambda reply: say(f"task {reply.id} is forgotten"))


def why(name: str, data_dir: Path, output: Output) -> int:
    """Say why a task does not go on."""
    return ask("Tasks.Why", api.TaskId(id=name), data_dir, output, print_why)


def results(name: str, to: Path | None, data_dir: Path, output: Output) -> int:
    """Say where results are, or copy them."""
    request = api.ResultsRequest(id=name, to="" if to is None else str(to.absolute()))
    return ask("Tasks.Results", request, data_dir, output, print_results, TAKE_IN)


def _with_file(file: Path, data_dir: Path, output: Output, work: Any) -> int:
    try:
        task = read_task_file(file)
    except TaskFileError as error:
        return _refused(error, output)
    return with_node(data_dir, output, lambda client: work(client, task))


def _refused(error: TaskFileError, output: Output) -> int:
    details = [
        {"file": one.file, "line": one.line, "key": one.key, "message": one.message, "suggestion": one.suggestion} for one in error.findings
    ]
    no_funds = all(one.message.startswith("not enough tokens") for one in error.findings)
    return output.error("funds" if no_funds else "task_file", str(error), details, UNMET if no_funds else WRONG)
