"""The client before, during and after a service's life."""

import threading
import time
from pathlib import Path

import pytest

from claynet.taskapi.client import TaskApiClient
from claynet.taskapi.errors import CallCancelled, NotServing, ServiceUnavailable
from claynet.taskapi.listening import socket_target
from tests.taskapi.scripted import Served


def test_a_service_that_never_comes(tmp_path: Path) -> None:
    with TaskApiClient(socket_target(str(tmp_path / "s"))) as client:
        started = time.monotonic()
        with pytest.raises(NotServing, match=r"not serving after 0.1 s; last seen: UNAVAILABLE"):
            client.wait_until_serving(0.1)
        assert 0.1 <= time.monotonic() - started < 2
        with pytest.raises(ServiceUnavailable):
            client.call("/golem_task_api.ProviderApp/Compute", b"", 5)
        client.shutdown("provider")


def test_a_service_that_comes_later(tmp_path: Path) -> None:
    with TaskApiClient(socket_target(str(tmp_path / "s"))) as client:
        waiting = threading.Thread(target=client.wait_until_serving, args=(10,))
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
        served = Served("provider", tmp_path)
        waiting.join(2)
        came = not waiting.is_alive()
        served.close()
        assert came


def test_closing_ends_the_wait(tmp_path: Path) -> None:
    client = TaskApiClient(socket_target(str(tmp_path / "s")))
    errors: list[Exception] = []

    def wait() -> None:
        try:
            client.wait_until_serving(60)
        except CallCancelled as error:
            errors.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    waiting.join(0.05)
    client.close()
    client.close()
    waiting.join(5)
    assert [str(error) for error in errors] == ["the client was closed"]


def test_a_socket_path_with_odd_characters(tmp_path: Path) -> None:
    folder = tmp_path / "a b%20ü"
    folder.mkdir()
    served = Served("provider", folder)
    served.client.wait_until_serving(5)
    assert served.client.check_health() == "SERVING"
    served.close()
    assert served.client.target.startswith("unix:/")
