"""An app that tries to get out of its container, or to take more than its share: each attempt is contained, and told by its reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from claynet.actors.environment import Placement
from claynet.envs.docker_backend import DockerBackend
from claynet.envs.docker_cpu import DockerCpuEnvironment, DockerSettings
from claynet.envs.docker_limits import MIB, ContainerLimits
from claynet.envs.docker_owner import containers_of
from claynet.envs.owner import this_process
from tests.envs.harness import Driver, MemoryBlobs, code, ok

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("docker_images")]
LIMITS = ContainerLimits(disk=64 * MIB, memory=512 * MIB)


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
def docker_cpu(tmp_path: Path, blobs: MemoryBlobs, docker_images: str) -> Iterator[DockerCpuEnvironment]:
    environment = DockerCpuEnvironment(tmp_path / "data", blobs, settings=DockerSettings(limits=LIMITS))
    yield environment
    environment.close()
    assert not containers_of(environment.engine, this_process().id)


def service(environment: DockerCpuEnvironment, blobs: MemoryBlobs, name: str) -> DockerBackend:
    made = environment.backend(Driver(environment, "escapes").runnable, "provider", f"node/{name}", f"provider/{name}")
    ok(made.place([Placement("subtask_inputs/x", blobs.put(b"x"))], ["s0"]).run())
    ok(made.start().run())
    return made


def attack(environment: DockerCpuEnvironment, provider: DockerBackend, kind: str) -> Any:
    return Driver(environment, "escapes").compute_work(provider, "s0", {"attack": kind}).run()


def seen(environment: DockerCpuEnvironment, blobs: MemoryBlobs, kind: str) -> dict[str, str]:
    provider = service(environment, blobs, "s0")
    ok(attack(environment, provider, kind))
    (file,) = ok(provider.collect(".", ["seen.json"]).run()).files
    ok(provider.stop().run())
    return dict(json.loads(blobs.data[file.digest]))


def test_nothing_outside_is_reached(docker_cpu: DockerCpuEnvironment, blobs: MemoryBlobs) -> None:
    found = seen(docker_cpu, blobs, "outwards")
    assert set(found) == {"internet", "bridge", "internet6", "names", "raw", "engine"}
    assert not [what for what, answer in found.items() if answer.startswith("done")], found


def test_the_host_and_other_subtasks_are_not_there(docker_cpu: DockerCpuEnvironment, blobs: MemoryBlobs, tmp_path: Path) -> None:
    secret = tmp_path / "data" / "provider" / "s1"
    neighbour = service(docker_cpu, blobs, "s1")
    assert secret.is_dir()
    found = seen(docker_cpu, blobs, "host")
    ok(neighbour.stop().run())
    assert found.pop("above") == "work", "beside its own work dir there is nothing"
    assert found.pop("others") == "s0 subtask_inputs"
    passwords = found.pop("passwords")
    assert not passwords.startswith("done") or "$" not in passwords, "the image's own file, without a password"
    assert not [what for what, answer in found.items() if answer.startswith("done")], found


def test_no_privilege_is_gained(docker_cpu: DockerCpuEnvironment, blobs: MemoryBlobs) -> None:
    found = seen(docker_cpu, blobs, "privileges")
    assert found.pop("setuid_mode") == "0o104755"
    assert found.pop("setuid_binary") == str(docker_cpu.user.uid), "a program that is to run as root runs as whom it was started by"
    killed = found.pop("kill_init")
    assert killed in ("PermissionError", "ProcessLookupError") or killed.startswith("done"), "its own init, which ends it alone"
    assert set(found.values()) <= {"EPERM", "EACCES", "EINVAL", "PermissionError"}, found


def test_a_disk_that_is_filled_ends_the_service_by_its_reason(docker_cpu: DockerCpuEnvironment, blobs: MemoryBlobs) -> None:
    provider = service(docker_cpu, blobs, "s0")
    outcome = attack(docker_cpu, provider, "fill")
    assert code(outcome) == "out_of_disk"
    assert "64MiB" in outcome.detail
    ok(provider.stop().run())
    ok(provider.discard(["."]).run())


@pytest.mark.parametrize("kind", ["symlink", "symlink above", "fifo", "socket", "folder"])
def test_a_result_that_is_no_plain_file_is_refused(docker_cpu: DockerCpuEnvironment, blobs: MemoryBlobs, kind: str) -> None:
    provider = service(docker_cpu, blobs, "s0")
    attack(docker_cpu, provider, kind)  # our own library tells the app that this is no result; another library would not
    before = dict(blobs.data)
    assert code(provider.collect(".", ["odd"]).run()) in ("unsafe_path", "missing_file")
    assert blobs.data == before, "nothing of it was read"
    ok(provider.stop().run())


def test_a_gigabyte_of_log_is_bounded_and_its_end_is_kept(docker_cpu: DockerCpuEnvironment, blobs: MemoryBlobs, tmp_path: Path) -> None:
    provider = service(docker_cpu, blobs, "s0")
    ok(attack(docker_cpu, provider, "shout"))
    ok(provider.stop().run())
    assert "the end" in provider.log_tail()
    assert sum(file.stat().st_size for file in (tmp_path / "data" / ".logs").rglob("*") if file.is_file()) <= 4 * MIB
