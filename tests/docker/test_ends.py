"""Every way in which a container comes to its end has its own reason, and none of them harms the next one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from claynet.actors.environment import Runnable
from claynet.actors.ports import SECOND, Outcome
from claynet.envs.docker_cpu import DockerCpuEnvironment, DockerSettings
from claynet.envs.docker_limits import MIB, ContainerLimits
from claynet.envs.docker_owner import containers_of
from claynet.envs.owner import this_process
from tests.docker.services import computing, service
from tests.envs.harness import Driver, MemoryBlobs, code, make_docker_cpu, ok

pytestmark = pytest.mark.docker


@pytest.fixture
def docker_cpu(tmp_path: Path, docker_images: str) -> Iterator[DockerCpuEnvironment]:
    environment = make_docker_cpu(tmp_path / "data", MemoryBlobs())
    yield environment
    environment.close()


def test_a_container_killed_from_outside(docker_cpu: DockerCpuEnvironment, tmp_path: Path) -> None:
    provider, running = computing(docker_cpu, tmp_path / "data/provider/s0")
    with docker_cpu.engine.api() as api:
        api.kill(provider.container_id)
    outcome = running.outcome()
    assert (code(outcome), "SIGKILL" in outcome.detail) == ("container_killed", True)
    ok(provider.stop().run())


def test_a_container_removed_from_outside(docker_cpu: DockerCpuEnvironment, tmp_path: Path) -> None:
    provider, running = computing(docker_cpu, tmp_path / "data/provider/s0")
    with docker_cpu.engine.api() as api:
        api.remove_container(provider.container_id, force=True)
    assert code(running.outcome()) == "container_gone"
    ok(provider.stop().run())


def test_a_call_that_hangs_is_killed_with_its_container(docker_cpu: DockerCpuEnvironment, tmp_path: Path) -> None:
    provider, running = computing(docker_cpu, tmp_path / "data/provider/s0")
    running.work.kill()
    assert code(running.outcome()) == "killed"
    ok(provider.stop().run())
    assert not containers_of(docker_cpu.engine, this_process().id)


def test_closing_ends_what_hangs(docker_cpu: DockerCpuEnvironment, tmp_path: Path) -> None:
    _, running = computing(docker_cpu, tmp_path / "data/provider/s0")
    docker_cpu.close()
    assert code(running.outcome()) == "exited"
    assert not containers_of(docker_cpu.engine, this_process().id)


def test_too_much_memory(tmp_path: Path, docker_images: str) -> None:
    settings = DockerSettings(limits=ContainerLimits(memory=96 * MIB))
    environment = DockerCpuEnvironment(tmp_path / "data", MemoryBlobs(), settings=settings)
    provider = service(environment, "escapes")
    ok(provider.start().run())
    outcome = Driver(environment, "escapes").compute_work(provider, "s0", {"eat": True}).run()
    assert (code(outcome), "96 MiB" in outcome.detail) == ("out_of_memory", True)
    ok(provider.stop().run())
    environment.close()


def test_an_image_that_is_not_there(docker_cpu: DockerCpuEnvironment) -> None:
    found = docker_cpu.resolve("docker_cpu", json.dumps({"image": "claynet-tests/nowhere", "tag": "9"}))
    assert isinstance(found, Runnable)
    outcome = docker_cpu.backend(found, "provider", "node/s1", "provider/s1").start().run()
    assert code(outcome) == "image_missing"
    assert "claynet-tests/nowhere:9" in outcome.detail


def test_an_app_that_ends_at_once_says_its_last_line(docker_cpu: DockerCpuEnvironment) -> None:
    outcome = service(docker_cpu, "exits").start().run()
    assert outcome == Outcome("error", code="exited", detail="exited with code 3: cannot start: the moon is full")
    assert not containers_of(docker_cpu.engine, this_process().id)


def test_an_app_that_never_serves(tmp_path: Path, docker_images: str) -> None:
    environment = DockerCpuEnvironment(tmp_path / "data", MemoryBlobs(), start_limit=2 * SECOND)
    assert code(service(environment, "mute").start().run()) == "not_serving"
    assert not containers_of(environment.engine, this_process().id)
    environment.close()


def test_an_app_that_listens_on_tcp_only_is_reached_by_a_relay(docker_cpu: DockerCpuEnvironment) -> None:
    provider = service(docker_cpu, "parts-tcp")
    ok(provider.start().run())
    assert len(containers_of(docker_cpu.engine, this_process().id)) == 2
    ok(provider.call("RunBenchmark", b"").run())
    ok(provider.stop().run())
    assert not containers_of(docker_cpu.engine, this_process().id)


def test_an_engine_that_is_not_there_is_told_with_the_remedy(tmp_path: Path) -> None:
    settings = DockerSettings(url=f"unix://{tmp_path}/nothing")
    environment = DockerCpuEnvironment(tmp_path / "data", MemoryBlobs(), settings=settings)
    outcome = environment.probe().run()
    assert code(outcome) == "engine"
    assert "DOCKER_HOST" in outcome.detail
    assert code(service(environment, "parts").start().run()) == "engine"
    environment.close()
