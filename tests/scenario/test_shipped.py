"""The scenarios that come with claynet are valid as they are, and repeatable."""

from __future__ import annotations

from pathlib import Path

import pytest

from claynet.sim.scenario.reader import Overrides, load

FOLDER = Path(__file__).parents[2] / "scenarios"
FILES = sorted(FOLDER.glob("*.yaml"))


def test_they_are_all_there() -> None:
    names = {file.stem for file in FILES}
    expected = {"first-light", "two-requestors", "lossy-wan", "partition-heal", "zero-price", "nobody-fits", "thousand"}
    assert expected <= names


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_shipped_file_is_valid_and_names_its_seed(file: Path) -> None:
    plan = load(file)
    assert plan.seed_given
    assert plan.name == file.stem
    assert plan.apps
    assert plan.expectations
    assert plan.mode == ("paced" if file.stem in ("first-light", "docker-testnet", "engine-dies", "mixed") else "virtual")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
@pytest.mark.parametrize(("mode", "env"), [("virtual", "model"), ("virtual", "inproc"), ("paced", "process")])
def test_a_shipped_file_can_be_run_in_other_ways(file: Path, mode: str, env: str) -> None:
    assert load(file, Overrides(mode=mode, env=env)).environments() == (env,)


def test_the_large_one_is_large() -> None:
    plan = load(FOLDER / "thousand.yaml")
    assert len(plan.nodes) == 1000
    assert sum(instance.plan.subtasks for instance in plan.instances()) == 5000
