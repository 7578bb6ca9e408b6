"""The docker engine as environments see it: one client, made when it is needed, and every error of it translated here, once.

Knows docker-py and the ways in which an engine fails: it is not there, it dies, it hangs. Must not know containers' options, services or
the Task API. docker-py is imported when an engine is first asked for, so that every other environment works without it.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Generic, TypeVar

from claynet.envs.engine_watch import EngineWatch
from claynet.envs.lifecycle import KILLED

ENGINE = "engine"
"""Reason code: the engine does not answer, or died meanwhile."""
IMAGE_MISSING = "image_missing"
CONTAINER_GONE = "container_gone"
REFUSED = "engine_refused"
"""The engine answers and will not do it."""

HANGS = "the docker engine hangs: it does not answer any more"
DIED = "the docker engine died: it does not answer any more"
HANG_LIMIT = 5.0
"""Seconds in which an engine must answer the cheapest question; a busy machine's needs a tenth of one."""
REMEDY = "start docker (as root: systemctl start docker), or say where it is by DOCKER_HOST; your user must be in the group docker"
_CUSTOMARY = "unix:///var/run/docker.sock"
_ANY_VERSION = "1.24"
"""A ping needs none; naming one spares the client the question for it."""
_LATE = "the docker engine does not answer in time"
_STARTS = 4
"""Containers started at once by one process: more only makes each of them slower (measured: 0.5 s at 4, 4.5 s at 50, on two cores)."""
_ID = re.compile(r"\b[0-9a-f]{12,64}\b")
_PATH = re.compile(r"(?<![\w.])/[\w./-]+")
_LONGEST = 300
_LOOK = 0.05
"""Seconds between two looks at whether who asks still wants to know."""
_T = TypeVar("_T")

starting = threading.BoundedSemaphore(_STARTS)
"""Hold it while a container is made and started."""


class EngineProblem(Exception):  # noqa: N818 - it becomes an outcome
    """Why something of the engine came to nothing: a reason code, and a line without ids and paths of this machine."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Engine:
    """One engine: where DOCKER_HOST says, or the customary socket. Threads may share it; it comes back by itself when the engine does."""

    def __init__(self, url: str | None = None, timeout: float = 30.0) -> None:
        """`timeout` in seconds bounds every request except those that wait for a container's end."""
        self._url = url
        self._timeout = timeout
        self._lock = threading.Lock()
        self._client: Any = None
        self._pinger: Any = None
        self._info: dict[str, Any] = {}
        self.watch = EngineWatch(self._problem)
        """Who depends on the engine is told there when it died or hangs."""

    @property
    def url(self) -> str:
        """Where it is."""
        return self._url or default_url()

    @contextmanager
    def api(self) -> Iterator[Any]:
        """Give docker-py's low-level client. What it raises inside becomes EngineProblem; a hang is found only after the whole time-out."""
        with _translated():
            yield self._connected()

    def ask(
        self,
        question: Callable[[Any], _T],
        *,
        killed: threading.Event | None = None,
        too_late: Callable[[_T], object] | None = None,
    ) -> _T:
        """Return what `question` returns, given docker-py's client; what it raises becomes EngineProblem.

        It is given up as soon as the engine turns out to hang, or `killed` is set (code `killed`). `too_late` is then told the answer
        that still comes.
        """
        asking = _Asking(self, question, too_late)
        self.watch.add(asking)
        try:
            threading.Thread(target=asking.run, name="engine-request", daemon=True).start()
            return asking.answer(killed)
        finally:
            self.watch.remove(asking)

    def info(self) -> dict[str, Any]:
        """Return what the engine says of itself; asked once. Raises EngineProblem."""
        if not self._info:
            self._info = dict(self.ask(lambda api: api.info()))
        return self._info

    def ping(self, seconds: float | None = None, killed: threading.Event | None = None) -> None:
        """Raise EngineProblem when the engine does not answer within so long (by default, as long as any request may take).

        Also, with code `killed`, as soon as `killed` is set.
        """
        self.ask(lambda api: api.get(f"{api.base_url}/_ping", timeout=seconds or self._timeout).raise_for_status(), killed=killed)

    def image(self, name: str, killed: threading.Event | None = None) -> tuple[str, dict[str, str]]:
        """Return (id, labels) of an image that is here. Raises EngineProblem; nothing is ever pulled."""
        found = self.ask(lambda api: api.inspect_image(name), killed=killed)
        return str(found["Id"]), dict((found.get("Config") or {}).get("Labels") or {})

    def has_image(self, name: str) -> bool:
        """Tell whether an image is here. Raises EngineProblem when the engine does not answer."""
        try:
            self.image(name)
        except EngineProblem as problem:
            if problem.code in (IMAGE_MISSING, CONTAINER_GONE):
                return False
            raise
        return True

    def close(self) -> None:
        """Let go of connections; the next use makes new ones."""
        with self._lock:
            clients = (self._client, self._pinger)
            self._client = self._pinger = None
        for client in clients:
            if client is not None:
                client.close()

    def _connected(self) -> Any:
        with self._lock:
            client = self._client
        if client is None:
            made = self._made(self._version(), self._timeout)  # not in the lock: an engine that hangs must keep nobody else waiting
            with self._lock:
                client = self._client = self._client or made
            if client is not made:
                made.close()
        return client

    def _version(self) -> str:
        asking = self._made(_ANY_VERSION, self._timeout)
        try:
            return str(asking.version(api_version=False).get("ApiVersion", _ANY_VERSION))
        finally:
            asking.close()

    def _made(self, version: str, timeout: float) -> Any:
        import docker

        from claynet.envs.docker_transport import mend

        given = docker.utils.kwargs_from_env()
        if self._url is not None:
            given = {"base_url": self._url}
        return mend(docker.APIClient(**given, version=version, timeout=timeout), given.get("base_url"), timeout)

    def _problem(self) -> str | None:
        """Ask the cheapest question by a connection of its own; say what is wrong."""
        try:
            with _translated():
                if self._pinger is None:
                    self._pinger = self._made(_ANY_VERSION, HANG_LIMIT)
                self._pinger.ping()
        except EngineProblem as problem:
            if problem.code != ENGINE:
                return None  # it answers
            with self._lock:
                # what it is and how it is spoken to may be another when it is back; requests under way still use the old ones
                self._client = self._pinger = None
            self._info = {}
            return HANGS if problem.detail == _LATE else DIED
        return None


class _Asking(Generic[_T]):
    """One request on a thread of its own, so that whoever asked can leave."""

    def __init__(self, engine: Engine, question: Callable[[Any], _T], too_late: Callable[[_T], object] | None) -> None:
        self._engine = engine
        self._question = question
        self._too_late = too_late
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._answers: list[_T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        """Ask."""
        try:
            with self._engine.api() as api:
                answer = self._question(api)
        except BaseException as error:  # it is raised where the question was asked
            self._end(error)
            return
        with self._lock:
            in_time = not self._over.is_set()
            if in_time:
                self._answers.append(answer)
                self._over.set()
        if not in_time and self._too_late is not None:
            with suppress(EngineProblem):
                self._too_late(answer)

    def lost(self, problem: str) -> None:
        """The engine does not answer: nobody waits any more."""
        self._end(EngineProblem(ENGINE, problem))

    def tick(self) -> None:
        """It still answers: the question may take its time."""

    def answer(self, killed: threading.Event | None) -> _T:
        """Wait for the answer, and return or raise it."""
        while not self._over.wait(None if killed is None else _LOOK):
            if killed is not None and killed.is_set():
                self._end(EngineProblem(KILLED.code, KILLED.detail))
        if self._error is not None:
            raise self._error
        return self._answers[0]

    def _end(self, error: BaseException) -> None:
        with self._lock:
            if not self._over.is_set():
                self._error = error
                self._over.set()


def default_url() -> str:
    """Return where the engine is that nobody names: by DOCKER_HOST, or in the customary place."""
    return os.environ.get("DOCKER_HOST") or _CUSTOMARY


def socket_of(url: str) -> str:
    """Return the path of the unix socket that a url names; empty for another url."""
    return "/" + url.removeprefix("unix:").lstrip("/") if url.startswith("unix:") else ""


def ignoring(problem_codes: frozenset[str], call: Callable[[], object]) -> None:
    """Do something whose failure by one of these codes is as good as done."""
    try:
        call()
    except EngineProblem as problem:
        if problem.code not in problem_codes:
            raise


def scrubbed(text: object) -> str:
    """Return an engine's words as one short line that is the same in equal runs: ids and paths left out."""
    line = " ".join(str(text).split())
    return _PATH.sub("(path)", _ID.sub("(id)", line))[:_LONGEST]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        import docker
        import requests
        import urllib3
    except ModuleNotFoundError as error:
        raise EngineProblem(ENGINE, f'the package {error.name} is not installed: pip install "claynet[node]"') from None
    try:
        yield
    except docker.errors.ImageNotFound as error:
        raise EngineProblem(IMAGE_MISSING, scrubbed(error.explanation)) from error
    except docker.errors.NotFound as error:
        explanation = scrubbed(error.explanation)
        raise EngineProblem(IMAGE_MISSING if "image" in explanation.lower() else CONTAINER_GONE, explanation) from error
    except docker.errors.APIError as error:
        raise EngineProblem(REFUSED, scrubbed(error.explanation or error)) from error
    except (requests.exceptions.Timeout, TimeoutError) as error:
        raise EngineProblem(ENGINE, _LATE) from error
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, docker.errors.DockerException, OSError) as error:
        if isinstance(error, docker.errors.DockerException) and isinstance(
            error, (docker.errors.BuildError, docker.errors.InvalidArgument)
        ):
            raise EngineProblem(REFUSED, scrubbed(error)) from error
        raise EngineProblem(ENGINE, "the docker engine does not answer") from error
