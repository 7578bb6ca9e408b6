"""The rules that hold for every environment that runs apps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from claynet.actors.environment import Environment, Placement, Refusal
from claynet.actors.ports import Digest
from claynet.envs.paths import FileProblem
from claynet.proto import golem_task_api_pb2 as pb
from tests.envs.harness import PREREQUISITES, Driver, MemoryBlobs, code, ok, runnable

BENCHMARK = pb.RunBenchmarkRequest().SerializeToString()


def test_probe_says_that_it_works_here(environment: Environment) -> None:
    ok(environment.probe().run())


def test_one_task_from_creation_to_its_outputs(driver: Driver, blobs: MemoryBlobs) -> None:
    driver.started()
    created = driver.create(3)
    assert created.env_id == "docker_cpu"
    assert json.loads(created.prerequisites_json) == {"image": "parts", "tag": "1"}
    for number in range(3):
        assert driver.pending()
        reply = driver.next(f"s{number}")
        assert driver.verify(f"s{number}", driver.compute(f"s{number}", reply)).result == pb.VerifyReply.SUCCESS
    assert not driver.pending()
    assert not driver.next("s3").HasField("subtask")
    outputs = ok(driver.requestor.collect("task/task_outputs", []).run()).files
    assert [file.name for file in outputs] == ["part-0.out", "part-1.out", "part-2.out"]
    assert all(blobs.size(file.digest) == file.size for file in outputs)
    ok(driver.requestor.stop().run())


def test_a_wrong_result_is_found_and_its_part_pending_again(driver: Driver, blobs: MemoryBlobs) -> None:
    driver.started()
    driver.create(1)
    result = driver.compute("s0", driver.next("s0"))
    assert not driver.pending()
    wrong = blobs.put(b"a lie")
    reply = driver.verify("s0", type(result)(result.name, wrong, 5))
    assert (reply.result, reply.reason) == (pb.VerifyReply.FAILURE, "wrong result")
    assert driver.pending()
    assert driver.verify("s1", driver.compute("s1", driver.next("s1"))).result == pb.VerifyReply.SUCCESS


def test_a_discarded_subtask_leaves_its_part_pending(driver: Driver) -> None:
    driver.started()
    driver.create(1)
    driver.next("s0")
    request = pb.DiscardSubtasksRequest(task_id="task", subtask_ids=["s0"]).SerializeToString()
    reply = pb.DiscardSubtasksReply.FromString(ok(driver.requestor.call("DiscardSubtasks", request).run()).reply)
    assert list(reply.discarded_subtask_ids) == ["s0"]
    assert driver.pending()


def test_a_requestor_finds_its_tasks_again_after_a_restart(environment: Environment) -> None:
    first = Driver(environment).started()
    first.create(2)
    reply = first.next("s0")
    environment.close()
    second = Driver(environment).started()
    assert second.pending()
    assert second.verify("s0", second.compute("s0", reply)).result == pb.VerifyReply.SUCCESS


def test_a_call_before_start_is_an_error(driver: Driver) -> None:
    assert code(driver.requestor.call("RunBenchmark", BENCHMARK).run()) == "not_started"


def test_a_second_start_is_an_error(driver: Driver) -> None:
    driver.started()
    assert code(driver.requestor.start().run()) == "already_started"
    ok(driver.requestor.call("RunBenchmark", BENCHMARK).run())


def test_a_call_after_stop_is_an_error_and_stop_is_idempotent(driver: Driver) -> None:
    driver.started()
    for _ in range(2):
        ok(driver.requestor.stop().run())
        assert code(driver.requestor.call("RunBenchmark", BENCHMARK).run()) == "stopped"
    assert code(driver.requestor.start().run())


def test_a_service_that_never_started_can_be_stopped(driver: Driver) -> None:
    ok(driver.requestor.stop().run())


def test_shutdown_ends_the_service(driver: Driver) -> None:
    driver.started()
    ok(driver.requestor.call("Shutdown", b"").run())
    assert code(driver.requestor.call("RunBenchmark", BENCHMARK).run()) == "exited"
    ok(driver.requestor.stop().run())


def test_a_provider_serves_one_request(driver: Driver) -> None:
    provider = driver.provider("s0")
    ok(provider.start().run())
    reply = ok(provider.call("RunBenchmark", BENCHMARK).run()).reply
    assert pb.RunBenchmarkReply.FromString(reply).score > 0
    assert code(provider.call("RunBenchmark", BENCHMARK).run()) == "exited"
    ok(provider.stop().run())


def test_close_kills_every_service_and_new_ones_can_be_made(driver: Driver) -> None:
    driver.started()
    provider, unborn = driver.provider("s0"), driver.provider("s1")
    ok(provider.start().run())
    driver.environment.close()
    for backend in (driver.requestor, provider):
        assert code(backend.call("RunBenchmark", BENCHMARK).run()) == "exited"
        ok(backend.stop().run())
    assert code(unborn.start().run()) == "exited"
    Driver(driver.environment).started()


def test_a_work_killed_before_it_runs_does_not_run(driver: Driver) -> None:
    work = driver.requestor.start()
    work.kill()
    assert code(work.run()) == "killed"
    ok(driver.requestor.start().run())


def test_killing_a_work_before_or_after_it_ran_spares_the_service(driver: Driver) -> None:
    driver.started()
    before, after = (driver.requestor.call("RunBenchmark", BENCHMARK) for _ in range(2))
    before.kill()
    assert code(before.run()) == "killed"
    ok(after.run())
    after.kill()
    ok(driver.requestor.call("RunBenchmark", BENCHMARK).run())


def test_an_unknown_method_is_unimplemented(driver: Driver) -> None:
    driver.started()
    assert code(driver.requestor.call("Compute", b"").run()) == "UNIMPLEMENTED"


def test_an_error_of_the_app_is_internal(driver: Driver) -> None:
    driver.started()
    request = pb.CreateTaskRequest(task_id="task", max_subtasks_count=1, task_params_json="[]").SerializeToString()
    outcome = driver.requestor.call("CreateTask", request).run()
    assert code(outcome) == "INTERNAL"
    assert outcome.detail.startswith("ValueError: ")
    assert code(driver.requestor.call("CreateTask", b"\xff\xff").run()) == "INTERNAL"
    ok(driver.requestor.call("RunBenchmark", BENCHMARK).run())


@pytest.mark.parametrize(
    ("env_id", "prerequisites", "rule"),
    [
        ("docker_gpu", PREREQUISITES, "environment"),
        ("docker_cpu", "{", "prerequisites"),
        ("docker_cpu", "[" * 4000, "prerequisites"),
        ("docker_cpu", "[]", "prerequisites"),
        ("docker_cpu", '{"tag": "1"}', "prerequisites"),
        ("docker_cpu", '{"image": "parts", "tag": 1}', "prerequisites"),
        ("docker_cpu", '{"image": 7}', "prerequisites"),
        ("docker_cpu", '{"image": "%s"}' % ("x" * 5000), "prerequisites"),
        ("docker_cpu", '{"image": "os:system", "tag": "1"}', "prerequisites"),
        ("docker_cpu", '{"image": "\\ud800/x"}', "prerequisites"),
        ("docker_cpu", '{"image": "parts", "tag": "1/../../x:1"}', "prerequisites"),
    ],
)
def test_what_cannot_be_run_is_refused_by_a_rule(environment: Environment, env_id: str, prerequisites: str, rule: str) -> None:
    refusal = environment.resolve(env_id, prerequisites)
    assert isinstance(refusal, Refusal)
    assert refusal.rule == rule


def test_an_app_that_is_not_in_the_table_is_refused_and_the_known_ones_named(table_environment: Environment) -> None:
    refusal = table_environment.resolve("docker_cpu", '{"image": "os.system", "tag": "1"}')
    assert isinstance(refusal, Refusal)
    assert refusal.rule == "unknown_app"
    assert "parts" in refusal.detail


def test_its_own_name_is_an_environment_id_too(environment: Environment) -> None:
    found = environment.resolve(environment.name, PREREQUISITES)
    assert not isinstance(found, Refusal)
    assert (found.env, found.image) == (environment.name, "parts:1")


@pytest.mark.parametrize("folder", ["../up", "/abs", "a/../../b", "", "."])
def test_a_work_dir_is_below_the_data_dir(environment: Environment, folder: str) -> None:
    with pytest.raises(FileProblem):
        environment.backend(runnable(environment), "provider", "r", folder)


def test_files_placed_are_collected_and_discarded(driver: Driver, blobs: MemoryBlobs) -> None:
    backend = driver.provider("s0")
    one, two = blobs.put(b"one"), blobs.put(b"two")
    ok(backend.place([Placement("in/b", one), Placement("in/deep/a", two)], ["empty/folder"]).run())
    assert [(file.name, file.digest, file.size) for file in ok(backend.collect("in", []).run()).files] == [
        ("b", one, 3),
        ("deep/a", two, 3),
    ]
    assert [file.name for file in ok(backend.collect(".", ["in/deep/a", "./in//b"]).run()).files] == ["in/deep/a", "in/b"]
    ok(backend.place([Placement("in/b", two)]).run())
    assert ok(backend.collect("in", ["b"]).run()).files[0].digest == two
    ok(backend.discard(["in/deep", "in/never", "nor/this"]).run())
    assert [file.name for file in ok(backend.collect(".", []).run()).files] == ["in/b"]
    ok(backend.discard(["."]).run())
    assert ok(backend.collect(".", []).run()).files == ()


@pytest.mark.parametrize("path", ["../out", "/etc/hostname", "a/../../out", "", ".", "a\0b", "a\nb"])
def test_paths_that_leave_the_work_dir_are_unsafe(driver: Driver, blobs: MemoryBlobs, path: str) -> None:
    backend = driver.provider("s0")
    digest = blobs.put(b"x")
    ok(backend.place([Placement("a/file", digest)]).run())
    assert code(backend.place([Placement(path, digest)]).run()) == "unsafe_path"
    assert code(backend.collect(".", [path]).run()) == "unsafe_path"
    if path != ".":
        assert code(backend.discard([path]).run()) == "unsafe_path"
        assert code(backend.collect(path, []).run()) == "unsafe_path"


def test_what_is_missing_or_no_file_is_told_by_its_code(driver: Driver, blobs: MemoryBlobs) -> None:
    backend = driver.provider("s0")
    digest = blobs.put(b"x")
    assert code(backend.collect(".", ["nothing"]).run()) == "missing_file"
    ok(backend.place([Placement("folder/file", digest)]).run())
    assert code(backend.collect("folder", ["nothing"]).run()) == "missing_file"
    assert code(backend.collect("nowhere", ["nothing"]).run()) == "missing_file"
    assert ok(backend.collect("nowhere", []).run()).files == ()
    assert code(backend.collect(".", ["folder"]).run()) == "unsafe_path"
    assert code(backend.collect(".", ["folder/file/x"]).run()) == "unsafe_path"
    assert code(backend.collect("folder/file", []).run()) == "unsafe_path"
    assert code(backend.place([Placement("folder", digest)]).run()) == "unsafe_path"
    assert code(backend.place([Placement("folder/file/x", digest)]).run()) == "unsafe_path"
    assert code(backend.place([Placement("y", Digest("0" * 64))]).run()) == "missing_blob"


def test_stop_leaves_the_files(driver: Driver, blobs: MemoryBlobs, data_dir: Path) -> None:
    backend = driver.provider("s0")
    ok(backend.place([Placement("kept", blobs.put(b"x"))]).run())
    ok(backend.start().run())
    ok(backend.stop().run())
    assert [file.name for file in ok(backend.collect(".", ["kept"]).run()).files] == ["kept"]
