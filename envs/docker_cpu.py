"""The `docker_cpu` environment: a hardened container per service, called on a unix socket in a folder that it shares with the node.

Knows images, containers and the Task API client. Must not know actors or tasks. Which image runs is what the peers agreed on, so nothing
here is pulled, and nothing outside its own work dir is within a container's reach.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from claynet.actors.environment import Refusal, Runnable
from claynet.actors.ports import SECOND, Blobs, Outcome, Side, Work
from claynet.envs.bounded_log import log_path
from claynet.envs.disk_watch import RESERVE, Area, DiskWatch
from claynet.envs.docker_backend import DockerBackend, Launched
from claynet.envs.docker_base import find_base
from claynet.envs.docker_container import RUNTIME_LABEL, Container, ended_well
from claynet.envs.docker_engine import ENGINE, IMAGE_MISSING, REMEDY, Engine, EngineProblem
from claynet.envs.docker_limits import MIB, ContainerLimits, ContainerSpec, GpuRequest, User, container_user
from claynet.envs.docker_owner import containers_of, labels, owner_of_containers, remove, sweep
from claynet.envs.docker_relay import relay_spec
from claynet.envs.docker_usage import group_name
from claynet.envs.host_score import LIMIT, PROGRAM
from claynet.envs.identity import hardware, identified
from claynet.envs.lifecycle import EXITED, KILLED, OK, Epoch, RunningWork
from claynet.envs.owner import Owner, this_process
from claynet.envs.paths import FileProblem
from claynet.envs.resolve import parse_prerequisites
from claynet.envs.usage import OnUsage, no_usage
from claynet.envs.workspace import DataDir, FileLimits, Workspace
from claynet.proto import layout

_LOGS = ".logs"
_NO_BASE = "no base image is here: claynet app build makes one, BASE_IMAGE names one"
_LOOK_AGAIN = 0.25
"""Seconds between two looks for an engine that is to come back."""
_PATIENCE = 0.5
"""Seconds that a start or a probe waits for each removal that is under way already; the next one looks again."""
_ANSWER = 5.0
"""Seconds that an engine may take to say that it is there."""
_INSIDE = "/run/claynet"
_SOCKET = "s"
_BESIDE_SOCKET = MIB
"""Bytes that a service may write into the folder of its socket."""


@dataclass(frozen=True, slots=True)
class DockerSettings:
    """What an operator may choose. Raises ValueError (of its parts) for what would weaken the walls."""

    limits: ContainerLimits = field(default_factory=ContainerLimits)
    user: int | None = None
    """User id of containers; needed of nobody: a node's own user by default, and for root one that nobody has."""
    url: str | None = None
    """Where the engine is; DOCKER_HOST or the customary socket by default."""
    relay_image: str | None = None
    """An image with Python for the relays of apps that listen on TCP only; the base image by default."""
    reserve: int = RESERVE
    """Bytes of the disk with the data dir that stay free: services are ended, and none started, when there are fewer."""
    gpus: GpuRequest | None = None
    """The GPUs that containers are given; none by default."""
    run: str = ""
    """Label of everything made, so that one run's containers can be found."""


class DockerCpuEnvironment:
    """Runs apps in containers. Make one a node; threads may share it."""

    def __init__(
        self,
        data_dir: Path,
        blobs: Blobs,
        *,
        settings: DockerSettings | None = None,
        start_limit: int = 15 * SECOND,
        limits: FileLimits | None = None,
        on_usage: OnUsage = no_usage,
        name: str = layout.DOCKER_CPU,
    ) -> None:
        """`start_limit` is in ns; `limits` bound what is collected. Raises ValueError for settings that would make a container root."""
        self._name = name
        self._settings = settings or DockerSettings()
        self._user = container_user(self._settings.user)
        path, owner = data_dir.resolve(), (self._user.uid, self._user.gid)
        self._disk = DiskWatch(path, self._settings.reserve)
        self._data_dir = DataDir(path, blobs, limits, owner, self._disk.demand_room)
        self._epoch = Epoch()
        self._lock = threading.Lock()
        self._serving: set[DockerBackend] = set()
        self._left_behind: set[str] = set()
        self._unanswered: set[str] = set()
        """Runtimes whose container was asked of an engine that then hung: it may make it whenever it goes on."""
        self._on_usage = on_usage
        self.engine = Engine(self._settings.url)
        self.start_limit = start_limit

    @property
    def name(self) -> str:
        """`docker_cpu`, unless it was given another."""
        return self._name

    @property
    def user(self) -> User:
        """Whom its containers run as."""
        return self._user

    def identify(self, runnable: Runnable) -> Work:
        """Ask the engine which image the name stands for."""
        return RunningWork(lambda killed: self._identify(runnable, killed), lambda: None)

    def benchmark(self) -> Work:
        """Hash for a moment in a container, as `process` does in a child: their scores can be compared."""
        return RunningWork(self._measure, lambda: None)

    def probe(self, patience: int = 0) -> Work:
        """Works where an engine answers; what dead owners left there is swept at this chance."""
        return RunningWork(lambda killed: self._probe(patience, killed), lambda: None)

    def resolve(self, env_id: str, prerequisites_json: str) -> Runnable | Refusal:
        """Take an app of this environment's own id; its image need not be here yet."""
        if env_id != self._name:
            return Refusal("environment", f"{self._name} does not stand in for environment {env_id[:64]!r}")
        parsed = parse_prerequisites(prerequisites_json)
        if isinstance(parsed, str):
            return Refusal("prerequisites", parsed)
        return Runnable(env=self._name, image=":".join(parsed), source=parsed[0].rpartition("/")[0] or parsed[0])

    def backend(self, runnable: Runnable, side: Side, runtime_id: str, folder: str) -> DockerBackend:
        """Make one service. Raises FileProblem for a folder not below the data dir."""
        return DockerBackend(self, runnable.digest or runnable.image, side, runtime_id, self._data_dir.workspace(folder), self._epoch)

    def close(self) -> None:
        """Kill every service at once; it returns when they are gone. Backends made before start no more; new ones do."""
        with self._lock:
            self._epoch.closed = True
            self._epoch = Epoch()
            serving = tuple(self._serving)
        for backend in serving:
            backend.kill()
        for backend in serving:
            backend.release()
        if self._left_behind or self._unanswered:
            with suppress(EngineProblem):
                self.engine.ask(lambda _: self._remove_all_left_behind())
        if self._left_behind or self._unanswered:
            this_process().keep()
        self.engine.close()

    def launch(self, backend: DockerBackend, image: str, side: Side, runtime_id: str, workspace: Workspace, epoch: Epoch) -> Launched:
        """Start a service's container, and its relay when it needs one. Raises EngineProblem, FileProblem, OSError, and leaves nothing."""
        with self._lock:
            if epoch.closed:
                raise FileProblem(EXITED.code, EXITED.detail)
            self._serving.add(backend)
        if self._left_behind:  # one that still runs may have the same work dir
            self.engine.ask(lambda _: self._remove_left_behind())
        workspace.make()
        self._disk.demand_room()
        image_id, image_labels = self._image(image)
        owner = owner_of_containers(self.engine)
        number = owner.number()
        folder = owner.home / str(number)
        folder.mkdir(mode=0o700)
        os.chown(folder, self._user.uid, self._user.gid, follow_symlinks=False)
        launched = Launched(folder, folder / _SOCKET)
        try:
            if len(str(launched.socket).encode()) > layout.SOCKET_PATH_LIMIT:
                raise FileProblem("socket_path", "the folder for temporary files has too long a name for a socket in it (TMPDIR)")
            self._start(launched, owner, number, image_id, image_labels, side, runtime_id, workspace, backend)
        except BaseException:
            launched.kill()
            launched.release()
            raise
        return launched

    def forget(self, backend: DockerBackend) -> None:
        """A service whose container has ended needs no killing any more."""
        self._disk.forget(backend)
        with self._lock:
            is_first = backend in self._serving
            self._serving.discard(backend)
        used = backend.usage() if is_first else None
        if used is not None:
            self._on_usage(backend.runtime_id, used)

    def _start(
        self,
        launched: Launched,
        owner: Owner,
        number: int,
        image_id: str,
        image_labels: dict[str, str],
        side: Side,
        runtime_id: str,
        workspace: Workspace,
        backend: DockerBackend,
    ) -> None:
        named = labels(owner, self._settings.run) | {RUNTIME_LABEL: runtime_id, "claynet.side": side}
        by_socket = image_labels.get(layout.SOCKET_LABEL) == "1"
        socket = f"{_INSIDE}/{_SOCKET}"
        spec = ContainerSpec(
            image=image_id,
            command=(side, str(layout.PORTS[side])),
            user=self._user,
            limits=self._settings.limits,
            labels=named,
            variables={layout.SOCKET_VARIABLE: socket} if by_socket else {},
            mounts={str(layout.WORK_MOUNT): workspace.path} | ({_INSIDE: launched.folder} if by_socket else {}),
            cgroup_parent=group_name(owner.id, number, self.engine.info()),
            gpus=self._settings.gpus,
        )
        log = self._log_of(runtime_id)
        launched.app = Container(self.engine, spec, log, self._could_not_remove)
        launched.app.start(lambda: backend.wanted)
        areas = (Area(workspace.path, self._settings.limits.disk), Area(launched.folder, _BESIDE_SOCKET))
        self._disk.watch(backend, areas, launched.app.condemn)
        if not by_socket:
            relay = relay_spec(
                self._relay_image(),
                launched.app.id,
                self._user,
                socket,
                launched.folder,
                layout.PORTS[side],
                named | {"claynet.relay": "1"},
            )
            beside = Container(self.engine, relay, log.with_suffix(".relay.log"), self._could_not_remove)
            try:
                beside.start(lambda: backend.wanted)
            except EngineProblem:
                if launched.app.wait(1.0):
                    return  # it had ended before a relay could join it: that is the reason to tell
                raise
            launched.relay = beside

    def _probe(self, patience: int, killed: threading.Event) -> Outcome:
        deadline = time.monotonic_ns() + patience
        while True:
            outcome = self._look(killed)
            if outcome.code != ENGINE or time.monotonic_ns() >= deadline:
                return outcome
            if killed.wait(_LOOK_AGAIN):
                return KILLED

    def _look(self, killed: threading.Event) -> Outcome:
        try:
            self.engine.ping(_ANSWER, killed)
            info = self.engine.info()
            if info.get("OSType") != "linux":
                return Outcome("error", code="unsupported", detail="the docker engine does not run Linux containers")
            self.engine.ask(lambda _: sweep(self.engine), killed=killed)
            self.engine.ask(lambda _: self._remove_all_left_behind(), killed=killed)
        except EngineProblem as problem:
            remedy = f"; {REMEDY}" if problem.code == ENGINE else ""
            return Outcome("error", code=problem.code, detail=f"{problem.detail}{remedy}")
        return OK

    def _identify(self, runnable: Runnable, killed: threading.Event) -> Outcome:
        try:
            return identified(self._image(runnable.image, killed)[0], hardware())
        except EngineProblem as problem:
            return Outcome("error", code=problem.code, detail=problem.detail)

    def _image(self, image: str, killed: threading.Event | None = None) -> tuple[str, dict[str, str]]:
        try:
            return self.engine.image(image, killed)
        except EngineProblem as problem:
            if problem.code != IMAGE_MISSING:
                raise
            raise EngineProblem(IMAGE_MISSING, f"the image {image} is not here; pull it, or build it with claynet app build") from problem

    def _relay_image(self) -> str:
        chosen = self._settings.relay_image or find_base(self.engine)
        if chosen is None:
            raise EngineProblem(IMAGE_MISSING, "no image for the relay is here: claynet app build makes one, BASE_IMAGE names one")
        return self.engine.image(chosen)[0]

    def _measure(self, killed: threading.Event) -> Outcome:
        end, said = self._run_once("benchmark", ("python3", "-I", "-S", "-c", PROGRAM), LIMIT, killed)
        return Outcome("ok", said.strip().encode()) if end.ok else end

    def _run_once(self, name: str, command: Sequence[str], seconds: float, killed: threading.Event) -> tuple[Outcome, str]:
        """Run a command in a container of the base image, walled in like any other; return how it ended and what it said."""
        try:
            image = find_base(self.engine)
            if image is None:
                return Outcome("error", code=IMAGE_MISSING, detail=_NO_BASE), ""
            owner = owner_of_containers(self.engine)
            spec = ContainerSpec(
                image=self.engine.image(image)[0],
                command=command,
                user=self._user,
                limits=self._settings.limits,
                labels=labels(owner, self._settings.run) | {RUNTIME_LABEL: name, "claynet.side": name},
                variables={},
                mounts={},
                entrypoint=(),
                gpus=self._settings.gpus,
            )
            once = Container(self.engine, spec, self._log_of(name), self._could_not_remove)
            once.start(lambda: not killed.is_set())
        except EngineProblem as problem:
            return Outcome("error", code=problem.code, detail=problem.detail), ""
        deadline = time.monotonic() + seconds
        while not once.wait(_LOOK_AGAIN):
            if killed.is_set() or time.monotonic() > deadline:
                once.kill()
                once.wait(seconds)
                return (KILLED if killed.is_set() else Outcome("timed_out")), ""
        end = once.end()
        return (OK, once.tail()) if ended_well(end) else (end, once.tail())

    def _log_of(self, runtime_id: str) -> Path:
        return log_path(self._data_dir.path / _LOGS, runtime_id)

    def _could_not_remove(self, container: str, runtime: str) -> None:
        with self._lock:
            if container:
                self._left_behind.add(container)
            else:
                self._unanswered.add(runtime)

    def _remove_left_behind(self) -> None:
        with self._lock:
            left = tuple(self._left_behind)
        for container in left:
            if self._is_removed(container):
                with self._lock:
                    self._left_behind.discard(container)

    def _remove_all_left_behind(self) -> None:
        """Also what an engine made that had hung while it was asked, whenever it did so."""
        self._remove_left_behind()
        with self._lock:
            unanswered = frozenset(self._unanswered)
        if unanswered:
            for found in containers_of(self.engine, this_process().id):
                if (found.get("Labels") or {}).get(RUNTIME_LABEL) in unanswered:
                    self._is_removed(str(found["Id"]))

    def _is_removed(self, container: str) -> bool:
        """Remove a container; False for one that the engine cannot remove now, which keeps nothing else from its work."""
        try:
            remove(self.engine, container, _PATIENCE)
        except EngineProblem as problem:
            if problem.code == ENGINE:
                raise
            return False
        return True
