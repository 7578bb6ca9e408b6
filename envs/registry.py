"""Environments by name: the built-in ones, and third-party ones by entry point.

Knows what each environment is capable of, and all that others need to know of it: nobody else goes by its name. Must not know nodes, nor
import an environment before it is asked for: some need packages or engines that a machine may not have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from claynet.actors.environment import Environment
from claynet.actors.ports import SECOND, Blobs
from claynet.envs.docker_options import DockerOptions
from claynet.envs.gpu_options import GpuOptions
from claynet.envs.guard import Guard, no_guard
from claynet.envs.model_app import ModelConfig
from claynet.envs.options import NoOptions
from claynet.envs.owner import Outside
from claynet.envs.process_options import ProcessOptions
from claynet.envs.resolve import AppTable
from claynet.envs.usage import OnUsage, no_usage
from claynet.envs.workspace import FileLimits
from claynet.proto import layout

if TYPE_CHECKING:
    from claynet.envs.docker_cpu import DockerCpuEnvironment, DockerSettings

ENVIRONMENTS_GROUP = "claynet.environments"
"""Entry point group of third-party environments: the entry's name is the environment's, its value an `EnvironmentKind`."""

Mode = Literal["virtual", "paced", "real"]
ALL_MODES: frozenset[Mode] = frozenset({"virtual", "paced", "real"})
OUTSIDE_MODES: frozenset[Mode] = frozenset({"paced", "real"})
"""What fits an environment whose work takes real time in other processes."""


@dataclass(frozen=True, slots=True)
class EnvironmentSettings:
    """What one node's environment is made from; each kind takes what it needs."""

    data_dir: Path
    """Where work dirs are; the environment has it to itself."""
    blobs: Blobs
    table: AppTable
    guard: Guard = no_guard
    start_limit: int = 15 * SECOND
    """Nanoseconds until a started service must serve."""
    module_path: tuple[str, ...] = ()
    """Folders in which the operator's own apps are found, besides what Python has installed."""
    model: ModelConfig = field(default_factory=ModelConfig)
    options: msgspec.Struct | None = None
    """What this kind of environment asks its operator for, of the type that it names; None: all of it as by default."""
    run: str = ""
    """Names the run that this node is part of: what is made outside (containers) is labelled with it."""
    on_usage: OnUsage = no_usage
    """Told what each service used."""
    limits: FileLimits = field(default_factory=FileLimits)
    """What is collected of a work dir at once: whoever keeps `blobs` in memory has less room for it than a disk."""


class ImageError(Exception):
    """An app's image cannot be had; the text says why, and names the file or the remedy."""


Say = Callable[[str], None]
EnsureImage = Callable[[str, Path, Path, Say], None]
"""Given an image's `name:tag`, the folder of its recipe, the app's descriptor and who is told what takes its time: build it if it is
missing. Raises ImageError.
"""


@dataclass(frozen=True, slots=True)
class EnvironmentKind:
    """A way to run apps, before any node has one."""

    name: str
    make: Callable[[EnvironmentSettings], Environment]
    modes: frozenset[Mode]
    """Modes of a run that it fits."""
    runs_on_host: bool
    """It runs app code on this machine outside a container: off by default on a live node."""
    options: type[msgspec.Struct] = NoOptions
    """What its operator may choose, checked before anything starts; it needs `forbid_unknown_fields=True`."""
    ensure_image: EnsureImage | None = None
    """It runs images, and this is how one is had; None: it runs none."""
    outside: Callable[[], Outside] | None = None
    """Finds what it makes beyond this process and its home (`owner.py`), such as containers; None: it makes nothing there."""
    has_stand_ins: bool = False
    """Environments that run what is installed here (`process`, ...) may do so instead of it, when an app asks for it."""


class UnknownEnvironmentError(ValueError):
    """No environment has that name; the text lists those that there are."""


def names() -> tuple[str, ...]:
    """Return the names of all environments, sorted, without importing any."""
    return tuple(sorted({*_BUILT_IN, *(point.name for point in entry_points(group=ENVIRONMENTS_GROUP))}))


def find(name: str) -> EnvironmentKind:
    """Return one kind; a built-in name cannot be taken over. Raises UnknownEnvironmentError, TypeError for an entry point of another
    type, or whatever importing a third-party environment raises.
    """
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    for point in entry_points(group=ENVIRONMENTS_GROUP, name=name):
        kind = point.load()
        if not isinstance(kind, EnvironmentKind):
            raise TypeError(f"entry point {name!r} of {ENVIRONMENTS_GROUP} is not an EnvironmentKind but {type(kind).__name__}")
        return kind
    raise UnknownEnvironmentError(f"no environment is called {name!r}; there are {', '.join(names())}")


def package_of(name: str) -> str:
    """Return ` NAME` of the installed package that a third-party environment comes from; empty when that is not known."""
    for point in entry_points(group=ENVIRONMENTS_GROUP, name=name):
        if point.dist is not None:
            return f" {point.dist.name}"
    return ""


def outsides(environments: Iterable[str]) -> list[Outside]:
    """Return what finds things outside of this process: for these environments, each once."""
    return [make() for make in dict.fromkeys(find(name).outside for name in environments) if make is not None]


def built_in() -> tuple[str, ...]:
    """Return the names of the environments that are always there."""
    return tuple(_BUILT_IN)


def stood_in_for() -> frozenset[str]:
    """Return the environment ids of headers that apps installed here stand in for; none of a third party: peers name them."""
    return frozenset(kind.name for kind in _BUILT_IN.values() if kind.has_stand_ins)


def _model(settings: EnvironmentSettings) -> Environment:
    from claynet.envs.model import ModelEnvironment

    return ModelEnvironment(settings.blobs, settings.table, settings.model)


def _inproc(settings: EnvironmentSettings) -> Environment:
    from claynet.envs.inproc import InprocEnvironment

    return InprocEnvironment(settings.data_dir, settings.blobs, settings.table, settings.guard, limits=settings.limits)


def _process(settings: EnvironmentSettings) -> Environment:
    from claynet.envs.process import ProcessEnvironment

    chosen = settings.options or ProcessOptions()
    assert isinstance(chosen, ProcessOptions)
    return ProcessEnvironment(
        settings.data_dir,
        settings.blobs,
        settings.table,
        start_limit=settings.start_limit,
        module_path=settings.module_path,
        limits=settings.limits,
        disk=chosen.disk,
        reserve=chosen.reserve,
        on_usage=settings.on_usage,
    )


def _docker_cpu(settings: EnvironmentSettings) -> Environment:
    from claynet.envs.docker_cpu import DockerCpuEnvironment, DockerSettings

    chosen = settings.options or DockerOptions()
    assert isinstance(chosen, DockerOptions)
    docker = DockerSettings(limits=chosen.limits(), user=chosen.user, reserve=chosen.reserve, run=settings.run)
    return _in_docker(DockerCpuEnvironment, settings, docker)


def _docker_gpu(settings: EnvironmentSettings) -> Environment:
    from claynet.envs.docker_cpu import DockerSettings
    from claynet.envs.docker_gpu import DockerGpuEnvironment

    chosen = settings.options or GpuOptions()
    assert isinstance(chosen, GpuOptions)
    docker = DockerSettings(limits=chosen.limits(), user=chosen.user, reserve=chosen.reserve, gpus=chosen.request(), run=settings.run)
    return _in_docker(DockerGpuEnvironment, settings, docker)


def _in_docker(kind: type[DockerCpuEnvironment], settings: EnvironmentSettings, docker: DockerSettings) -> Environment:
    return kind(
        settings.data_dir,
        settings.blobs,
        settings=docker,
        start_limit=settings.start_limit,
        limits=settings.limits,
        on_usage=settings.on_usage,
    )


def _docker_image(image: str, folder: Path, descriptor: Path, say: Say) -> None:
    from claynet.envs.docker_build import BuildError, build_missing

    try:
        build_missing(image, folder, descriptor, say)
    except BuildError as error:
        raise ImageError(str(error)) from error


def _containers() -> Outside:
    from claynet.envs.docker_owner import Containers

    return Containers()


_BUILT_IN: Mapping[str, EnvironmentKind] = {
    kind.name: kind
    for kind in (
        EnvironmentKind("model", _model, ALL_MODES, runs_on_host=False),
        EnvironmentKind("inproc", _inproc, ALL_MODES, runs_on_host=True),
        EnvironmentKind("process", _process, OUTSIDE_MODES, runs_on_host=True, options=ProcessOptions),
        EnvironmentKind(
            layout.DOCKER_CPU,
            _docker_cpu,
            OUTSIDE_MODES,
            runs_on_host=False,
            options=DockerOptions,
            ensure_image=_docker_image,
            outside=_containers,
            has_stand_ins=True,
        ),
        EnvironmentKind(
            layout.DOCKER_GPU,
            _docker_gpu,
            OUTSIDE_MODES,
            runs_on_host=False,
            options=GpuOptions,
            ensure_image=_docker_image,
            outside=_containers,
        ),
    )
}
