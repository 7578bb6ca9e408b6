"""What peers, files and users wrote is shown as it is: never read as markup, and never sent to the terminal as a command."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest

from claynet.actors.ports import SECOND
from claynet.cli.asking import say
from claynet.cli.output import Output, note, readable
from claynet.cli.progress import LineProgress
from claynet.cli.tables import make_console, table
from claynet.cli.task_views import print_estimate, print_results, print_task, print_why, row
from claynet.cli.task_watch import watch_task
from claynet.proto import node_pb2 as api
from claynet.sim.options import Progress

EVIL = "x[/y] [red]a[/red] [link=http://evil]click[/link] :smile: \x1b[2J\x9b1m\u202e\x07"
HARMLESS = r"x[/y] [red]a[/red] [link=http://evil]click[/link] :smile: \x1b[2J\x9b1m\u202e\x07"
TASK = api.Task(id="ab" * 32, name=EVIL, app=EVIL, state="waiting", reason=EVIL, delivery="delivered", delivered_to=EVIL)
REASON = api.Reason(rule="drained", side="provider", detail=EVIL, value=EVIL, limit=EVIL, fix=EVIL)
SUBTASK = api.Subtask(id="cd" * 32, state="failed", reason=EVIL)


class Node:
    """A node's client: its one stream has one change."""

    def stream(self, method: str, request: object) -> Any:
        over = api.Task()
        over.CopyFrom(TASK)
        over.is_over = True
        yield api.TaskChange(task=over, subtasks=[SUBTASK])


SHOWN: dict[str, Callable[[], object]] = {
    "a line": lambda: say(EVIL),
    "a line of a console": lambda: make_console().print(EVIL, soft_wrap=True),
    "a task": lambda: print_task(TASK),
    "why": lambda: print_why(api.WhyReply(task=TASK, summary=EVIL, reasons=[REASON])),
    "results": lambda: print_results(api.ResultsReply(task=TASK, folder=EVIL)),
    "an estimate": lambda: print_estimate(
        api.TaskRequest(name=EVIL), api.EstimateReply(app=api.App(name=EVIL), candidates=[api.Candidate(provider="p", reason=REASON)])
    ),
    "a listing": lambda: make_console().print(table("tasks", [row(TASK)])),
    "a title": lambda: make_console().print(table(EVIL, [{EVIL: EVIL}])),
    "a watch": lambda: watch_task(Node(), "x", Output(as_json=False)),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
def test_it_is_shown_as_it_is(show: Callable[[], object], capsys: pytest.CaptureFixture[str]) -> None:
    show()
    printed = capsys.readouterr().out
    assert readable(printed) == printed
    assert all(word in printed for word in HARMLESS.split()), printed


def test_a_long_name_with_markup_is_whole_in_a_title(capsys: pytest.CaptureFixture[str]) -> None:
    make_console().print(table("x[/y]", [{"a": "b" * 90}]))
    assert "x[/y]" in capsys.readouterr().out


def test_lines_and_tabs_of_logs_stay(capsys: pytest.CaptureFixture[str]) -> None:
    say("one\n\ttwo\r")
    assert capsys.readouterr().out == "one\n        two\\r\n"
    note("one\n\ttwo\r")
    assert capsys.readouterr().err == "one\n\ttwo\\r\n"
    assert readable("a\nb\tc", kept="") == "a\\nb\\tc"


def test_the_name_of_a_run_is_one_too() -> None:
    clock = [0]
    stream = StringIO()
    show = LineProgress(EVIL, stream, lambda: clock[0])
    clock[0] = 60 * SECOND
    show(Progress(SECOND, 0, 1, 0, 1))
    assert stream.getvalue().startswith(HARMLESS)


def test_what_programs_read_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).result({"name": EVIL})
    assert json.loads(capsys.readouterr().out)["name"] == EVIL
