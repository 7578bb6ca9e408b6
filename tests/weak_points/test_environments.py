"""Weak points 25, 27, 28 and 30: environments and apps that are missing, disabled, doubled or not worth the trouble."""

from __future__ import annotations

from pathlib import Path

import pytest

from claynet.actors.descriptors import load
from claynet.actors.ports import Outcome
from claynet.sim.scenario.reader import ScenarioErrors
from claynet.sim.scenario.reader import load as load_scenario
from tests.actors.harness import APP, APP_ID, OTHER, PRICE, World

ROOT = Path(__file__).parents[2]


def test_25_settings_of_gpus_that_cannot_work_are_refused_before_anything_starts(tmp_path: Path) -> None:
    text = (ROOT / "scenarios" / "first-light.yaml").read_text(encoding="utf-8")
    spoiled = tmp_path / "scenarios" / "first-light.yaml"
    spoiled.parent.mkdir()
    (tmp_path / "apps").symlink_to(ROOT / "apps")
    (spoiled.parent / "data").symlink_to(ROOT / "scenarios" / "data")
    spoiled.write_text(text.replace("env: process", "env: docker_gpu, options: {devices: void}"), encoding="utf-8")
    with pytest.raises(ScenarioErrors) as caught:
        load_scenario(spoiled)
    assert caught.value.errors
    assert all("docker_gpu" in error.message and "expected all" in error.message for error in caught.value.errors)
    spoiled.write_text(text.replace("env: process", "env: docker_gpu"), encoding="utf-8")
    assert load_scenario(spoiled).environments() == ("docker_gpu",)


def test_27_a_disabled_app_stays_disabled_after_a_restart_and_says_so() -> None:
    with World() as world:
        world.provider()
        world.requestor(disabled_apps=frozenset({APP_ID}))
        for _ in range(2):
            task = world.finish(world.create())
            assert task.status == "failed_to_create"
            assert "not enabled" in task.reason
            world.restart("r0")
        world.clean()


def test_27_the_state_of_an_environment_is_told() -> None:
    with World() as world:
        place = world.provider(start=False)
        place.environment.broken = Outcome("error", code="engine", detail="no engine here")
        world.start("p0")
        world.requestor()
        task_id = world.create(subtasks=1)
        world.run(20)
        states = [event["state"] for event in world.seen("environment", side="provider")]
        assert states == ["probing", "broken"] * 4  # asked again after 2, 4 and 8 s
        assert world.seen("decline", by="provider", rule="environment")
        place.environment.broken = None
        assert world.finish(task_id).status == "finished"
        assert world.seen("environment", side="provider", state="ready")
        world.clean()


def test_28_of_two_files_with_one_app_the_first_counts_and_the_other_is_named() -> None:
    found, problems = load((APP, ("copy.json", APP[1]), ("broken.json", "{"), OTHER))
    assert len(found) == 2
    assert [name for name, _ in problems] == ["copy.json", "broken.json"]
    with World() as world:
        world.provider()
        world.requestor(files=(APP, ("copy.json", APP[1])))
        assert [event["file"] for event in world.seen("descriptor")] == ["copy.json"]
        assert world.finish(world.create()).status == "finished"


def test_28_a_task_of_an_app_that_is_gone_fails_with_a_reason_and_harms_no_other() -> None:
    with World() as world:
        world.provider()
        world.requestor(files=(APP,))
        lost = world.create(app_id="0" * 32)
        good = world.create()
        assert world.finish(good).status == "finished"
        assert world.task(lost).status == "failed_to_create"
        assert "no descriptor" in world.task(lost).reason
        world.clean()


def test_30_a_header_that_pays_too_little_starts_nothing() -> None:
    with World() as world:
        world.provider(price=10 * PRICE)
        world.requestor()
        task_id = world.create(subtasks=1)
        world.run(60)
        assert world.task(task_id).status == "waiting"
        assert not [event for event in world.seen("runtime") if event.node == "p0"]
        assert world.seen("decline", by="provider", rule="price")
        world.clean()
