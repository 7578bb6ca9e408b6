"""The engine is taken away in the middle of a run and comes back: nothing but time is lost. And probes that wait for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from claynet.actors.ports import SECOND, Outcome
from claynet.envs.docker_cpu import DockerCpuEnvironment, DockerSettings
from claynet.envs.docker_engine import Engine
from claynet.envs.docker_owner import OWNER_LABEL
from tests.docker.engine import PrivateEngine
from tests.docker.services import events_of
from tests.envs.harness import MemoryBlobs, code
from tests.runs.command import ROOT, SCENARIOS, trace

pytestmark = pytest.mark.docker


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_every_task_finishes_though_the_engine_is_taken_away_in_the_middle(second_engine: PrivateEngine, tmp_path: Path, how: str) -> None:
    command = [sys.executable, "-m", "claynet.cli.main", "run", str(SCENARIOS / "engine-dies.yaml"), "--out", str(tmp_path), "--json"]
    variables = {**os.environ, "DOCKER_HOST": second_engine.url}
    with closing(Engine(second_engine.url, timeout=60.0)) as engine, ExitStack() as stack:
        with events_of(engine, event="die", label="claynet.side=provider") as ends:
            run = stack.enter_context(
                subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            )
            stack.callback(run.kill)
            assert next(end for end in ends if "/slot/" in end["Actor"]["Attributes"]["claynet.runtime"]), "a subtask's container ended"
        second_engine.stop() if how == "stopped" else second_engine.kill()
        second_engine.start()
        answer, _ = run.communicate(timeout=400)
        report = json.loads(answer)
        assert run.returncode == 0, report
        assert report["tasks"]["finished"] == report["tasks"]["total"] == 1
        states = [event["state"] for event in trace(tmp_path) if event["kind"] == "environment"]
        assert "broken" in states, "the nodes noticed"
        with engine.api() as api:
            assert api.containers(all=True, filters={"label": OWNER_LABEL}) == []


class Probe:
    """A probe under way on a thread of its own."""

    def __init__(self, environment: DockerCpuEnvironment, patience: int) -> None:
        self.work = environment.probe(patience)
        self.outcomes: list[Outcome] = []
        self.thread = threading.Thread(target=lambda: self.outcomes.append(self.work.run()))
        self.thread.start()

    def outcome(self, seconds: float) -> Outcome:
        self.thread.join(seconds)
        assert not self.thread.is_alive()
        return self.outcomes[0]


def test_a_probe_with_patience_waits_until_the_engine_is_back(second_engine: PrivateEngine, tmp_path: Path) -> None:
    with closing(DockerCpuEnvironment(tmp_path, MemoryBlobs(), settings=DockerSettings(url=second_engine.url))) as environment:
        assert environment.probe().run().ok
        second_engine.stop()
        assert code(environment.probe().run()) == "engine"
        probe = Probe(environment, 60 * SECOND)
        second_engine.start()
        assert probe.outcome(30).ok


def test_a_probe_with_patience_ends_when_it_is_killed(tmp_path: Path) -> None:
    with closing(DockerCpuEnvironment(tmp_path, MemoryBlobs(), settings=DockerSettings(url=f"unix://{tmp_path}/nobody"))) as environment:
        probe = Probe(environment, 3600 * SECOND)
        probe.work.kill()
        assert code(probe.outcome(5)) == "killed"
