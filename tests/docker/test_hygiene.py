"""The world after a `kill -9`: the next run removes what the dead one left, wherever that is, and nothing of a living one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from claynet.envs.docker_engine import Engine
from claynet.envs.docker_owner import HOME_LABEL, OWNER_LABEL, containers_of
from claynet.sim.watch.leftovers import children
from tests.docker.engine import PrivateEngine, lives
from tests.docker.services import events_of
from tests.docker.test_leftovers import NODE
from tests.envs.harness import ROOT
from tests.runs.command import SCENARIOS, claynet

pytestmark = pytest.mark.docker

SCENARIO = """
schema: 1
name: {name}
seed: 7
mode: paced
at_most: 1h
apps:
  tutorial: {{descriptor: {root}/apps/tutorial/descriptor.json}}
nodes:
  - {{group: requestors, count: 1, role: requestor, env: process}}
  - {{group: providers, count: 2, role: provider, env: docker_cpu, price: 0.5tok}}
tasks:
  - {{name: pow, by: requestors, app: tutorial, params: {{difficulty: 12, resources: [input.txt]}},
     inputs: [{root}/scenarios/data/input.txt], subtasks: 4, max_price: 1tok, task_timeout: 5m, subtask_timeout: 30s, repeat: {repeat}}}
expect:
  - {{tasks: {{name: pow, state: finished}}, count: all}}
  - {{metric: subtasks_failed, equals: 0}}
  - {{leftovers: none}}
"""


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files of the runs' own, of a short name: sockets are in it."""
    folder = Path(tempfile.mkdtemp(prefix="c-"))
    yield folder
    shutil.rmtree(folder)


@contextmanager
def a_run(name: str, repeat: int, temporary: Path) -> Iterator[subprocess.Popen[str]]:
    """A `claynet run` under way; it is killed when the block ends before it does."""
    file = temporary.with_suffix(f".{name}.yaml")
    file.write_text(SCENARIO.format(name=name, repeat=repeat, root=ROOT))
    command = [sys.executable, "-m", "claynet.cli.main", "run", str(file), "--json"]
    variables = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
            file.unlink()


def next_owner(starts: Iterator[Mapping[str, Any]], base: Path, *known: str) -> tuple[str, Path]:
    """Return (owner, home) of the next container that starts in this folder and is of none of the known owners."""
    for event in starts:
        labels = event["Actor"]["Attributes"]
        home = Path(labels[HOME_LABEL])
        if home.is_relative_to(base) and labels[OWNER_LABEL] not in known:
            return labels[OWNER_LABEL], home
    raise AssertionError("the engine tells no more events")


def left_in(folder: Path, owner: str) -> list[Path]:
    """Name what an owner left in a folder, or in the control groups, that bears its name or is in a folder that does."""
    groups = Path("/sys/fs/cgroup").glob(f"*/claynet/{owner}")
    return [*(path for path in folder.rglob("*") if owner in str(path)), *groups]


def test_any_run_removes_what_a_killed_one_left_and_nothing_of_a_living_one(temporary: Path, tutorial_image: str) -> None:
    with (
        closing(Engine()) as engine,
        events_of(engine, event="start", label=OWNER_LABEL) as starts,
        a_run("living", 4, temporary) as living,
    ):
        alive, _ = next_owner(starts, temporary)
        with a_run("killed", 4, temporary) as killed:
            dead, home = next_owner(starts, temporary, alive)
            processes = children(killed.pid)
            os.kill(killed.pid, signal.SIGKILL)
            killed.wait()
        assert processes
        assert containers_of(engine, dead)
        assert left_in(temporary, dead)
        code, report = claynet("run", SCENARIOS / "zero-price.yaml", TMPDIR=str(temporary))
        assert code == 0, report
        assert living.poll() is None, "it was over before anything could have gone wrong with it"
        assert not containers_of(engine, dead)
        assert not left_in(temporary, dead)
        assert not home.exists()
        assert not [pid for pid in processes if lives(pid)]
        said, _ = living.communicate()
        found: dict[str, Any] = json.loads(said)
        assert living.returncode == 0, found
        assert not containers_of(engine, alive)
        assert not left_in(temporary, alive)
        assert {path.relative_to(temporary).parts[1:] for path in temporary.rglob("*")} <= {(), (".build",)}


def test_a_killed_runs_containers_are_found_from_another_folder_for_temporary_files(temporary: Path, tutorial_image: str) -> None:
    with closing(Engine()) as engine, events_of(engine, event="start", label=OWNER_LABEL) as starts:
        with a_run("killed", 4, temporary) as killed:
            dead, home = next_owner(starts, temporary)
            os.kill(killed.pid, signal.SIGKILL)
            killed.wait()
        assert home.exists()
        code, report = claynet("run", SCENARIOS / "zero-price.yaml")
        assert code == 0, report
        assert not containers_of(engine, dead)
        assert not left_in(temporary, dead)


def test_what_is_in_an_engine_that_does_not_answer_is_removed_when_it_does(second_engine: PrivateEngine, temporary: Path) -> None:
    elsewhere = {**os.environ, "DOCKER_HOST": second_engine.url, "TMPDIR": str(temporary)}
    command = [sys.executable, "-c", NODE, str(temporary / "node"), "claynet/tutorial:1.0.0"]
    with subprocess.Popen(command, cwd=ROOT, env=elsewhere, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as node:
        assert node.stdout is not None
        owner, home = node.stdout.readline().split()
        node.kill()
    with closing(Engine(second_engine.url)) as engine:
        assert containers_of(engine, owner)
        second_engine.stop()
        _any_run(temporary)
        assert Path(home).is_dir()
        second_engine.start()
        assert containers_of(engine, owner)
        _any_run(temporary)
        assert not containers_of(engine, owner)
        assert not Path(home).exists()


def test_an_engine_that_is_gone_for_good_is_not_waited_for(second_engine: PrivateEngine, temporary: Path) -> None:
    elsewhere = {**os.environ, "DOCKER_HOST": second_engine.url, "TMPDIR": str(temporary)}
    command = [sys.executable, "-c", NODE, str(temporary / "node"), "claynet/tutorial:1.0.0"]
    with subprocess.Popen(command, cwd=ROOT, env=elsewhere, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as node:
        assert node.stdout is not None
        _, home = node.stdout.readline().split()
        node.kill()
    second_engine.close()
    _any_run(temporary)
    assert not Path(home).exists()


def _any_run(temporary: Path) -> None:
    """One without containers, whose own engine is another."""
    code, report = claynet("run", SCENARIOS / "zero-price.yaml", TMPDIR=str(temporary))
    assert code == 0, report
