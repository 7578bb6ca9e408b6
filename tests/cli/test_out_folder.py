"""An output folder that cannot be written: told in one line, before the run where it can be known then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from claynet.cli.commands import run

SCENARIO = Path(__file__).parents[2] / "scenarios" / "first-light.yaml"


def ended(out: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, str], str]:
    code = run(["run", str(SCENARIO), "--env", "model", "--mode", "virtual", "--self-check", "off", "--out", str(out), "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out)["error"], said.err


def test_a_folder_that_takes_no_file_is_refused_before_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    code, error, noted = ended(Path("/proc"), capsys)
    assert (code, error["kind"], noted) == (2, "output", "")
    assert error["message"].startswith("--out: /proc cannot be written: ")
    assert error["message"].endswith("; make room, or name another --out")


def test_the_look_at_a_folder_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run(["run", str(SCENARIO), "--replay", str(SCENARIO), "--out", str(out), "--json"]) == 2  # no tape
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "tape"
    assert [*out.iterdir()] == []


def test_a_disk_that_is_full_before_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "trace.jsonl").symlink_to("/dev/full")
    code, error, noted = ended(tmp_path, capsys)
    assert (code, error["kind"]) == (1, "output")
    assert error["message"] == f"{tmp_path} cannot be written: No space left on device; make room, or name another --out"
    assert "Traceback" not in noted


def test_something_in_the_way_in_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "report.json").mkdir()
    code, error, noted = ended(tmp_path, capsys)
    assert (code, error["kind"]) == (1, "output")
    assert f"{tmp_path / 'report.json'}: Is a directory" in error["message"]
    assert "Traceback" not in noted
