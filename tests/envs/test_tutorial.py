"""The bundled tutorial app through every environment: one task with an honest provider and a lying one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from claynet.actors.environment import Environment, Placement
from claynet.envs.behaviours import WrongResults
from claynet.envs.inproc import InprocEnvironment
from claynet.envs.model import ModelEnvironment
from claynet.envs.process import ProcessEnvironment
from claynet.envs.resolve import AppTable
from claynet.proto import golem_task_api_pb2 as pb
from tests.envs.harness import Driver, MemoryBlobs, Numbers, Sink, ok

IMAGE = "claynet/tutorial"
TABLE = AppTable({IMAGE: "claynet.apps.tutorial.app:APP"})
MAKERS: dict[str, Callable[[Path, MemoryBlobs], Environment]] = {
    "model": lambda data_dir, blobs: ModelEnvironment(blobs, TABLE),
    "inproc": lambda data_dir, blobs: InprocEnvironment(data_dir, blobs, TABLE),
    "process": lambda data_dir, blobs: ProcessEnvironment(data_dir, blobs, TABLE),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_tutorial_task_finishes_in_spite_of_a_liar(name: str, data_dir: Path, blobs: MemoryBlobs) -> None:
    environment = MAKERS[name](data_dir, blobs)
    driver = Driver(environment, IMAGE).started()
    liar = Driver(WrongResults(environment, blobs, 1.0, Numbers(), Sink()), IMAGE)
    liar.requestor = driver.requestor
    ok(driver.requestor.place([Placement("task/task_inputs/input.txt", blobs.put(b"some input"))]).run())
    assert driver.create(2, params='{"difficulty": 6, "resources": ["input.txt"]}').env_id == "docker_cpu"
    assert driver.verify("s0", liar.compute("s0", driver.next("s0"))).result == pb.VerifyReply.FAILURE
    for number in (1, 2):
        assert driver.pending()
        assert driver.verify(f"s{number}", driver.compute(f"s{number}", driver.next(f"s{number}"))).result == pb.VerifyReply.SUCCESS
    assert not driver.pending()
    assert ok(driver.requestor.collect("task/task_outputs", []).run()).files
    ok(driver.requestor.stop().run())
    environment.close()
