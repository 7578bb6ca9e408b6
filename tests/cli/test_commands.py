"""Commands from the outside: exit codes, and exactly one JSON object whenever `--json` is given."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from claynet.actors.ports import SECOND
from claynet.cli.commands import guarded, run
from claynet.cli.output import Output
from claynet.cli.progress import LineProgress
from claynet.sim.options import Progress
from tests.scenario.samples import FULL, write


class Ended:
    """How a command ended."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: object) -> None:
        self.code = run([str(argument) for argument in arguments])
        self.out, self.err = capsys.readouterr()

    @property
    def json(self) -> Any:
        assert self.out.endswith("\n")
        assert self.out.count("\n") == 1
        return json.loads(self.out)


def test_check_prints_the_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = Ended(capsys, "check", write(tmp_path))
    assert ended.code == 0
    for words in ("first-light is valid: seed 7, mode paced", "wrong_result 50%", "heals after 15s", "9 nodes, 6 tasks, 24 subtasks"):
        assert words in ended.out
    assert ended.err == ""


def test_check_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = Ended(capsys, "check", write(tmp_path), "--json", "--mode", "virtual", "--env", "model", "--seed", "5")
    assert ended.code == 0
    plan = ended.json
    assert (plan["mode"], plan["seed"], plan["totals"]) == ("virtual", 5, {"nodes": 9, "tasks": 6, "subtasks": 24})
    assert {group["env"] for group in plan["nodes"]} == {"model"}


def test_check_tells_that_no_seed_was_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "note: no seed is given" in Ended(capsys, "check", write(tmp_path, FULL.replace("seed: 7\n", ""))).out


def test_progress_is_a_line_now_and_then() -> None:
    clock = [0]
    stream = StringIO()
    show = LineProgress("pow", stream, lambda: clock[0])
    for second in range(12):
        clock[0] = second * SECOND
        show(Progress(second * 90 * SECOND, second, 20, second * 4, 8))
    assert stream.getvalue().splitlines() == [
        "pow 3m: 2 of 20 tasks, 8 subtasks done, 8 nodes up",
        "pow 10m30s: 7 of 20 tasks, 28 subtasks done, 8 nodes up",
    ]


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_wrong_file_is_refused(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, FULL.replace("count: 5", "cuont: 5"))
    ended = Ended(capsys, command, path)
    assert (ended.code, ended.out) == (2, "")
    assert f"{path}:19: nodes[1].cuont: unknown key; did you mean 'count'?" in ended.err


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_wrong_file_is_refused_as_json(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, FULL.replace("count: 5", "cuont: 5"))
    ended = Ended(capsys, command, path, "--json")
    assert ended.code == 2
    error = ended.json["error"]
    assert error["kind"] == "scenario"
    assert {
        "file": str(path),
        "line": 19,
        "key": "nodes[1].cuont",
        "message": "unknown key",
        "suggestion": "did you mean 'count'?",
    } in error["errors"]


WRONG_USE = [
    ["run"],
    ["run", "x.yaml", "--sed", "5"],
    ["run", "x.yaml", "--seed", "five"],
    ["run", "x.yaml", "--self-check", "maybe"],
    ["rnu", "x.yaml"],
    ["check", "x.yaml", "y.yaml"],
    ["app"],
    ["app", "check"],
    [],
]


@pytest.mark.parametrize("arguments", WRONG_USE)
def test_wrong_use_is_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    ended = Ended(capsys, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err


@pytest.mark.parametrize("arguments", WRONG_USE)
def test_wrong_use_is_one_json_object(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    ended = Ended(capsys, *arguments, "--json")
    assert (ended.code, ended.err) == (2, "")
    assert ended.json["error"]["kind"] == "usage"


def test_options_of_run_are_checked_before_it_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path)
    ended = Ended(capsys, "run", path, "--replay", tmp_path / "none.msgpack", "--json")
    assert ended.code == 2
    assert "no such file" in ended.json["error"]["message"]
    ended = Ended(capsys, "run", path, "--out", path / "inside", "--json")
    assert ended.code == 2
    assert "cannot be made" in ended.json["error"]["message"]


def test_markup_and_control_characters_are_only_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = Ended(capsys, "check", write(tmp_path, FULL.replace("role: both", 'role: "[red]\\e[31m"')))
    assert ended.code == 2
    assert "\x1b" not in ended.err


def interrupted() -> int:
    raise KeyboardInterrupt


def broken() -> int:
    raise LookupError("no such thing")


@pytest.mark.parametrize(("command", "code", "kind"), [(interrupted, 130, "interrupted"), (broken, 3, "internal")])
def test_interruptions_and_failures(command: Callable[[], int], code: int, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(command, Output(as_json=True)) == code
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == kind
    assert guarded(command, Output(as_json=False)) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err


def test_a_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    path = write(tmp_path)
    code = (
        "import os, sys; read, write = os.pipe(); os.dup2(write, 1); os.close(write); os.close(read);"
        f"sys.argv = ['claynet', 'check', {str(path)!r}]; from claynet.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (141, "")
