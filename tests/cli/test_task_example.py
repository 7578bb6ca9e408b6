"""A task file made of what an app's descriptor tells: it can be read again; what the descriptor does not tell is left to be filled in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from claynet.cli.output import DONE, WRONG, Output
from claynet.cli.task_example import tell
from claynet.cli.task_file import read_task_file
from claynet.proto import node_pb2 as api

ROOT = Path(__file__).parents[2]
TOLD = api.App(
    name="some/app",
    version="1.0",
    description="does\nthings",
    parameters=[api.Parameter(name="depth", about="how deep"), api.Parameter(name="resources", about="files")],
    example_json=json.dumps({"resources": ["a.txt", "b.txt"], "of more": True}),
)


def test_what_is_printed_is_a_task_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tell(TOLD, None, Output(False)) == DONE
    printed = capsys.readouterr()
    assert "fill in what the app's descriptor gives no example of: depth" in printed.err
    assert "  depth:  # how deep\n" in printed.out
    assert printed.out.startswith("# A task for some/app 1.0: does things\n")
    file = tmp_path / "task.yaml"
    file.write_text(printed.out.replace("depth:", "depth: 3"))
    request = read_task_file(file).request
    assert (request.app, request.max_subtasks, request.output_directory) == ("some/app", 4, str(tmp_path / "results"))
    assert [resource.name for resource in request.resources] == ["a.txt", "b.txt"]
    assert json.loads(request.params_json) == {"depth": 3, "resources": ["a.txt", "b.txt"], "of more": True}


def test_as_json_it_is_one_too_and_is_written_only_where_nothing_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "task.json"
    assert tell(TOLD, file, Output(True)) == DONE
    assert json.loads(capsys.readouterr().out) == json.loads(file.read_text())
    assert read_task_file(file).request.app == "some/app"
    assert tell(TOLD, file, Output(True)) == WRONG
    assert "is there already" in json.loads(capsys.readouterr().out)["error"]["message"]
    assert tell(TOLD, tmp_path / "none" / "x.json", Output(True)) == WRONG


def test_the_bundled_apps_tell_all_that_is_needed() -> None:
    for app in ("tutorial", "tutorial_tcp"):
        descriptor = json.loads((ROOT / "apps" / app / "descriptor.json").read_text())
        assert set(descriptor["example"]) == set(descriptor["parameters"])
