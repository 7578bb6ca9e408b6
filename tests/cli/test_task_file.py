"""Values of task files that cannot be: each is a finding with file, line, key and a way out, never a crash."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from claynet.actors.ports import SECOND, TEN_YEARS
from claynet.cli.commands import run
from claynet.cli.task_file import TaskFile, TaskFileError, read_task_file

GOLEM = {"app_id": "a", "max_price_per_hour": "1tok", "max_subtasks": 1, "task_timeout": "1h", "subtask_timeout": "1m"}


def task_file(folder: Path, app: str = "{}", **golem: str) -> Path:
    path = folder / "task.yaml"
    path.write_text("golem:\n" + "".join(f"  {key}: {value}\n" for key, value in (GOLEM | golem).items()) + f"app: {app}\n")
    return path


def read(folder: Path, app: str = "{}", **golem: str) -> TaskFile:
    return read_task_file(task_file(folder, app, **golem))


TIMES = [
    "10000000000000",
    "87601h",
    "0",
    "-5",
    '"²"',
    '"٣"',
    '"99999999999999999999999999999999999999999999"',
    "0x" + "f" * 5000,
    "1.5",
    "~nobody",
]
PRICES = ["1" + "0" * 60, '"²"', "-1000000000", "0x" + "f" * 5000]
PLACES = ["~no-such-user-here/x", "[]"]
WRONG = [
    *(("task_timeout", text) for text in TIMES),
    *(("subtask_timeout", text) for text in TIMES),
    *(("max_price_per_hour", text) for text in PRICES),
    *(("output_directory", text) for text in PLACES),
    ("resources", "[~no-such-user-here/x]"),
    ("max_subtasks", "0x" + "f" * 5000),
]


@pytest.mark.parametrize(("key", "text"), WRONG)
def test_a_value_that_cannot_be_is_a_finding(key: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(TaskFileError) as refused:
        read(tmp_path, **{key: text})
    (finding,) = refused.value.findings
    line = [*(GOLEM | {key: text})].index(key) + 2
    assert (finding.file, finding.line, finding.key) == (str(tmp_path / "task.yaml"), line, f"golem.{key}")
    assert finding.message
    assert len(str(finding)) < len(finding.file) + 300


@pytest.mark.parametrize(
    ("text", "seconds"), [("60", 60), ('"60"', 60), ('"00:01:30"', 90), ("87600h", TEN_YEARS // SECOND), ("1m30s", 90)]
)
def test_times_as_they_may_be_written(text: str, seconds: int, tmp_path: Path) -> None:
    assert read(tmp_path, task_timeout=text).request.task_timeout == seconds * SECOND


@pytest.mark.parametrize(
    ("app", "key", "line"), [("\n  a: &a {x: 1}\n  b:\n    <<: *a\n    y: 2", "app.b.<<", 10), ("&a\n  x: 1\n<<: *a", "<<", 1)]
)
def test_merge_keys_are_a_finding(app: str, key: str, line: int, tmp_path: Path) -> None:
    with pytest.raises(TaskFileError) as refused:
        read(tmp_path, app)
    (finding,) = refused.value.findings
    assert (finding.key, finding.line, bool(finding.suggestion)) == (key, line, True)


BOMB = "\n  a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"  {name}: &{name} [{', '.join(['*' + before] * 10)}]\n" for before, name in zip("abcdefg", "bcdefgh", strict=True)
)


def test_aliases_that_repeat_too_much_are_a_finding(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match="aliases"):
        read(tmp_path, BOMB)


def test_aliases_are_read(tmp_path: Path) -> None:
    assert json.loads(read(tmp_path, "\n  a: &a [1, 2]\n  b: *a").request.params_json) == {"a": [1, 2], "b": [1, 2]}


def test_what_is_wrong_ends_a_command_with_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = task_file(tmp_path, task_timeout="10000000000000")
    assert run(["task", "create", str(file), "--data-dir", str(tmp_path), "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["kind"], error["errors"][0]["key"]) == ("task_file", "golem.task_timeout")
    assert "at most ten years" in error["message"]


@pytest.mark.parametrize("command", [["task", "show", "\udcff"], ["peer", "block", "a", "--reason", "\udcff"], ["run", "\udcff.yaml"]])
def test_an_argument_that_is_no_text_is_wrong_use(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["kind"], "UTF-8" in error["message"]) == ("usage", True)
    assert run(command) == 2
    assert r"\udcff" in capsys.readouterr().err


def test_more_lines_of_a_log_than_can_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["node", "logs", "--last", "9" * 30, "--data-dir", str(tmp_path)]) == 2
    assert "--last" in capsys.readouterr().err


def test_a_key_with_a_dot_at_its_end_is_unknown_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "task.json"
    path.write_text(json.dumps({"golem": GOLEM | {"x.": 1, "y[": 2}, "app": {}}, indent="\t"))
    with pytest.raises(TaskFileError) as refused:
        read_task_file(path)
    assert [finding.key for finding in refused.value.findings] == ["golem.x.", "golem.y["]


ODD = [
    b"!!bool maybe",
    b'!!int ""',
    rb'"\UFFFFFFFF"',
    b"!!omap [a: 1]",
    b"!!omap x",
    b"\xe4",
    b"a\x07",
    b"9" * 5000,
    b"2020-13-45",
    b"!!int x",
]


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value[:16]))
def test_what_yaml_trips_over_has_a_line(value: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "task.yaml"
    path.write_bytes(b"golem: {}\napp:\n  odd: " + value + b"\n  z: 1\n")
    assert run(["task", "create", str(path), "--data-dir", str(tmp_path), "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    (finding,) = error["errors"]
    assert (error["kind"], finding["file"], finding["line"]) == ("task_file", str(path), 3)
    assert 0 < len(finding["message"]) < 300


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value[:16]))
def test_what_yaml_trips_over_in_a_configuration_has_a_line(value: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"name: desk\n\nlend: " + value + b"\n")
    assert run(["config", "show", "--data-dir", str(tmp_path), "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["kind"] == "settings"
    assert f"{path}:3: " in error["message"]


@pytest.mark.parametrize(
    ("app", "key", "line", "suggestion"),
    [
        ("\n  day: 2020-01-01", "app.day", 8, "quote it"),
        ("\n  a: [1,\n    {b: 2020-01-01 10:00:00}]", "app.a[1].b", 9, "quote it"),
        ("\n  a: 1\n  b: !!set {x}", "app.b", 9, ""),
        ("\n  a: .nan", "app.a", 8, ""),
        ("\n  2020-01-01: 1", "app.2020-01-01", 8, ""),
    ],
)
def test_a_value_that_json_does_not_have_is_named(app: str, key: str, line: int, suggestion: str, tmp_path: Path) -> None:
    with pytest.raises(TaskFileError) as refused:
        read(tmp_path, app)
    (finding,) = refused.value.findings
    assert (finding.key, finding.line, finding.suggestion) == (key, line, suggestion)


def test_a_tag_that_does_not_fit_costs_only_the_lines_inside(tmp_path: Path) -> None:
    file = read(tmp_path, "\n  a: !!str [x]")
    assert (json.loads(file.request.params_json), file.lines["app.a[0]"]) == ({"a": ["x"]}, 8)
