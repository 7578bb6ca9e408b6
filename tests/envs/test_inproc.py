"""The fence around app code that runs in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from claynet.envs.inproc import InprocEnvironment
from claynet.envs.resolve import AppTable
from claynet.proto import golem_task_api_pb2 as pb
from tests.envs.harness import APPS, Driver, MemoryBlobs, code, ok


class Fence:
    """Notes who passed."""

    def __init__(self) -> None:
        self.passed: list[tuple[str, Path, int]] = []
        self.inside = 0

    @contextmanager
    def __call__(self, call_id: str, work_dir: Path, duration: int) -> Iterator[None]:
        self.passed.append((call_id, work_dir, duration))
        self.inside += 1
        yield
        self.inside -= 1


@pytest.fixture
def fence() -> Fence:
    return Fence()


@pytest.fixture
def driver(data_dir: Path, blobs: MemoryBlobs, fence: Fence) -> Driver:
    return Driver(InprocEnvironment(data_dir, blobs, AppTable(APPS), fence))


def test_every_call_passes_the_fence_with_its_name_and_declared_duration(driver: Driver, fence: Fence, data_dir: Path) -> None:
    driver.started()
    for duration in (5, 7):
        work = driver.requestor.call("RunBenchmark", pb.RunBenchmarkRequest().SerializeToString())
        getattr(work, "declare")(duration)  # noqa: B009 - not part of the port: whoever runs jobs looks whether it is there
        ok(work.run())
    work_dir = data_dir / "requestor" / "app"
    assert fence.passed == [
        ("node/requestor/1/start", work_dir, 0),
        ("node/requestor/1/RunBenchmark/1", work_dir, 5),
        ("node/requestor/1/RunBenchmark/2", work_dir, 7),
    ]
    assert fence.inside == 0


def test_files_are_moved_outside_the_fence(driver: Driver, fence: Fence, blobs: MemoryBlobs) -> None:
    driver.started()
    driver.create(1)
    before = len(fence.passed)
    driver.inputs(driver.next("s0"))
    assert len(fence.passed) == before + 1


def test_whatever_an_app_raises_is_an_answer_and_an_interruption_of_this_process_is_one(data_dir: Path, blobs: MemoryBlobs) -> None:
    driver = Driver(InprocEnvironment(data_dir, blobs, AppTable(APPS)), "raises")
    provider = driver.provider("s0")
    ok(provider.start().run())
    assert code(driver.compute_work(provider, "s0", {"kind": "cancel"}).run()) == "INTERNAL"
    provider = driver.provider("s1")
    ok(provider.start().run())
    with pytest.raises(KeyboardInterrupt):
        driver.compute_work(provider, "s1", {"kind": "interrupt"}).run()


def test_an_app_that_cannot_be_loaded_has_exited(data_dir: Path, blobs: MemoryBlobs) -> None:
    for target in ("tests.envs.apps.exits:APP", "tests.envs.apps.none:APP", "tests.envs.apps.parts:NONE"):
        driver = Driver(InprocEnvironment(data_dir, blobs, AppTable({"parts": target})))
        assert code(driver.requestor.start().run()) == "exited"
        assert code(driver.requestor.call("RunBenchmark", b"").run()) == "exited"
