"""What `claynet app check` takes for an app, and how it tells rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from claynet.cli.commands import run
from tests.scenario.samples import DESCRIPTOR


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("claynet/none:1.0.0", "images cannot be checked yet"),
        ("no.such.module:APP", "no installed module:NAME"),
        ("tests.cli.sample_app:NOPE", "has no such name"),
        ("tests.cli.sample_app:NOT_AN_APP", "not an App"),
        ("", "is no file"),
    ],
)
def test_what_is_no_app(subject: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["app", "check", subject, "--json"]) == 1
    assert words in json.loads(capsys.readouterr().out)["error"]["message"]


def test_a_file_that_is_no_descriptor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "d.json").write_text("[]", encoding="utf-8")
    assert run(["app", "check", str(tmp_path / "d.json")]) == 1
    assert "is not a descriptor" in capsys.readouterr().err


def test_a_descriptor_of_an_app_that_is_not_installed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prerequisites = {"image": "nobody/nothing", "tag": "1"}
    (tmp_path / "d.json").write_text(json.dumps({**DESCRIPTOR, "requestor_prereq": prerequisites}), encoding="utf-8")
    assert run(["app", "check", str(tmp_path / "d.json")]) == 1
    assert "nobody/nothing" in capsys.readouterr().err


def test_an_app_that_does_not_serve_fails_rule_by_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["app", "check", "tests.cli.sample_app:APP", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["app"], found["ok"]) == ("sample/silent", False)
    assert found["rules"]
    assert not any(rule["ok"] for rule in found["rules"])
