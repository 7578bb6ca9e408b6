"""A third party's environment: found by its entry point, run by scenarios, its options checked, its failure to import told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins.installed import EXAMPLE, install
from tests.runs.command import ROOT, claynet

SCENARIO = EXAMPLE / "turns.yaml"


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    return install(EXAMPLE, folder)


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = SCENARIO.read_text().replace("../../..", str(ROOT))
    assert old in text
    file = tmp_path / "changed.yaml"
    file.write_text(text.replace(old, new))
    return file


def test_it_passes_the_rules_that_hold_for_every_environment(plugin: Path) -> None:
    """In a child, so that this process's Python does not have the plugin; the suites take any installed environment by its name."""
    suites = ["tests/envs/test_core_rules.py", "tests/envs/test_isolation.py", "tests/envs/test_interrupt.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "turns", *suites]
    variables = {**os.environ, "PYTHONPATH": str(plugin), "CLAYNET_TEST_ENVIRONMENT": "turns"}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout
    passed = int(done.stdout.strip().splitlines()[-1].partition(" passed")[0].rpartition(" ")[2].strip("= "))
    assert passed >= 50
    assert "skipped" not in done.stdout


def test_a_scenario_runs_on_it(plugin: Path, tmp_path: Path) -> None:
    code, report = claynet("run", SCENARIO, "--out", tmp_path / "out", PYTHONPATH=str(plugin))
    assert code == 0, report
    code, again = claynet("run", SCENARIO, "--replay", tmp_path / "out" / "tape.msgpack", PYTHONPATH=str(plugin))
    assert (code, again["trace_hash"]) == (0, report["trace_hash"])


def test_any_scenario_is_put_on_it_by_the_command_line(plugin: Path) -> None:
    code, report = claynet("run", ROOT / "scenarios" / "two-requestors.yaml", "--mode", "paced", "--env", "turns", PYTHONPATH=str(plugin))
    assert code == 0, report


@pytest.mark.parametrize(
    ("written", "message", "suggestion"),
    [
        ("{at_one: 2}", "turns: unknown option", "did you mean 'at_once'?"),
        ("{at_once: 0}", "turns: cannot be 0: expected int >= 1", ""),
        ("{at_once: many}", "turns: cannot be 'many': expected int, got str", ""),
        ("{largest_file: 1 MoB}", "turns: unknown unit 'MoB' in '1 MoB'; allowed are B, kB, MB, GB, KiB, MiB, GiB", ""),
        ("[at_once]", "expected a mapping, not a list", ""),
    ],
)
def test_its_options_are_checked(plugin: Path, tmp_path: Path, written: str, message: str, suggestion: str) -> None:
    file = changed(tmp_path, "{at_once: 2, largest_file: 1 MiB}", written)
    code, answer = claynet("check", file, PYTHONPATH=str(plugin))
    assert code == 2, answer
    [finding] = answer["error"]["errors"]
    assert (finding["message"], finding["suggestion"]) == (message, suggestion)
    assert finding["line"] == next(number for number, line in enumerate(file.read_text().splitlines(), 1) if "options:" in line)
    assert finding["key"].startswith("nodes[1].options")


def test_a_package_that_cannot_be_imported_is_a_finding(plugin: Path) -> None:
    (plugin / "claynet_example_env.py").write_text("import nothing_of_that_name\n")
    code, answer = claynet("check", SCENARIO, PYTHONPATH=str(plugin))
    assert code == 2, answer
    finding = answer["error"]["errors"][0]
    assert "'turns' cannot be used: ModuleNotFoundError: No module named 'nothing_of_that_name'" in finding["message"]
    assert "claynet-example-env" in finding["suggestion"]
    code, _ = claynet("check", ROOT / "scenarios" / "first-light.yaml", PYTHONPATH=str(plugin))
    assert code == 0


def test_without_its_package_its_name_is_unknown() -> None:
    code, answer = claynet("check", SCENARIO)
    assert code == 2
    assert "unknown environment 'turns'" in json.dumps(answer)
