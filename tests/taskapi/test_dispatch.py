"""Calls without a transport: what a node does that runs an app in its own process."""

from pathlib import Path

import pytest

from claynet.proto import golem_task_api_pb2 as pb
from claynet.taskapi.dispatch import AppError, ProviderDispatcher, RequestorDispatcher, UnknownMethod
from claynet.taskapi.signals import Interrupted, ShutdownSignal
from tests.taskapi.scripted import ScriptedProvider, ScriptedRequestor


def test_a_subtask_from_end_to_end(tmp_path: Path) -> None:
    requestor = RequestorDispatcher(ScriptedRequestor(), tmp_path / "r")
    created = requestor.call("CreateTask", pb.CreateTaskRequest(task_id="t", max_subtasks_count=2).SerializeToString())
    reply = pb.CreateTaskReply.FromString(created)
    assert (reply.env_id, reply.prerequisites_json) == ("docker_cpu", '{"image": "some/app", "tag": "2"}')
    assert reply.inf_requirements.min_memory_mib == 12.5
    handed = requestor.call("NextSubtask", pb.NextSubtaskRequest(task_id="t", subtask_id="s", opaque_node_id="n").SerializeToString())
    subtask = pb.NextSubtaskReply.FromString(handed).subtask
    assert (subtask.subtask_params_json, list(subtask.resources)) == ('{"node": "n"}', ["s.in"])
    provider = ProviderDispatcher(ScriptedProvider(), tmp_path / "p", ShutdownSignal())
    request = pb.ComputeRequest(task_id="t", subtask_id="s", subtask_params_json=subtask.subtask_params_json)
    output = pb.ComputeReply.FromString(provider.call("Compute", request.SerializeToString())).output_filepath
    assert (tmp_path / "p" / output).is_file()
    verified = requestor.call("Verify", pb.VerifyRequest(task_id="t", subtask_id="s").SerializeToString())
    assert pb.VerifyReply.FromString(verified).result == pb.VerifyReply.SUCCESS


def test_errors_carry_type_and_text_and_no_paths_of_this_machine(tmp_path: Path) -> None:
    requestor = RequestorDispatcher(ScriptedRequestor(), tmp_path)
    request = pb.CreateTaskRequest(task_id="t", max_subtasks_count=1, task_params_json='{"in_folder": 1}')
    with pytest.raises(AppError) as failed:
        requestor.call("CreateTask", request.SerializeToString())
    assert (failed.value.type_name, failed.value.text) == ("FileNotFoundError", "nothing at t/task_inputs/file")
    assert isinstance(failed.value.__cause__, FileNotFoundError)


def test_an_unknown_method(tmp_path: Path) -> None:
    provider = ProviderDispatcher(ScriptedProvider(), tmp_path, ShutdownSignal())
    with pytest.raises(UnknownMethod, match="this side has Compute, RunBenchmark, Shutdown"):
        provider.call("Verify", b"")


def test_no_work_is_begun_after_a_shutdown(tmp_path: Path) -> None:
    signal = ShutdownSignal()
    provider = ProviderDispatcher(ScriptedProvider(), tmp_path, signal)
    assert provider.call("Shutdown", b"") == b""
    assert provider.call("Shutdown", b"") == b""
    assert signal.is_set()
    for method, request in (("Compute", pb.ComputeRequest(subtask_id="s").SerializeToString()), ("RunBenchmark", b"")):
        with pytest.raises(AppError, match="Interrupted: shut down"):
            provider.call(method, request)


def test_a_verification_that_begins_after_a_shutdown_finds_its_signal_set(tmp_path: Path) -> None:
    requestor = RequestorDispatcher(ScriptedRequestor(), tmp_path)
    requestor.call("Shutdown", b"")
    with pytest.raises(AppError, match="Interrupted: shut down"):
        requestor.call("Verify", pb.VerifyRequest(task_id="t", subtask_id="slow").SerializeToString())


def test_a_signal_keeps_its_first_reason() -> None:
    signal = ShutdownSignal()
    assert (signal.is_set(), signal.reason) == (False, "")
    signal.check()
    signal.set("first")
    signal.set("second")
    assert signal.wait(0)
    with pytest.raises(Interrupted, match="first"):
        signal.check()
