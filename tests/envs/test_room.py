"""What is copied into and out of work dirs leaves the disk's reserve alone: a file with holes is as large as it says once it is copied."""

from __future__ import annotations

import os
from pathlib import Path

from claynet.actors.environment import Placement
from claynet.actors.ports import Digest
from claynet.envs.disk_watch import OUT_OF_DISK
from claynet.envs.docker_cpu import DockerCpuEnvironment, DockerSettings
from claynet.envs.process import ProcessEnvironment
from claynet.envs.resolve import AppTable
from tests.envs.harness import APPS, Driver, MemoryBlobs, code, ok

MIB = 1024 * 1024
ROOM = 256 * MIB


class Weighty(MemoryBlobs):
    """Says that every blob is larger than there is room."""

    def size(self, digest: Digest) -> int:
        return super().size(digest) + ROOM


def reserve(folder: Path) -> int:
    """A reserve that leaves only so much room."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize - ROOM


def test_a_sparse_result_that_the_disk_has_no_room_for_is_refused_before_it_is_copied(tmp_path: Path) -> None:
    made = [
        ProcessEnvironment(tmp_path / "p", MemoryBlobs(), AppTable(APPS), reserve=reserve(tmp_path)),
        DockerCpuEnvironment(tmp_path / "d", MemoryBlobs(), settings=DockerSettings(reserve=reserve(tmp_path))),
    ]
    for environment, name in zip(made, "pd", strict=True):
        provider = Driver(environment).provider("s0")
        ok(provider.place([], ["out"]).run())
        work_dir = tmp_path / name / "provider" / "s0"
        (work_dir / "out" / "a").write_bytes(b"small")
        with (work_dir / "out" / "b").open("wb") as sparse:
            sparse.truncate(ROOM)  # there is room for one copy of it, and two are needed
        for names in (["b"], ["a", "b"], []):
            outcome = provider.collect("out", names).run()
            assert code(outcome) == OUT_OF_DISK
            assert "must stay free" in outcome.detail
        assert ok(provider.collect("out", ["a"]).run()).files[0].size == 5
        environment.close()


def test_an_input_that_the_disk_has_no_room_for_is_not_placed(tmp_path: Path) -> None:
    blobs = Weighty()
    environment = ProcessEnvironment(tmp_path, blobs, AppTable(APPS), reserve=reserve(tmp_path))
    provider = Driver(environment).provider("s0")
    assert code(provider.place([Placement("a", blobs.put(b"x"))]).run()) == OUT_OF_DISK
    assert not (tmp_path / "provider" / "s0" / "a").exists()
    assert code(provider.place([Placement("a", Digest("0" * 64))]).run()) == "missing_blob"
    environment.close()
