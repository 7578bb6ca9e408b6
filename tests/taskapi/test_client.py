"""The client before, during and after a service's life."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
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


@contextmanager
def answering(path: Path, health: bytes) -> Iterator[None]:
    """A server that answers a question after its health with these bytes."""
    server = grpc.server(ThreadPoolExecutor(1))
    check = grpc.unary_unary_rpc_method_handler(lambda _request, _context: health)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": check}),))
    server.add_insecure_port(socket_target(str(path)))
    server.start()
    try:
        yield
    finally:
        server.stop(None).wait()


@pytest.mark.parametrize(
    ("health", "seen"),
    [
        (b"\xff\xff\xff", "none of the health service's"),
        (b"\x08\x2a", "status 42"),
        (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "status -1"),
        (b"", "UNKNOWN"),
    ],
)
def test_an_odd_answer_after_its_health_is_that_of_a_service_that_does_not_serve(tmp_path: Path, health: bytes, seen: str) -> None:
    with answering(tmp_path / "s", health), TaskApiClient(socket_target(str(tmp_path / "s"))) as client:
        assert seen in client.check_health(10)
        with pytest.raises(NotServing, match=seen):
            client.wait_until_serving(0.1)
