"""`docker_gpu` on an engine without a GPU runtime: it says so, with the engine's reason and the remedy, and leaves nothing."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from claynet.envs.docker_gpu import DockerGpuEnvironment
from claynet.envs.docker_owner import containers_of
from claynet.envs.owner import this_process
from claynet.envs.registry import EnvironmentSettings, find
from claynet.envs.resolve import AppTable
from tests.envs.harness import MemoryBlobs, code
from tests.runs.command import SCENARIOS, claynet

pytestmark = pytest.mark.docker


def test_where_no_gpu_runtime_answers_it_is_not_supported_and_the_failed_container_is_removed(tmp_path: Path, docker_images: str) -> None:
    made = find("docker_gpu").make(EnvironmentSettings(tmp_path, MemoryBlobs(), AppTable({})))
    assert isinstance(made, DockerGpuEnvironment)
    with closing(made) as environment, environment.engine.api() as api:
        if "nvidia" in api.info()["Runtimes"]:  # pragma: no cover - a machine with GPUs
            assert environment.probe().run().ok
        else:
            outcome = environment.probe().run()
            assert code(outcome) == "unsupported"
            assert "gpu" in outcome.detail, "the engine's reason"
            assert "NVIDIA Container Toolkit" in outcome.detail, "the remedy"
            assert "docker_cpu" in outcome.detail
        assert not containers_of(environment.engine, this_process().id)


def test_a_run_is_refused_with_that_reason_before_anything_starts(docker_images: str) -> None:
    code, answer = claynet("run", SCENARIOS / "docker-testnet.yaml", "--env", "docker_gpu")
    assert code == 2
    assert "gives containers no GPU" in str(answer["error"])
