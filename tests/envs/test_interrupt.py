"""Interrupting apps: those that heed their signal everywhere, those that do not where an environment can kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from claynet.actors.environment import Environment
from claynet.actors.ports import MILLISECOND, Outcome, Work
from claynet.envs.process import ProcessBackend, ProcessEnvironment
from claynet.envs.resolve import AppTable
from tests.envs.harness import APPS, ROOT, Driver, MemoryBlobs, code, make_process, ok


@pytest.fixture
def began(tmp_path: Path) -> Path:
    path = tmp_path / "began"
    os.mkfifo(path)
    return path


class Running:
    """Work under way on a thread."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.outcome: Outcome | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.outcome = self.work.run()

    def end(self) -> Outcome:
        self._thread.join(20)
        assert self.outcome is not None
        return self.outcome


def hung(environment: Environment, began: Path, image: str, **params: object) -> tuple[Driver, Running]:
    """A Compute under way, known to have reached the app."""
    driver = Driver(environment, image)
    provider = driver.provider("s0")
    driver.requestor = provider
    ok(provider.start().run())
    running = Running(driver.compute_work(provider, "s0", {"began": str(began), **params}))
    with began.open("rb") as pipe:
        assert pipe.read(1) == b"!"
    return driver, running


def test_an_app_that_heeds_its_signal_ends_when_its_call_is_killed(disk_environment: Environment, began: Path) -> None:
    driver, running = hung(disk_environment, began, "hangs", heeds=True)
    running.work.kill()
    assert code(running.end()) == "killed"
    assert code(driver.compute_work(driver.requestor, "s0", {}).run()) == "exited"


def test_an_app_that_heeds_its_signal_ends_when_its_environment_closes(disk_environment: Environment, began: Path) -> None:
    _, running = hung(disk_environment, began, "hangs", heeds=True)
    disk_environment.close()
    assert running.end().status == "error"


def test_an_app_that_heeds_its_signal_ends_when_its_service_is_stopped(disk_environment: Environment, began: Path) -> None:
    driver, running = hung(disk_environment, began, "hangs", heeds=True)
    ok(driver.requestor.stop().run())
    outcome = running.end()
    assert (outcome.code, outcome.detail) == ("INTERNAL", "Interrupted: shut down")


@pytest.mark.parametrize("end", ["kill", "close"])
def test_an_app_that_hangs_is_killed(data_dir: Path, blobs: MemoryBlobs, began: Path, end: str) -> None:
    environment = make_process(data_dir, blobs)
    driver, running = hung(environment, began, "hangs")
    {"kill": running.work.kill, "close": environment.close}[end]()
    assert code(running.end()) in {"killed", "exited"}
    assert code(driver.compute_work(driver.requestor, "s0", {}).run()) == "exited"
    ok(driver.requestor.stop().run())
    environment.close()


def test_a_start_that_takes_long_is_killed(data_dir: Path, blobs: MemoryBlobs) -> None:
    environment = make_process(data_dir, blobs)
    backend = Driver(environment, "mute").requestor
    running = Running(backend.start())
    running.work.kill()
    assert code(running.end()) == "killed"
    ok(backend.stop().run())


def test_an_app_that_never_serves_is_given_up_at_the_limit(data_dir: Path, blobs: MemoryBlobs) -> None:
    environment = ProcessEnvironment(data_dir, blobs, AppTable(APPS), module_path=[str(ROOT)], start_limit=300 * MILLISECOND)
    backend = Driver(environment, "mute").requestor
    assert code(backend.start().run()) == "not_serving"
    assert code(backend.call("RunBenchmark", b"").run()) == "exited"


def test_an_app_that_ends_at_once_says_why(data_dir: Path, blobs: MemoryBlobs) -> None:
    environment = make_process(data_dir, blobs)
    outcome = Driver(environment, "exits").requestor.start().run()
    assert (code(outcome), outcome.detail) == ("exited", "exited with code 3: cannot start: the moon is full")


def crash(provider: ProcessBackend) -> None:
    assert provider.child_pid is not None
    os.kill(provider.child_pid, signal.SIGKILL)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda environment, provider, work: work.kill(), id="kill"),
        pytest.param(lambda environment, provider, work: environment.close(), id="close"),
        pytest.param(lambda environment, provider, work: crash(provider), id="crash"),
    ],
)
def test_what_an_app_started_ends_with_it(
    data_dir: Path, blobs: MemoryBlobs, began: Path, end: Callable[[ProcessEnvironment, ProcessBackend, Work], None]
) -> None:
    environment = make_process(data_dir, blobs)
    driver = Driver(environment, "begets")
    provider = environment.backend(driver.runnable, "provider", "node/s0", "provider/s0")
    ok(provider.start().run())
    running = Running(driver.compute_work(provider, "s0", {"began": str(began)}))
    with began.open("rb") as pipe:
        assert pipe.read(1) == b"!"
        end(environment, provider, running.work)
        assert pipe.read() == b""  # ends when the last process that holds the other end does
    assert code(running.end()) in {"killed", "exited"}
    environment.close()


PARENT = """
import sys
from pathlib import Path
from tests.envs.harness import Driver, MemoryBlobs, make_process, ok
environment = make_process(Path(sys.argv[1]), MemoryBlobs())
driver = Driver(environment, "begets")
provider = driver.provider("s0")
ok(provider.start().run())
driver.compute_work(provider, "s0", {"began": sys.argv[2]}).run()
"""


def test_children_end_with_a_node_that_is_killed(data_dir: Path, tmp_path: Path, began: Path) -> None:
    temporary = tmp_path / "t"
    temporary.mkdir()
    variables = os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen([sys.executable, "-c", PARENT, str(data_dir), str(began)], cwd=ROOT, env=variables) as parent:
        with began.open("rb") as pipe:
            assert pipe.read(1) == b"!"
            assert len(list(temporary.iterdir())) == 1
            parent.kill()
            assert pipe.read() == b""
        parent.wait(10)
    assert list(temporary.iterdir()) == []
