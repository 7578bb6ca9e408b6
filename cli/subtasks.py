"""What `claynet subtask ...` does.

Knows the control API's messages and tables. Must not know sockets.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from claynet.actors.units import format_size, format_tokens
from claynet.cli import shown
from claynet.cli.asking import ask, say
from claynet.cli.control_client import NodeClient, with_node
from claynet.cli.output import DONE, Output
from claynet.cli.tables import make_console, table
from claynet.proto import node_pb2 as api


def list_subtasks(task: str, work: bool, data_dir: Path, output: Output) -> int:
    """List subtasks."""
    return ask("Subtasks.List", api.SubtasksRequest(task=task, work=work), data_dir, output, _print_list)


def show(subtask: str, data_dir: Path, output: Output) -> int:
    """Show one."""
    return ask("Subtasks.Show", api.SubtaskId(id=subtask), data_dir, output, _print_one)


def restart(subtask: str, data_dir: Path, output: Output) -> int:
    """Have its part computed again."""
    return ask(
        "Subtasks.Restart", api.SubtaskId(id=subtask), data_dir, output, lambda one: say(f"the part of {one.id} is handed out again")
    )


def logs(subtask: str, data_dir: Path, output: Output) -> int:
    """Print its log."""

    def work(client: NodeClient) -> int:
        lines = [line.text for line in client.stream("Subtasks.Logs", api.SubtaskId(id=subtask), seconds=60.0)]
        output.result({"subtask": subtask, "lines": lines})
        if not output.as_json:
            for line in lines:
                say(line)
        return DONE

    return with_node(data_dir, output, work)


def _print_list(reply: api.SubtasksReply) -> None:
    rows = [_row(one) for one in reply.subtasks]
    if rows:
        make_console().print(table("subtasks", rows))
    else:
        say("none")


def _row(one: api.Subtask) -> dict[str, Any]:
    return {
        "id": shown.short(one.id),
        "task": one.task_name or shown.short(one.task),
        "provider" if one.side == "requestor" else "requestor": shown.short(one.peer),
        "state": one.state.replace("_", " "),
        "for": shown.ago(one.since),
        "amount": format_tokens(one.amount),
        "payment": one.payment,
        "reason": one.reason,
    }


def _print_one(one: api.Subtask) -> None:
    fields = {
        "id": one.id,
        "task": f"{one.task_name} ({one.task})" if one.task_name else one.task,
        "provider" if one.side == "requestor" else "requestor": one.peer,
        "state": one.state.replace("_", " "),
        "rule": one.rule,
        "reason": one.reason,
        "price": shown.price(one.price),
        "amount": format_tokens(one.amount),
        "payment": one.payment,
        "parameters": one.params_json,
        "inputs": ", ".join(f"{file.name} ({format_size(file.size)})" for file in one.inputs),
        "result": f"{one.result.name} ({format_size(one.result.size)})" if one.HasField("result") else "",
    }
    make_console().print(table("subtask", [{"": key, " ": value} for key, value in fields.items() if value]))
