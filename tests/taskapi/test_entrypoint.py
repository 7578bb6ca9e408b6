"""The command that starts an app: arguments, addresses, signals and exit codes, in a process of its own."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from claynet.taskapi.app import AppNotFound, SampleTask, load_app
from claynet.taskapi.calls import ProviderAppClient, RequestorAppClient
from claynet.taskapi.client import TaskApiClient
from claynet.taskapi.entrypoint import main
from claynet.taskapi.errors import TaskApiError
from tests.taskapi.scripted import APP

TARGET = "tests.taskapi.scripted:APP"
ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(*arguments: str, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "claynet.taskapi", *arguments]
    environment = os.environ | variables
    with subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        try:
            yield child
        finally:
            child.kill()


def test_a_port_until_shutdown(tmp_path: Path) -> None:
    port = free_port()
    with started(TARGET, "requestor", str(port), CLAYNET_WORK_DIR=str(tmp_path)) as child, TaskApiClient(f"127.0.0.1:{port}") as client:
        client.wait_until_serving()
        assert RequestorAppClient(client).create_task("t", 1, {}, 5).env_id == "docker_cpu"
        assert (tmp_path / "t" / "task_inputs").is_dir()
        RequestorAppClient(client).shutdown()
        output, log = child.communicate(timeout=10)
        assert child.returncode == 0
        assert output == ""
        assert "scripted: serving the requestor side" in log


def test_a_socket_and_a_port_until_compute(tmp_path: Path) -> None:
    port, path = free_port(), tmp_path / "s"
    variables = {"CLAYNET_WORK_DIR": str(tmp_path), "CLAYNET_SOCKET": str(path)}
    with started(TARGET, "provider", str(port), **variables) as child:
        with TaskApiClient(f"127.0.0.1:{port}") as by_port, TaskApiClient(f"unix:{path}") as by_socket:
            by_port.wait_until_serving()
            assert by_socket.check_health() == "SERVING"
            assert ProviderAppClient(by_socket).compute("t", "sub", {}, 5) == "sub/result"
        assert child.wait(10) == 0


def test_a_socket_only_and_sigterm_during_work(tmp_path: Path) -> None:
    variables = {"CLAYNET_WORK_DIR": str(tmp_path), "CLAYNET_SOCKET": str(tmp_path / "s")}
    with started(TARGET, "provider", "0", **variables) as child, TaskApiClient(f"unix:{tmp_path / 's'}") as client:
        client.wait_until_serving()
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0
        with pytest.raises(TaskApiError):
            ProviderAppClient(client).compute("t", "s", {}, 5)


def test_work_that_does_not_heed_a_shutdown_does_not_keep_the_process(tmp_path: Path) -> None:
    variables = {"CLAYNET_WORK_DIR": str(tmp_path), "CLAYNET_SOCKET": str(tmp_path / "s")}
    with started(TARGET, "provider", "0", **variables) as child, TaskApiClient(f"unix:{tmp_path / 's'}") as client:
        client.wait_until_serving()
        with pytest.raises(TaskApiError):
            ProviderAppClient(client).compute("t", "s", {"stubborn": 60}, 0.2)
        assert child.wait(10) == 0


@pytest.mark.parametrize(
    ("arguments", "variables", "text"),
    [
        ([TARGET, "sideways", "1"], {}, "sideways"),
        ([TARGET, "requestor"], {}, "PORT"),
        (["nowhere:APP", "requestor", "1"], {}, "'nowhere:APP': No module named 'nowhere'"),
        (["tests.taskapi.scripted:NOPE", "requestor", "1"], {}, "has no such name"),
        (["tests.taskapi.scripted:NOT_AN_APP", "requestor", "1"], {}, "has a int there, not an App"),
        ([TARGET, "requestor", "0"], {"CLAYNET_WORK_DIR": "/tmp"}, "nowhere to listen: the port is 0 and CLAYNET_SOCKET is not set"),
        ([TARGET, "requestor", "70000"], {"CLAYNET_WORK_DIR": "/tmp"}, "port 70000 is not between"),
        ([TARGET, "requestor", "1"], {"CLAYNET_WORK_DIR": "/nonexistent"}, "no work dir /nonexistent"),
        ([TARGET, "requestor", "0"], {"CLAYNET_WORK_DIR": "/tmp", "CLAYNET_SOCKET": "/tmp/" + "x" * 103}, "at most 107 are possible"),
        ([TARGET, "requestor", "0"], {"CLAYNET_WORK_DIR": "/tmp", "CLAYNET_SOCKET": "s"}, "is not absolute"),
        ([TARGET, "requestor", "0"], {"CLAYNET_WORK_DIR": "/tmp", "CLAYNET_SOCKET": "/nonexistent/s"}, "no folder for socket"),
    ],
)
def test_what_cannot_start_says_why(arguments: list[str], variables: dict[str, str], text: str) -> None:
    with started(*arguments, **variables) as child:
        output, log = child.communicate(timeout=10)
        assert child.returncode == 2
        assert output == ""
        assert text in log
        assert "Traceback" not in log


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET6) as other:
        other.bind(("::", 0))
        other.listen()
        port = other.getsockname()[1]
        with started(TARGET, "requestor", str(port), CLAYNET_WORK_DIR=str(tmp_path)) as child:
            _, log = child.communicate(timeout=10)
            assert child.returncode == 2
            assert f"cannot listen on port {port}" in log


def test_the_longest_socket_path(tmp_path: Path) -> None:
    folder = tmp_path
    room = 107 - len(str(folder)) - 1
    assert room > 0
    path = folder / ("s" * room)
    variables = {"CLAYNET_WORK_DIR": str(tmp_path), "CLAYNET_SOCKET": str(path)}
    with started(TARGET, "requestor", "0", **variables), TaskApiClient(f"unix:{path}") as client:
        client.wait_until_serving()


def test_wrong_arguments_of_an_image_exit_with_2() -> None:
    with pytest.raises(SystemExit) as ended:
        main(APP, ["provider", "many"])
    assert ended.value.code == 2


def test_load_app() -> None:
    assert load_app(TARGET) is APP
    with pytest.raises(AppNotFound, match="is not MODULE:OBJECT"):
        load_app("tests.taskapi.scripted")


def test_a_sample_from_json() -> None:
    sample = SampleTask.from_json({"params": {"a": 1}, "inputs": {"f": "text"}, "max_subtasks": 3, "bad_params": [{}]})
    assert sample == SampleTask({"a": 1}, {"f": b"text"}, 3, None, ({},))
    assert SampleTask.from_json({}) == SampleTask()


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ({"parms": {}}, "parms"),
        ({"params": []}, "params"),
        ({"inputs": {"f": 1}}, "inputs"),
        ({"max_subtasks": 0}, "max_subtasks"),
        ({"max_subtasks": True}, "max_subtasks"),
        ({"slow_params": 1}, "slow_params"),
        ({"bad_params": {}}, "bad_params"),
    ],
)
def test_a_wrong_sample_names_the_key(value: dict[str, object], key: str) -> None:
    with pytest.raises(ValueError, match=f"^{key}: "):
        SampleTask.from_json(value)
