"""Services in containers, and what is under way in them."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from claynet.actors.ports import Outcome, Work
from claynet.envs.docker_backend import DockerBackend
from claynet.envs.docker_cpu import DockerCpuEnvironment
from tests.envs.harness import Driver, ok


class Running:
    """Work under way on a thread of its own."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self._outcome: Outcome | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self._outcome = self.work.run()

    def outcome(self, seconds: float = 30.0) -> Outcome:
        """Return what it came to, within so many seconds."""
        self._thread.join(seconds)
        assert self._outcome is not None
        return self._outcome


def service(environment: DockerCpuEnvironment, image: str) -> DockerBackend:
    return environment.backend(Driver(environment, image).runnable, "provider", "node/s0", "provider/s0")


def computing(environment: DockerCpuEnvironment, work_dir: Path) -> tuple[DockerBackend, Running]:
    """Return a service (in `work_dir`, `provider/s0` of the environment's) whose app computes for ever, once it is at it."""
    provider = service(environment, "hangs")
    ok(provider.place([], ["s0"]).run())
    fifo = work_dir / "began"
    ok(provider.start().run())
    os.mkfifo(fifo)
    os.chown(fifo, environment.user.uid, environment.user.gid)
    running = Running(Driver(environment, "hangs").compute_work(provider, "s0", {"began": "/golem/work/began"}))
    with fifo.open("rb") as began:
        assert began.read() == b"!"
    return provider, running
