"""Services in containers, and what is under way in them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from claynet.actors.ports import Outcome, Work
from claynet.envs.docker_backend import DockerBackend
from claynet.envs.docker_cpu import DockerCpuEnvironment
from claynet.envs.docker_engine import Engine
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


def events(engine: Engine, **filters: object) -> Any:
    """What the engine tells of its containers from now on: an iterator, to be closed and let go of."""
    with engine.api() as api:
        return api.events(decode=True, filters={"type": "container", **filters})


def let_go(stream: Any) -> None:
    """Close the rest of a stream of events that is closed and that nobody reads any more: the file on its socket."""
    stream._response.close()


@contextmanager
def events_of(engine: Engine, **filters: object) -> Iterator[Iterator[Mapping[str, Any]]]:
    """The same for a thread that stops reading before the block ends."""
    stream = events(engine, **filters)
    try:
        yield stream
    finally:
        stream.close()
        let_go(stream)
