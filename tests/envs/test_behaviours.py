"""Dishonest providers: the same wrappers over every environment."""

from __future__ import annotations

import pytest

from claynet.actors.environment import Environment, Placement
from claynet.envs.behaviours import Failing, WrongResults
from claynet.envs.model import ModelEnvironment
from claynet.envs.resolve import AppTable
from claynet.proto import golem_task_api_pb2 as pb
from tests.envs.harness import APPS, Driver, MemoryBlobs, Numbers, Sink, ok


def test_wrong_results_are_told_to_the_sink_and_found_by_verify(environment: Environment, blobs: MemoryBlobs) -> None:
    sink = Sink()
    honest = Driver(environment).started()
    liar = Driver(WrongResults(environment, blobs, 1.0, Numbers(), sink))
    liar.requestor = honest.requestor
    assert liar.environment.name == environment.name
    honest.create(1)
    result = liar.compute("s0", honest.next("s0"))
    assert sink.events == [("tampered", {"id": "s0"})]
    assert honest.verify("s0", result).result == pb.VerifyReply.FAILURE
    assert honest.verify("s1", honest.compute("s1", honest.next("s1"))).result == pb.VerifyReply.SUCCESS
    assert len(sink.events) == 1


def test_a_failing_provider_answers_as_an_app_that_raises(environment: Environment) -> None:
    driver = Driver(Failing(environment, 1.0, Numbers()))
    provider = driver.provider("s0")
    ok(provider.start().run())
    outcome = driver.compute_work(provider, "s0", {}).run()
    assert (outcome.status, outcome.code, outcome.detail) == ("error", "INTERNAL", "RuntimeError: out of order")
    ok(provider.stop().run())


def lies_of(fraction: float, order: list[int]) -> set[object]:
    sink = Sink()
    blobs = MemoryBlobs()
    driver = Driver(WrongResults(ModelEnvironment(blobs, AppTable(APPS)), blobs, fraction, Numbers(), sink))
    for number in order:
        driver.provider(f"s{number}").collect(".", ["x"])
    return {fields["id"] for _, fields in sink.events}


def test_who_is_lied_to_follows_from_names_alone() -> None:
    order = list(range(200))
    some = lies_of(0.5, order)
    assert some == lies_of(0.5, order[::-1])
    assert 60 < len(some) < 140
    assert lies_of(0.0, order) == set()
    assert len(lies_of(1.0, order)) == 200


def test_an_empty_result_becomes_another_and_a_failed_collect_stays_one() -> None:
    blobs = MemoryBlobs()
    driver = Driver(WrongResults(ModelEnvironment(blobs, AppTable(APPS)), blobs, 1.0, Numbers(), Sink()))
    assert driver.provider("s0").collect(".", ["x"]).run().code == "missing_file"
    digest = blobs.put(b"")
    placed = driver.environment.backend(driver.runnable, "requestor", "r", "provider/s0")
    ok(placed.place([Placement("x", digest)]).run())
    (file,) = ok(driver.provider("s0").collect(".", ["x"]).run()).files
    assert (file.name, blobs.data[file.digest]) == ("x", b"\1")
    assert ok(placed.collect(".", ["x"]).run()).files[0].digest == digest


@pytest.mark.parametrize("fraction", [-0.1, 1.1])
def test_a_fraction_is_from_0_to_1(fraction: float) -> None:
    blobs = MemoryBlobs()
    environment = ModelEnvironment(blobs, AppTable(APPS))
    with pytest.raises(ValueError, match="from 0 to 1"):
        Failing(environment, fraction, Numbers())
    with pytest.raises(ValueError, match="from 0 to 1"):
        WrongResults(environment, blobs, fraction, Numbers(), Sink())
