"""What only the modelled app promises: sizes and scores as asked, calls that may be repeated, little left behind."""

from __future__ import annotations

import json

import pytest

from claynet.actors.environment import Placement
from claynet.envs.model import ModelEnvironment
from claynet.envs.model_app import ModelConfig
from claynet.envs.resolve import AppTable
from claynet.proto import golem_task_api_pb2 as pb
from tests.envs.harness import APPS, Driver, MemoryBlobs, code, ok


@pytest.fixture
def environment(blobs: MemoryBlobs) -> ModelEnvironment:
    return ModelEnvironment(blobs, AppTable(APPS), ModelConfig(score=12.5))


@pytest.fixture
def driver(environment: ModelEnvironment) -> Driver:
    return Driver(environment).started()


def test_inputs_and_results_have_the_sizes_that_the_parameters_ask_for(driver: Driver) -> None:
    driver.create(1, params='{"subtasks_bytes": 1000, "result_bytes": 77, "resources": ["ignored"]}')
    reply = driver.next("s0")
    assert [file.size for file in driver.inputs(reply)] == [1000]
    result = driver.compute("s0", reply)
    assert result.size == 77
    assert driver.verify("s0", result).result == pb.VerifyReply.SUCCESS


def test_the_score_is_the_configured_one(driver: Driver) -> None:
    reply = ok(driver.requestor.call("RunBenchmark", b"").run()).reply
    assert pb.RunBenchmarkReply.FromString(reply).score == 12.5


def test_a_verdict_can_be_asked_for_again(driver: Driver) -> None:
    driver.create(1)
    result = driver.compute("s0", driver.next("s0"))
    assert {driver.verify("s0", result).result for _ in range(3)} == {pb.VerifyReply.SUCCESS}


def test_a_result_of_other_inputs_or_of_another_part_is_wrong(driver: Driver, blobs: MemoryBlobs) -> None:
    driver.create(2)
    replies = [driver.next("s0"), driver.next("s1")]
    one, two = driver.compute("s0", replies[0]), driver.compute("s1", replies[1])
    assert one.digest != two.digest
    request = pb.VerifyRequest(task_id="task", subtask_id="s0").SerializeToString()
    ok(driver.requestor.place([Placement("task/subtask_outputs/s0/s0.out", two.digest)]).run())
    reply = pb.VerifyReply.FromString(ok(driver.requestor.call("Verify", request).run()).reply)
    assert (reply.result, reply.reason) == (pb.VerifyReply.FAILURE, "wrong result")


def test_a_late_verdict_on_a_part_given_to_another_is_a_failure(driver: Driver) -> None:
    driver.create(1)
    first = driver.next("s0")
    result = driver.compute("s0", first)
    wrong = driver.verify("s0", type(result)(result.name, driver.inputs(first)[0].digest, 64))
    assert wrong.result == pb.VerifyReply.FAILURE
    driver.next("s1")
    assert driver.verify("s0", result).result == pb.VerifyReply.FAILURE
    assert not driver.pending()


def test_what_was_aborted_before_it_was_made_does_no_harm(driver: Driver) -> None:
    driver.create(1)
    for method, request in (
        ("AbortSubtask", pb.AbortSubtaskRequest(task_id="task", subtask_id="lost")),
        ("DiscardSubtasks", pb.DiscardSubtasksRequest(task_id="task", subtask_ids=["lost"])),
        ("AbortTask", pb.AbortTaskRequest(task_id="never")),
    ):
        ok(driver.requestor.call(method, request.SerializeToString()).run())
    assert driver.pending()
    ok(driver.requestor.call("AbortTask", pb.AbortTaskRequest(task_id="task").SerializeToString()).run())
    assert code(driver.requestor.call("HasPendingSubtasks", pb.HasPendingSubtasksRequest(task_id="task").SerializeToString()).run())


@pytest.mark.parametrize("params", ["{", "[]", '{"subtasks_bytes": -1}', '{"result_bytes": "x"}', '{"result_bytes": 1000000000000}'])
def test_parameters_that_cannot_be_served_are_an_error_of_the_app(driver: Driver, params: str) -> None:
    request = pb.CreateTaskRequest(task_id="t", max_subtasks_count=1, task_params_json=params).SerializeToString()
    assert code(driver.requestor.call("CreateTask", request).run()) == "INTERNAL"


@pytest.mark.parametrize("params", [{}, {"part": "1"}, {"part": 7}, {"part": 0, "result_bytes": 10**12}])
def test_a_provider_refuses_parameters_that_it_cannot_serve(driver: Driver, params: dict[str, object]) -> None:
    provider = driver.provider("s0")
    ok(provider.start().run())
    outcome = driver.compute_work(provider, "s0", json.loads(json.dumps(params))).run()
    assert code(outcome) == "INTERNAL"


def test_little_is_left_of_a_task(driver: Driver, environment: ModelEnvironment) -> None:
    driver.create(20)
    for number in range(20):
        assert driver.verify(f"s{number}", driver.compute(f"s{number}", driver.next(f"s{number}"))).result == pb.VerifyReply.SUCCESS
    kept = ok(driver.requestor.collect(".", []).run()).files
    assert len(kept) == 20
    assert all(file.name.startswith("task/task_outputs/") for file in kept)
    assert ok(environment.backend(driver.runnable, "provider", "r", "provider/s0").collect(".", []).run()).files == ()
