"""Tasks as people see them: one, a row of many, why it waits, what it may cost.

Knows the control API's messages and tables. Must not know commands or sockets.
"""

from __future__ import annotations

from typing import Any

from claynet.actors.units import format_duration, format_size, format_tokens
from claynet.cli import shown
from claynet.cli.tables import make_console, table
from claynet.proto import node_pb2 as api


def print_task(task: api.Task) -> None:
    """Print one task, field by field."""
    fields = {
        "id": task.id,
        "app": f"{task.app} ({task.app_id})",
        "state": task.state.replace("_", " ") + (f": {task.reason}" if task.reason else ""),
        "created": shown.when(task.created),
        "ended": shown.when(task.ended),
        "deadline": shown.when(task.deadline),
        "subtasks": f"{task.max_subtasks}, each at most {format_duration(task.subtask_timeout)} and {shown.price(task.max_price)}",
        "tries": shown.counted(task.subtasks),
        "spent": format_tokens(task.spent),
        "results": where(task),
    }
    make_console().print(table(task.name, [{"": key, " ": value} for key, value in fields.items() if value]))


def print_why(reply: api.WhyReply) -> None:
    """Print why a task does not go on."""
    console = make_console()
    console.print(
        f"{reply.task.name} ({shown.short(reply.task.id)}) is {reply.task.state.replace('_', ' ')}: {reply.summary}", soft_wrap=True
    )
    if reply.reasons:
        console.print(table("why", [shown.reason_row(reason) for reason in reply.reasons]))


def row(task: api.Task) -> dict[str, Any]:
    """Return a task as a row of a listing."""
    done = sum(one.count for one in task.subtasks if one.state == "finished")
    return {
        "id": shown.short(task.id),
        "name": task.name,
        "app": task.app or shown.short(task.app_id),
        "state": task.state.replace("_", " "),
        "done": f"{done}/{task.max_subtasks}",
        "spent": format_tokens(task.spent),
        "created": shown.when(task.created),
    }


def where(task: api.Task) -> str:
    """Return where a task's results are; empty when there are none."""
    if task.delivery == "failed":
        return f"not delivered: {task.delivery_problem}"
    if task.delivery == "delivered":
        return f"{len(task.results)} files in {task.delivered_to}"
    return f"{len(task.results)} files; copy them with: claynet task results {shown.short(task.id)} --to DIR" if task.delivery else ""


def print_results(reply: api.ResultsReply) -> None:
    """Print what results there are, and where."""
    console = make_console()
    if reply.task.results:
        console.print(table("results", [{"file": file.name, "size": format_size(file.size)} for file in reply.task.results]))
    console.print(f"in {reply.folder}" if reply.folder else where(reply.task) or "the task has no result files", soft_wrap=True)


def print_estimate(request: api.TaskRequest, reply: api.EstimateReply) -> None:
    """Print what a task may cost, and who could take it."""
    console = make_console()
    free = reply.money.balance - reply.money.reserved
    console.print(
        f"{request.name} with {reply.app.name}: at most {format_tokens(reply.cost)} ({request.max_subtasks} subtasks of at most "
        f"{format_tokens(reply.subtask_cost)}); {format_tokens(free)} are free",
        soft_wrap=True,
    )
    rows = [
        {
            "provider": shown.short(one.provider),
            "could take it": one.could,
            "price": shown.price(one.price) if one.heard and one.price else "",
            "heard": f"{shown.ago(one.heard)} ago" if one.heard else "",
            "why not": shown.reason_line(one.reason) if one.HasField("reason") else "",
        }
        for one in reply.candidates
    ]
    console.print(table("who could take it", rows) if rows else "this node has heard of no provider yet: claynet peer connect HOST:PORT")
