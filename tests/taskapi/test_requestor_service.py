"""The requestor side over gRPC: values, errors, aborts while verifying, and its end."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from claynet.taskapi import NewTask, Subtask, Verdict, Verification
from claynet.taskapi.calls import RequestorAppClient
from claynet.taskapi.client import TaskApiClient
from claynet.taskapi.errors import AppFailed, CallCancelled, DeadlineExceeded, NotOffered, ServiceUnavailable
from claynet.taskapi.listening import socket_target
from tests.taskapi.scripted import Served, serving


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving("requestor", tmp_path) as served:
        yield served


@pytest.fixture
def app(served: Served) -> RequestorAppClient:
    return RequestorAppClient(served.client)


def in_thread(call: Callable[[], object]) -> "Future[object]":
    future: Future[object] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def test_values_survive_the_wire(app: RequestorAppClient) -> None:
    assert app.create_task("t", 3, {"a": [1]}, 5) == NewTask("docker_cpu", {"image": "some/app", "tag": "3"}, 12.5)
    assert app.has_pending_subtasks("t", 5)
    assert not app.has_pending_subtasks("done", 5)
    assert app.next_subtask("t", "s", "node", 5) == Subtask({"node": "node"}, ("s.in",))
    assert app.next_subtask("t", "s2", "refused", 5) is None
    assert app.discard_subtasks("t", ["s"], 5) == ("s", "dependent")
    assert app.run_benchmark(5) == 7.5


@pytest.mark.parametrize("verdict", list(Verdict))
def test_verdicts(app: RequestorAppClient, verdict: Verdict) -> None:
    assert app.verify("t", verdict.name, 5) == Verification(verdict, "because")


def test_the_agreed_folders_are_there_before_the_app_is_asked(app: RequestorAppClient, served: Served) -> None:
    app.create_task("t", 1, {}, 5)
    assert sorted(path.name for path in (served.work_dir / "t").iterdir()) == [
        "subtask_inputs",
        "subtask_outputs",
        "task_inputs",
        "task_outputs",
    ]


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"raise": "too blue"}, "ValueError: too blue"),
        ({"raise": "zu blau: \u00fc\u2014\n2"}, "ValueError: zu blau: \u00fc\u2014\n2"),
        ({"raise": "\ud800"}, "ValueError: \\ud800"),
        ({"in_folder": 1}, "FileNotFoundError: nothing at t/task_inputs/file"),
        ({"exit": 3}, "SystemExit: 3"),
        ({"cancel": "by whom"}, "CancelledError: by whom"),
        ({"panic": 1}, "Panic: (it has no text)"),
        ("[1]", "ValueError: task parameters are not a JSON object"),
    ],
    ids=["plain", "unicode", "surrogate", "no file", "exit", "cancelled", "panic", "no object"],
)
def test_exceptions_arrive_as_internal_with_type_and_text(app: RequestorAppClient, params: dict[str, object] | str, text: str) -> None:
    with pytest.raises(AppFailed) as failed:
        app.create_task("t", 1, params, 5)
    assert failed.value.status == "INTERNAL"
    assert failed.value.text == text
    assert app.has_pending_subtasks("t", 5)


def test_a_long_text_is_cut_and_still_arrives(app: RequestorAppClient) -> None:
    with pytest.raises(AppFailed) as failed:
        app.create_task("t", 1, {"raise": "\u00fc" * 100_000}, 5)
    assert failed.value.text.startswith("ValueError: \u00fc\u00fc")
    assert failed.value.text.endswith(" ...")


@pytest.mark.parametrize("task_id", ["", "..", "a/b"])
def test_ids_that_lead_elsewhere_are_refused(app: RequestorAppClient, served: Served, task_id: str) -> None:
    with pytest.raises(AppFailed, match="UnsafePath"):
        app.create_task(task_id, 1, {}, 5)
    with pytest.raises(AppFailed, match="UnsafePath"):
        app.next_subtask("t", task_id, "node", 5)
    assert not list(served.work_dir.iterdir())


def test_a_task_without_subtasks_is_refused(app: RequestorAppClient) -> None:
    with pytest.raises(AppFailed, match="at least 1"):
        app.create_task("t", 0, {}, 5)


def test_resources_must_be_files_in_the_folder(app: RequestorAppClient) -> None:
    app.create_task("t", 1, {}, 5)
    with pytest.raises(AppFailed, match=r"not in subtask_inputs: s.in"):
        app.next_subtask("t", "s", "forgetful", 5)
    with pytest.raises(AppFailed, match="UnsafePath"):
        app.next_subtask("t", "s", "escaping", 5)


def test_aborting_a_subtask_stops_its_verification_only(app: RequestorAppClient, served: Served) -> None:
    first, second = (in_thread(lambda name=name: app.verify("t", name, 20)) for name in ("slow1", "slow2"))  # type: ignore[misc]
    served.requestor.verifying.acquire()
    served.requestor.verifying.acquire()
    app.abort_subtask("t", "slow1", 5)
    with pytest.raises(AppFailed, match="Interrupted: the subtask was aborted"):
        first.result(5)
    assert not second.done()
    app.abort_task("other", 5)
    assert not second.done()
    app.abort_task("t", 5)
    with pytest.raises(AppFailed, match="Interrupted: the task was aborted"):
        second.result(5)
    assert served.requestor.aborted == ["slow1", "other", "t"]


def test_aborts_and_shutdown_pass_calls_that_fill_every_worker(app: RequestorAppClient, served: Served) -> None:
    calls = [in_thread(lambda number=number: app.verify("t", f"slow{number}", 20)) for number in range(40)]  # type: ignore[misc]
    served.requestor.verifying.acquire()
    app.abort_subtask("t", "slow0", 5)
    assert served.client.check_health() == "SERVING"
    app.shutdown(5)
    assert served.server.wait(5)
    for call in calls:
        assert isinstance(call.exception(5), (AppFailed, CallCancelled, ServiceUnavailable))


def test_shutdown_twice(app: RequestorAppClient, served: Served) -> None:
    app.shutdown(5)
    app.shutdown(5)
    assert served.server.wait(5)
    app.shutdown(5)
    with pytest.raises(ServiceUnavailable):
        app.has_pending_subtasks("t", 5)


def test_calls_of_the_other_side_are_not_offered(served: Served) -> None:
    with pytest.raises(NotOffered) as refused:
        served.client.call("/golem_task_api.ProviderApp/Compute", b"", 5)
    assert refused.value.status == "UNIMPLEMENTED"


def test_bytes_that_are_no_message(served: Served) -> None:
    with pytest.raises(AppFailed, match="not a CreateTaskRequest"):
        served.client.call("/golem_task_api.RequestorApp/CreateTask", b"\xff\xff", 5)


def test_a_deadline(app: RequestorAppClient) -> None:
    with pytest.raises(DeadlineExceeded):
        app.verify("t", "slow", 0.05)


def test_closing_the_client_ends_its_running_call_and_not_the_service(app: RequestorAppClient, served: Served) -> None:
    with TaskApiClient(socket_target(str(served.socket))) as other:
        call = in_thread(lambda: RequestorAppClient(other).verify("t", "slow", 20))
        served.requestor.verifying.acquire()
    assert isinstance(call.exception(5), CallCancelled)
    with pytest.raises(CallCancelled, match="the client was closed"):
        other.call("/golem_task_api.RequestorApp/AbortTask", b"", 5)
    assert app.has_pending_subtasks("t", 5)
