"""The walls of a container, looked at from outside by inspect and from inside by an app that tries to get out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from claynet.actors.environment import Placement
from claynet.envs.docker_backend import DockerBackend
from claynet.envs.docker_cpu import DockerCpuEnvironment, DockerSettings
from claynet.envs.docker_limits import MIB, ContainerLimits, User, container_user
from claynet.envs.docker_owner import HOME_LABEL, OWNER_LABEL, RUN_LABEL, containers_of
from claynet.envs.owner import this_process
from claynet.envs.usage import Usage
from tests.envs.harness import Driver, MemoryBlobs, make_docker_cpu, ok

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("docker_images")]


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
def docker_cpu(tmp_path: Path, blobs: MemoryBlobs, docker_images: str) -> Iterator[DockerCpuEnvironment]:
    environment = make_docker_cpu(tmp_path / "data", blobs)
    yield environment
    environment.close()


def inspect(environment: DockerCpuEnvironment, container: str) -> Mapping[str, Any]:
    with environment.engine.api() as api:
        return dict(api.inspect_container(container))


def service(environment: DockerCpuEnvironment, image: str, name: str = "s0") -> DockerBackend:
    return environment.backend(Driver(environment, image).runnable, "provider", f"node/{name}", f"provider/{name}")


@pytest.mark.parametrize("image", ["parts", "parts-tcp"])
def test_every_container_is_walled_in(docker_cpu: DockerCpuEnvironment, image: str) -> None:
    ok(service(docker_cpu, image).start().run())
    found = containers_of(docker_cpu.engine, this_process().id)
    assert len(found) == (1 if image == "parts" else 2)  # the relay is walled in like any other
    for each in found:
        seen = inspect(docker_cpu, each["Id"])
        host, config = seen["HostConfig"], seen["Config"]
        assert host["NetworkMode"] == "none" or host["NetworkMode"].startswith("container:")
        assert not any(network["IPAddress"] for network in seen["NetworkSettings"]["Networks"].values())
        assert config["User"] == str(docker_cpu.user)
        assert not config["User"].startswith("0:")
        assert host["ReadonlyRootfs"]
        assert list(host["Tmpfs"]) == ["/tmp"]
        assert host["CapDrop"] == ["ALL"]
        assert not host["CapAdd"]
        assert not host["Privileged"]
        assert host["SecurityOpt"] == ["no-new-privileges"]
        assert 0 < host["Memory"] == host["MemorySwap"]
        assert host["NanoCpus"] > 0
        assert host["PidsLimit"] >= 64
        assert host["Init"]
        assert {mount["Destination"] for mount in seen["Mounts"]} <= {"/golem/work", "/run/claynet"}
        assert config["Labels"][OWNER_LABEL] == config["Labels"][RUN_LABEL] == this_process().id
        assert config["Labels"][HOME_LABEL] == str(this_process().home)
    docker_cpu.close()
    assert not containers_of(docker_cpu.engine, this_process().id)


def test_an_app_cannot_get_out(docker_cpu: DockerCpuEnvironment, blobs: MemoryBlobs) -> None:
    provider = service(docker_cpu, "escapes")
    ok(provider.place([Placement("subtask_inputs/x", blobs.put(b"x"))], ["s0"]).run())
    ok(provider.start().run())
    ok(Driver(docker_cpu, "escapes").compute_work(provider, "s0", {"fork": True}).run())
    (file,) = ok(provider.collect(".", ["seen.json"]).run()).files
    seen = json.loads(blobs.data[file.digest])
    assert (seen["uid"], seen["gid"]) == (docker_cpu.user.uid, docker_cpu.user.gid)
    assert seen["interfaces"] == ["lo"]
    assert seen["beside"] == ["work"]
    assert (seen["capabilities"].strip("0"), seen["no_new_privileges"], seen["seccomp"]) == ("", "1", "2")
    for what in ("root", "device", "setuid", "chroot", "tmp"):
        assert not seen[what].startswith("done"), (what, seen[what])
    assert seen["home"] == "/tmp"
    assert not {"PYTEST_CURRENT_TEST", "DOCKER_HOST"} & set(seen["variables"])
    assert 0 < seen["forks"] < 128
    ok(provider.stop().run())


def test_a_container_is_never_root(tmp_path: Path, blobs: MemoryBlobs) -> None:
    with pytest.raises(ValueError, match="root"):
        DockerCpuEnvironment(tmp_path, blobs, settings=DockerSettings(user=0))
    with pytest.raises(ValueError, match="64"):
        ContainerLimits(pids=63)
    assert container_user().uid == (os.geteuid() or 64_321)
    assert container_user(1234) == User(1234, 1234)


def test_a_shout_is_bounded(docker_cpu: DockerCpuEnvironment, tmp_path: Path) -> None:
    provider = service(docker_cpu, "tells")
    ok(provider.start().run())
    ok(Driver(docker_cpu, "tells").compute_work(provider, "s0", {"shout": 30_000_000}).run())
    ok(provider.stop().run())
    assert "the end" in provider.log_tail()
    assert (tmp_path / "data" / ".logs" / "node-s0.log").stat().st_size == MIB


def test_usage_is_known_of_short_lives_too(docker_cpu: DockerCpuEnvironment) -> None:
    provider = service(docker_cpu, "parts")
    assert provider.usage() is None
    ok(provider.start().run())
    ok(provider.call("RunBenchmark", b"").run())
    ok(provider.stop().run())
    used = provider.usage()
    assert used is not None
    assert used.wall > 0
    if docker_cpu.engine.info()["CgroupDriver"] == "cgroupfs":  # whoever is not root reads it when the call is answered
        assert used.cpu is not None
        assert used.max_rss is not None
        assert used.wall * (os.cpu_count() or 1) > used.cpu > 20_000_000  # importing gRPC alone takes more
        assert used.max_rss > 5 * MIB


def test_what_a_service_used_is_told_once(tmp_path: Path, blobs: MemoryBlobs) -> None:
    told: list[tuple[str, Usage]] = []
    environment = DockerCpuEnvironment(tmp_path, blobs, on_usage=lambda name, used: told.append((name, used)))
    for name in ("a", "b"):
        provider = service(environment, "parts", name)
        ok(provider.place([Placement("in/1", blobs.put(b"abc"))]).run())
        ok(provider.start().run())
        ok(provider.collect("in", ["1"]).run())
        ok(provider.stop().run())
        ok(provider.stop().run())
    environment.close()
    assert [name for name, _ in told] == ["node/a", "node/b"]
    assert [(used.placed, used.collected) for _, used in told] == [(3, 3)] * 2


def test_the_environment_is_measured_in_a_container_that_is_gone_afterwards(docker_cpu: DockerCpuEnvironment) -> None:
    assert float(ok(docker_cpu.benchmark().run()).reply) > 0
    work = docker_cpu.benchmark()
    work.kill()
    assert not work.run().ok
    assert not containers_of(docker_cpu.engine, this_process().id)
