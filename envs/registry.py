"""Environments by name: the built-in ones, and third-party ones by entry point.

Knows what each environment is capable of. Must not know nodes, nor import an environment before it is asked for: some need packages or
engines that a machine may not have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal

from claynet.actors.environment import Environment
from claynet.actors.ports import SECOND, Blobs
from claynet.envs.guard import Guard, no_guard
from claynet.envs.model_app import ModelConfig
from claynet.envs.resolve import AppTable
from claynet.envs.usage import OnUsage, no_usage

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
    options: Mapping[str, object] = field(default_factory=dict)
    """What this kind of environment asks its operator for."""
    run: str = ""
    """Names the run that this node is part of: what is made outside (containers) is labelled with it."""
    on_usage: OnUsage = no_usage
    """Told what each service used."""


@dataclass(frozen=True, slots=True)
class EnvironmentKind:
    """A way to run apps, before any node has one."""

    name: str
    make: Callable[[EnvironmentSettings], Environment]
    modes: frozenset[Mode]
    """Modes of a run that it fits."""
    runs_on_host: bool
    """It runs app code on this machine outside a container: off by default on a live node."""


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


def _model(settings: EnvironmentSettings) -> Environment:
    from claynet.envs.model import ModelEnvironment

    return ModelEnvironment(settings.blobs, settings.table, settings.model)


def _inproc(settings: EnvironmentSettings) -> Environment:
    from claynet.envs.inproc import InprocEnvironment

    return InprocEnvironment(settings.data_dir, settings.blobs, settings.table, settings.guard)


def _process(settings: EnvironmentSettings) -> Environment:
    from claynet.envs.process import ProcessEnvironment

    return ProcessEnvironment(
        settings.data_dir, settings.blobs, settings.table, start_limit=settings.start_limit, module_path=settings.module_path
    )


def _docker_cpu(settings: EnvironmentSettings) -> Environment:
    from claynet.envs.docker_cpu import DockerCpuEnvironment

    return DockerCpuEnvironment(settings.data_dir, settings.blobs, start_limit=settings.start_limit)


_BUILT_IN: Mapping[str, EnvironmentKind] = {
    kind.name: kind
    for kind in (
        EnvironmentKind("model", _model, ALL_MODES, runs_on_host=False),
        EnvironmentKind("inproc", _inproc, ALL_MODES, runs_on_host=True),
        EnvironmentKind("process", _process, OUTSIDE_MODES, runs_on_host=True),
        EnvironmentKind("docker_cpu", _docker_cpu, OUTSIDE_MODES, runs_on_host=False),
    )
}
