"""`claynet app check IMAGE` finds out what an image does wrong, says so with its log, and leaves no container, however it ends."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from claynet.cli.app_check_image import ENTRYPOINT, WALLED, check_image
from claynet.cli.commands import run
from claynet.envs.docker_base import build
from claynet.envs.docker_engine import Engine, EngineProblem
from claynet.envs.docker_owner import containers_of
from claynet.envs.image_facts import look
from claynet.envs.owner import this_process
from claynet.taskapi import SampleTask
from claynet.taskapi.testkit import Limits, RuleResult
from tests.docker.images import ALL_APPS
from tests.envs.harness import ROOT

pytestmark = pytest.mark.docker

QUICK = Limits(start=4.0, call=4.0, end=3.0)
SAMPLE = SampleTask(max_subtasks=1)
SERVES = "The requestor side serves"
COMPUTES = "Compute makes a result in the work dir, and the provider side ends"
BROKEN = "Verify does not accept a broken result, and its part is pending again"

_SECRET = """RUN ["python3", "-c", "import os; os.open('/opt/secret', os.O_CREAT, 0o600)"]"""


@pytest.fixture
def engine(docker_images: str) -> Iterator[Engine]:
    made = Engine(timeout=60.0)
    yield made
    assert not containers_of(made, this_process().id)
    made.close()


@pytest.fixture
def image(engine: Engine, request: pytest.FixtureRequest) -> Iterator[str]:
    """An image of the suite's apps with the lines that the test gives it."""
    name = "claynet-tests/checked:1"
    lines = [f"FROM {ALL_APPS}", "LABEL claynet.socket=1", *request.param]
    build(engine, name, fileobj=io.BytesIO("\n".join(lines).encode()))
    yield name
    with suppress(EngineProblem), engine.api() as api:
        api.remove_image(name, force=True)


def app(name: str) -> list[str]:
    return [f'ENTRYPOINT ["python3", "-m", "claynet.taskapi", "tests.docker.apps.faulty:{name}"]']


def shell(script: str) -> list[str]:
    return [f"ENTRYPOINT {json.dumps(['python3', '-c', script])}"]


def finding(engine: Engine, image: str, rule: str) -> RuleResult:
    """Hold the image to the rules until this one has been tried, and return what became of it."""
    with closing(check_image(look(engine, image), SAMPLE, QUICK)) as results:  # type: ignore[type-var]
        return next(result for result in results if result.name == rule)


def test_a_good_image_with_its_sample(engine: Engine, tutorial_image: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["app", "check", tutorial_image, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"]
    assert [rule["name"] for rule in found["rules"]][:1] == [ENTRYPOINT]
    assert len(found["rules"]) == 22
    assert all(rule["ok"] for rule in found["rules"])
    assert (found["image"]["socket"], found["image"]["user"], found["image"]["sample"]) == (True, "1000:1000", True)
    assert found["image"]["size"] > 10_000_000


@pytest.mark.parametrize(
    ("image", "rule", "words"),
    [
        (shell("import sys; sys.exit('no moon tonight')"), SERVES, ["exited with code 1", "no moon tonight"]),
        (shell("open('/opt/x', 'w')"), SERVES, ["Read-only file system", "write to the work dir, or to /tmp"]),
        ([_SECRET, *shell("open('/opt/secret')")], SERVES, ["Permission denied", "never as root"]),
        (shell("print('busy', flush=True); import time; time.sleep(600)"), SERVES, ["did not serve in time", "busy"]),
        (shell("import time; time.sleep(600)"), WALLED, ["see what is said"]),
        ([], ENTRYPOINT, ["requestor PORT"]),
        (app("BELIEVES"), BROKEN, ["SUCCESS to a broken result"]),
        (app("FORGETS"), "Discarded subtasks are computed again, and no others", ["returns []"]),
        (app("ELSEWHERE"), COMPUTES, ["INTERNAL", "Read-only file system"]),
        (app("LINKS"), COMPUTES, ["result.txt"]),
        (app("HANGS"), COMPUTES, ["no reply to Compute in 4 s", "this will take its time"]),
    ],
    indirect=["image"],
    ids=[
        "crashes",
        "writes-its-root",
        "wants-root",
        "mute",
        "walled",
        "no-entrypoint",
        "believes",
        "forgets",
        "elsewhere",
        "links",
        "hangs",
    ],
)
def test_a_broken_image(engine: Engine, image: str, rule: str, words: list[str]) -> None:
    found = finding(engine, image, rule)
    assert not found.ok
    assert [word for word in words if word not in found.detail] == [], found.detail


@pytest.mark.parametrize("image", [app("GOOD")], indirect=True)
def test_what_does_not_serve_is_not_tried_further(engine: Engine, image: str) -> None:
    facts = look(engine, image)
    results = list(check_image(facts, SAMPLE, Limits(start=0.001)))
    assert [result.ok for result in results].count(True) == 1  # it does have an entrypoint
    assert "not tried" in results[-1].detail


def test_an_image_that_is_not_here(docker_images: str, tutorial_image: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["app", "check", "claynet/tutorial:7", "--json"]) == 1
    message = json.loads(capsys.readouterr().out)["error"]["message"]
    assert "claynet/tutorial:7 is not here" in message
    assert f"did you mean {tutorial_image}" in message


@pytest.mark.parametrize("image", [[*app("GOOD"), 'LABEL claynet.sample=\'{"max_subtasks": "many"}\'']], indirect=True)
def test_a_sample_of_no_use_is_told(engine: Engine, image: str) -> None:
    facts = look(engine, image)
    assert facts.sample is None
    assert "max_subtasks" in facts.sample_problem


@pytest.mark.parametrize("image", [app("HANGS")], indirect=True)
def test_an_interrupted_check_leaves_nothing(engine: Engine, image: str, tmp_path: Path) -> None:
    """Ctrl-C while Compute hangs: exit code 130, and the containers are gone when the command is."""
    command = [sys.executable, "-u", "-m", "claynet.cli.main", "app", "check", image]
    before = {found["Id"] for found in containers_of(engine)}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        guard = threading.Timer(60, process.kill)
        guard.start()
        assert process.stdout is not None
        for line in process.stdout:
            if "NextSubtask gives" in line:  # the next rule computes
                break
        during = {found["Id"] for found in containers_of(engine)} - before
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait() == 130
        guard.cancel()
    assert during
    assert not during & {found["Id"] for found in containers_of(engine)}
