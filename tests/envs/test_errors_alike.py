"""What a caller sees of an app that fails is the same, whether a gRPC server stands between or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from claynet.actors.ports import Outcome
from tests.envs.harness import Driver, MemoryBlobs, code, make_inproc, make_process, ok

MAKERS = (make_inproc, make_process)


@pytest.mark.parametrize("length", [0, 5000])
def test_an_exception_of_the_app(data_dir: Path, blobs: MemoryBlobs, length: int) -> None:
    outcomes: list[Outcome] = []
    for make in MAKERS:
        environment = make(data_dir, blobs)
        driver = Driver(environment, "raises")
        provider = driver.provider("s0")
        ok(provider.start().run())
        outcomes.append(driver.compute_work(provider, "s0", {"length": length}).run())
        assert code(driver.compute_work(provider, "s0", {}).run()) == "exited"
        environment.close()
    assert outcomes[0] == outcomes[1]
    assert outcomes[0].code == "INTERNAL"
    assert outcomes[0].detail.startswith("RuntimeError: no luck today")


def test_a_missing_resource_and_a_request_that_is_no_message(data_dir: Path, blobs: MemoryBlobs) -> None:
    seen: list[list[Outcome]] = []
    for make in MAKERS:
        environment = make(data_dir / environment_folder(make), blobs)
        driver = Driver(environment).started()
        provider = driver.provider("s0")
        ok(provider.start().run())
        seen.append(
            [
                driver.requestor.call("NextSubtask", b"\xff").run(),
                driver.requestor.call("Nonsense", b"").run(),
                driver.compute_work(provider, "s0", {"part": 1}).run(),
            ]
        )
        environment.close()
    assert seen[0] == seen[1]
    assert [outcome.code for outcome in seen[0]] == ["INTERNAL", "UNIMPLEMENTED", "INTERNAL"]


def environment_folder(make: object) -> str:
    return getattr(make, "__name__", "any")
