"""A node talks to the socket that its service made and to no other, whatever the service does to the folder that it is in."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from claynet.actors.ports import MILLISECOND, Outcome, Side
from claynet.envs.docker_backend import DockerBackend, Launched
from claynet.envs.held_socket import hold
from claynet.envs.lifecycle import EXITED, OK, Epoch
from claynet.envs.usage import Usage
from claynet.envs.workspace import DataDir, Workspace
from claynet.taskapi.client import TaskApiClient
from tests.envs.harness import MemoryBlobs, code, ok
from tests.taskapi.scripted import Served


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Path]:
    """The socket of a service that serves."""
    folder = tmp_path / "other"
    folder.mkdir()
    served = Served("provider", folder)
    served.client.wait_until_serving(10)
    yield folder / "s"
    served.close()


def test_only_a_socket_itself_is_held(tmp_path: Path, other: Path) -> None:
    (tmp_path / "link").symlink_to(other)
    (tmp_path / "file").touch()
    for name in ("link", "file", "nothing", "file/below", ""):
        assert hold(tmp_path / name) is None
    held = hold(other)
    assert held is not None
    held.close()
    held.close()


def test_it_stays_the_same_when_its_name_means_another(tmp_path: Path, other: Path) -> None:
    name = tmp_path / "s"
    name.hardlink_to(other)
    held = hold(name)
    assert held is not None
    name.unlink()
    with socket.socket(socket.AF_UNIX) as deaf, TaskApiClient(held.target) as client:
        deaf.bind(str(name))
        assert client.check_health(10) == "SERVING"
    held.close()


class Contained:
    """A container as its service's backend sees it, that runs until it is killed."""

    id = "c1"

    def __init__(self) -> None:
        self.over = threading.Event()

    def wait(self, seconds: float) -> bool:
        return self.over.wait(seconds)

    def kill(self) -> None:
        self.over.set()

    def terminate(self) -> None:
        self.over.set()

    def end(self) -> Outcome:
        return EXITED

    def tail(self) -> str:
        return ""

    def usage(self) -> Usage | None:
        return None

    def is_lost(self) -> bool:
        return False

    def when_over(self, call: Callable[[], None]) -> None:
        """Nobody need know."""


class Planting:
    """A `Launcher` whose apps put into the folder of their socket what `plant` does."""

    start_limit = 300 * MILLISECOND

    def __init__(self, folder: Path, plant: Callable[[Path], object]) -> None:
        self._folder = folder
        self._plant = plant

    def launch(self, backend: DockerBackend, image: str, side: Side, runtime_id: str, workspace: Workspace, epoch: Epoch) -> Launched:
        self._folder.mkdir()
        self._plant(self._folder / "s")
        app: Any = Contained()
        return Launched(self._folder, self._folder / "s", app)

    def forget(self, backend: DockerBackend) -> None:
        """Nothing is remembered."""


def backend(tmp_path: Path, plant: Callable[[Path], object]) -> DockerBackend:
    workspace = DataDir(tmp_path / "data", MemoryBlobs()).workspace("w")
    return DockerBackend(Planting(tmp_path / "own", plant), "image", "provider", "r", workspace, Epoch())


def test_a_service_that_links_to_anothers_socket_does_not_serve(tmp_path: Path, other: Path) -> None:
    service = backend(tmp_path, lambda path: path.symlink_to(other))
    assert code(service.start().run()) == "not_serving"
    ok(service.stop().run())
    with TaskApiClient(f"unix:{other}") as client:
        assert client.check_health(10) == "SERVING", "it was not shut down"


def test_a_service_with_a_socket_of_its_own_serves(tmp_path: Path) -> None:
    with ExitStack() as stack:

        def serve(path: Path) -> None:
            served = Served("provider", path.parent)
            stack.callback(served.close)
            served.client.wait_until_serving(10)

        service = backend(tmp_path, serve)
        ok(service.start().run())
        assert service.stop().run() == OK
