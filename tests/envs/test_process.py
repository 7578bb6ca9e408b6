"""What a child process of the `process` environment sees, leaves behind and is told apart by."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from claynet.actors.environment import Placement
from claynet.envs.process import ProcessBackend, ProcessEnvironment
from claynet.envs.resolve import AppTable
from claynet.envs.usage import Usage
from tests.envs.harness import APPS, ROOT, Driver, MemoryBlobs, code, make_process, ok, runnable


@pytest.fixture
def process(data_dir: Path, blobs: MemoryBlobs) -> Iterator[ProcessEnvironment]:
    environment = make_process(data_dir, blobs)
    yield environment
    environment.close()


def test_a_child_sees_little_of_the_machine(process: ProcessEnvironment, data_dir: Path, blobs: MemoryBlobs) -> None:
    driver = Driver(process, "tells")
    provider = driver.provider("s0")
    ok(provider.place([Placement(name, blobs.put(b"raise SystemExit(9)")) for name in ("json.py", "grpc.py", "sitecustomize.py")]).run())
    ok(provider.start().run())
    ok(driver.compute_work(provider, "s0", {}).run())
    (file,) = ok(provider.collect(".", ["seen.json"]).run()).files
    seen = json.loads(blobs.data[file.digest])
    assert "PYTEST_CURRENT_TEST" in os.environ
    assert "PYTEST_CURRENT_TEST" not in seen["variables"]
    work_dir = str(data_dir / "provider" / "s0")
    assert seen["folder"] == seen["variables"]["HOME"] == seen["variables"]["CLAYNET_WORK_DIR"] == work_dir
    assert not seen["json"].startswith(work_dir)
    assert seen["input"] == ""
    assert len(seen["variables"]["CLAYNET_SOCKET"]) <= 107


def test_the_log_is_bounded_and_its_end_is_kept(process: ProcessEnvironment, data_dir: Path) -> None:
    driver = Driver(process, "tells")
    provider = process.backend(driver.runnable, "provider", "node/s0", "provider/s0")
    ok(provider.start().run())
    ok(driver.compute_work(provider, "s0", {"shout": 3_000_000}).run())
    ok(provider.stop().run())
    assert "the end" in provider.log_tail()
    assert len(provider.log_tail()) <= 2048
    assert (data_dir / ".logs" / "node-s0.log").stat().st_size == 1024 * 1024


def test_usage_is_known_once_the_child_has_ended(process: ProcessEnvironment) -> None:
    provider = process.backend(Driver(process).runnable, "provider", "node/s0", "provider/s0")
    assert provider.usage() is None
    ok(provider.start().run())
    assert provider.usage() is None
    ok(provider.stop().run())
    used = provider.usage()
    assert used is not None
    assert used.wall > used.cpu // os.cpu_count() > 0  # type: ignore[operator]
    assert used.max_rss > 1024 * 1024


def test_old_logs_make_room(process: ProcessEnvironment, data_dir: Path) -> None:
    logs = data_dir / ".logs"
    logs.mkdir(parents=True)
    for number in range(120):
        (logs / f"old-{number}.log").touch()
    driver = Driver(process).started()
    ok(driver.requestor.stop().run())
    assert len(list(logs.iterdir())) == 100


def scratch_of(provider: ProcessBackend) -> Path:
    variables = Path(f"/proc/{provider.child_pid}/environ").read_bytes().decode().split("\0")
    (folder,) = (text.removeprefix("TMPDIR=") for text in variables if text.startswith("TMPDIR="))
    return Path(folder)


def test_nothing_is_left_of_services_that_came_and_went(process: ProcessEnvironment) -> None:
    def come_and_go() -> int:
        runnable = Driver(process).runnable
        services = [process.backend(runnable, "provider", f"node/{name}", f"provider/{name}") for name in ("stopped", "closed")]
        for service in services:
            ok(service.start().run())
        folders = [scratch_of(service) for service in services]
        assert all(folder.stat().st_mode & 0o777 == 0o700 for folder in folders)
        ok(services[0].stop().run())
        process.close()
        assert not any(folder.exists() for folder in folders)
        return len(list(Path("/proc/self/fd").iterdir()))

    handles = [come_and_go() for _ in range(8)]  # gRPC opens some for good, and closes others when it gets round to it
    assert min(handles[4:]) <= max(handles[:4])


def test_a_python_that_is_not_there_is_told(data_dir: Path, blobs: MemoryBlobs) -> None:
    environment = ProcessEnvironment(data_dir, blobs, AppTable(APPS), python="/nonexistent/python")
    assert environment.probe().run().code == "unsupported"
    assert Driver(environment).requestor.start().run().code == "exited"


def test_what_is_not_what_was_agreed_on_does_not_run(process: ProcessEnvironment) -> None:
    identity = msgspec.json.decode(ok(process.identify(runnable(process)).run()).reply)
    agreed = msgspec.structs.replace(runnable(process), digest=identity["digest"])
    same = process.backend(agreed, "provider", "node/same", "provider/same")
    ok(same.start().run())
    ok(same.stop().run())
    other = process.backend(msgspec.structs.replace(agreed, digest="0" * 64), "provider", "node/other", "provider/other")
    outcome = other.start().run()
    assert (code(outcome), "agreed" in outcome.detail) == ("image_missing", True)
    ok(other.stop().run())


def test_what_a_service_used_is_told_once(data_dir: Path, blobs: MemoryBlobs) -> None:
    told: list[tuple[str, Usage]] = []
    environment = ProcessEnvironment(
        data_dir, blobs, AppTable(APPS), module_path=[str(ROOT)], on_usage=lambda name, used: told.append((name, used))
    )
    for name in ("a", "b"):
        service = environment.backend(runnable(environment), "provider", f"node/{name}", f"provider/{name}")
        ok(service.place([Placement(f"in/{part}", blobs.put(b"abc")) for part in range(2)]).run())
        ok(service.start().run())
        ok(service.collect("in", ["1"]).run())
        ok(service.stop().run())
        ok(service.stop().run())
    environment.close()
    assert [name for name, _ in told] == ["node/a", "node/b"]
    assert all(used.wall > 0 and used.cpu for _, used in told)
    assert [(used.placed, used.collected) for _, used in told] == [(6, 3)] * 2
