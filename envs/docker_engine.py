"""The docker engine as environments see it: one client, made when it is needed, and every error of it translated here, once.

Knows docker-py and the ways in which an engine fails. Must not know containers' options, services or the Task API. docker-py is imported
when an engine is first asked for, so that every other environment works without it.
"""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ENGINE = "engine"
"""Reason code: the engine does not answer, or died meanwhile."""
IMAGE_MISSING = "image_missing"
CONTAINER_GONE = "container_gone"
REFUSED = "engine_refused"
"""The engine answers and will not do it."""

REMEDY = "start docker (as root: systemctl start docker), or say where it is by DOCKER_HOST; your user must be in the group docker"
_CUSTOMARY = "unix:///var/run/docker.sock"
_STARTS = 4
"""Containers started at once by one process: more only makes each of them slower (measured: 0.5 s at 4, 4.5 s at 50, on two cores)."""
_ID = re.compile(r"\b[0-9a-f]{12,64}\b")
_PATH = re.compile(r"(?<![\w.])/[\w./-]+")
_LONGEST = 300

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
        self._info: dict[str, Any] = {}

    @property
    def url(self) -> str:
        """Where it is."""
        return self._url or default_url()

    @contextmanager
    def api(self) -> Iterator[Any]:
        """Give docker-py's low-level client. What it raises inside becomes EngineProblem."""
        with _translated():
            self._knock()
            yield self._connected()

    def info(self) -> dict[str, Any]:
        """Return what the engine says of itself; asked once. Raises EngineProblem."""
        if not self._info:
            with self.api() as api:
                self._info = dict(api.info())
        return self._info

    def ping(self, seconds: float | None = None) -> None:
        """Raise EngineProblem when the engine does not answer within so long (by default, as long as any request may take)."""
        with self.api() as api:
            api.get(f"{api.base_url}/_ping", timeout=seconds or self._timeout).raise_for_status()

    def image(self, name: str) -> tuple[str, dict[str, str]]:
        """Return (id, labels) of an image that is here. Raises EngineProblem; nothing is ever pulled."""
        with self.api() as api:
            found = api.inspect_image(name)
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
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _knock(self) -> None:
        """Connect and hang up, so that an engine that is gone is found here: docker-py leaves a socket open when it finds nobody."""
        path = socket_of(self.url)
        if path:
            with socket.socket(socket.AF_UNIX) as door:
                door.settimeout(self._timeout)
                door.connect(path)

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                import docker

                given = docker.utils.kwargs_from_env()
                if self._url is not None:
                    given = {"base_url": self._url}
                self._client = docker.APIClient(**given, version="auto", timeout=self._timeout)
            return self._client


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
    except requests.exceptions.Timeout as error:
        raise EngineProblem(ENGINE, "the docker engine does not answer in time") from error
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, docker.errors.DockerException, OSError) as error:
        if isinstance(error, docker.errors.DockerException) and isinstance(
            error, (docker.errors.BuildError, docker.errors.InvalidArgument)
        ):
            raise EngineProblem(REFUSED, scrubbed(error)) from error
        raise EngineProblem(ENGINE, "the docker engine does not answer") from error
