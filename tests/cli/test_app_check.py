"""What `claynet app check` takes for an app, and how it tells rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from claynet.cli.commands import run
from claynet.cli.ticker import Ticker
from tests.scenario.samples import DESCRIPTOR


@pytest.fixture
def no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody")


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("claynet/none:1.0.0", "docker engine"),
        ("no.such.module:APP", "no installed module:NAME"),
        ("no-such-file.json", "is no file"),
        ("tests.cli.sample_app:NOPE", "has no such name"),
        ("tests.cli.sample_app:NOT_AN_APP", "not an App"),
        ("", "is no file"),
    ],
)
def test_what_is_no_app(subject: str, words: str, no_engine: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["app", "check", subject, "--json"]) == 1
    assert words in json.loads(capsys.readouterr().out)["error"]["message"]


def test_a_file_that_is_no_descriptor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "d.json").write_text("[]", encoding="utf-8")
    assert run(["app", "check", str(tmp_path / "d.json")]) == 1
    assert "is not a descriptor" in capsys.readouterr().err


def test_a_descriptor_of_an_app_that_is_not_installed(tmp_path: Path, no_engine: None, capsys: pytest.CaptureFixture[str]) -> None:
    prerequisites = {"image": "nobody/nothing", "tag": "1"}
    (tmp_path / "d.json").write_text(json.dumps({**DESCRIPTOR, "requestor_prereq": prerequisites}), encoding="utf-8")
    assert run(["app", "check", str(tmp_path / "d.json")]) == 1
    said = capsys.readouterr().err
    assert "nobody/nothing" in said
    assert "start docker" in said  # its image is what could be checked


def test_an_app_that_does_not_serve_fails_rule_by_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["app", "check", "tests.cli.sample_app:APP", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["app"], found["ok"]) == ("sample/silent", False)
    assert found["rules"]
    assert not any(rule["ok"] for rule in found["rules"])


def test_a_sample_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = tmp_path / "sample.json"
    sample.write_text('{"params": {"difficulty": 99}}', encoding="utf-8")
    assert run(["app", "check", "claynet.apps.tutorial.app:APP", "--sample", str(sample), "--json"]) == 1
    rules = json.loads(capsys.readouterr().out)["rules"]
    assert "difficulty" in next(rule["detail"] for rule in rules if not rule["ok"])


@pytest.mark.parametrize("text", ["", "[]", '{"parms": {}}'])
def test_a_sample_that_is_none(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    sample = tmp_path / "sample.json"
    sample.write_text(text, encoding="utf-8")
    assert run(["app", "check", "claynet.apps.tutorial.app:APP", "--sample", str(sample), "--json"]) == 2
    assert "not a sample task" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_what_takes_its_time_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with Ticker(first=0.01) as ticker:
        ticker.at("the long way")
        ticker.told.wait(10)
    assert "still at it after 0 s: the long way" in capsys.readouterr().err
