"""`claynet task watch`: a task as it goes on, per subtask and provider: a live table on a terminal, else lines.

Knows the stream of changes. Must not know how a task is begun.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from claynet.actors.units import format_tokens
from claynet.cli import shown
from claynet.cli.control_client import NodeClient, with_node
from claynet.cli.output import DONE, UNMET, Output, write_json
from claynet.cli.plain import plain
from claynet.cli.tables import make_console, table
from claynet.cli.task_views import print_task
from claynet.proto import node_pb2 as api

MOST_ROWS = 30
"""Subtasks in the live table: those that are under way, and the last of the others."""
_OVER = frozenset({"finished", "failed", "timed_out", "cancelled", "restarted", "refused"})


def watch(name: str, data_dir: Path, output: Output) -> int:
    """Watch a task until it is over."""
    return with_node(data_dir, output, lambda client: watch_task(client, name, output))


def watch_task(client: NodeClient, name: str, output: Output) -> int:
    """Watch with an open client; 0 when it finished and its results are where they belong, else 1."""
    changes = client.stream("Tasks.Watch", api.TaskId(id=name))
    last = _as_json(changes) if output.as_json else _for_people(changes)
    if last is None:
        return output.error("stopped", "the node ended the watch before the task was over", code=UNMET)
    return DONE if last.state == "finished" and last.delivery != "failed" else UNMET


def _as_json(changes: Iterator[api.TaskChange]) -> api.Task | None:
    import sys

    last = None
    for change in changes:
        write_json(plain(change))
        sys.stdout.flush()
        last = change.task
    return _if_over(last)


def _for_people(changes: Iterator[api.TaskChange]) -> api.Task | None:
    from rich.live import Live

    console = make_console()
    known: dict[str, api.Subtask] = {}
    last = None
    live: Any = Live(console=console, refresh_per_second=8, transient=True) if console.is_terminal else nullcontext()
    with live:
        for change in changes:
            last = change.task
            for subtask in change.subtasks:
                before = known.pop(subtask.id, None)
                known[subtask.id] = subtask
                if not console.is_terminal and (before is None or before.state != subtask.state):
                    console.print(_line(subtask), soft_wrap=True)
            if console.is_terminal:
                live.update(_table(last, known))
    last = _if_over(last)
    if last is not None:
        print_task(last)
    return last


def _if_over(task: api.Task | None) -> api.Task | None:
    return task if task is not None and task.is_over else None


def _line(subtask: api.Subtask) -> str:
    reason = f": {subtask.reason}" if subtask.reason else ""
    return f"subtask {shown.short(subtask.id)} at {shown.short(subtask.peer)} is {subtask.state.replace('_', ' ')}{reason}"


def _table(task: api.Task, known: dict[str, api.Subtask]) -> Any:
    title = f"{task.name} is {task.state.replace('_', ' ')}; {task.offers} offers, {format_tokens(task.spent)} spent"
    under_way = [one for one in known.values() if one.state not in _OVER]
    others = [one for one in known.values() if one.state in _OVER]
    rows = [_row(one) for one in (*others[-max(0, MOST_ROWS - len(under_way)) :], *under_way)][-MOST_ROWS:]
    return table(title, rows or [{"subtask": "none yet; claynet task why says what it waits for"}])


def _row(subtask: api.Subtask) -> dict[str, Any]:
    return {
        "subtask": shown.short(subtask.id),
        "provider": shown.short(subtask.peer),
        "state": subtask.state.replace("_", " "),
        "for": shown.ago(subtask.since),
        "price": shown.price(subtask.price),
        "payment": subtask.payment,
        "reason": subtask.reason,
    }
