"""What a container may do: nearly nothing. The options that every container of ours is made with, in one place.

Knows docker's options. Must not know services, sides or the Task API. No network, no root, no capabilities, no new privileges, nothing
writable but its mounts and a small /tmp, and bounds on memory, processors, processes and files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from claynet.envs.disk_watch import DISK

MIB = 1024 * 1024
LEAST_PIDS = 64
NO_NETWORK = "none"
_HOME = "/tmp"


@dataclass(frozen=True, slots=True)
class ContainerLimits:
    """Bounds of one container, sizes in bytes."""

    memory: int = 1024 * MIB
    """Of all its processes and its /tmp; there is no swap beyond it."""
    cpus: float = 1.0
    pids: int = 128
    tmp: int = 64 * MIB
    file: int = 4096 * MIB
    """The largest file that it can write."""
    disk: int = DISK
    """What its work dir may hold; it is watched, and ended when there is more."""

    def __post_init__(self) -> None:
        if self.pids < LEAST_PIDS:
            raise ValueError(f"a limit of {self.pids} processes; an app's runtime needs {LEAST_PIDS}")
        if self.memory < 6 * MIB or self.cpus <= 0:
            raise ValueError("a container needs memory (6 MiB at least) and a processor")
        if self.disk < MIB:
            raise ValueError("a container needs room in its work dir (1 MiB at least)")


@dataclass(frozen=True, slots=True)
class User:
    """Whom a container runs as, and who owns the folders that it writes."""

    uid: int
    gid: int

    def __post_init__(self) -> None:
        if self.uid <= 0 or self.gid <= 0:
            raise ValueError("no container runs as root, nor in root's group: configure another user id")

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"


ROOT_STANDS_IN = 64_321
"""Whom containers of a node that runs as root run as, unless it is configured: no user of common systems has this number."""


def container_user(configured: int | None = None) -> User:
    """Return the node's own user; a root node's containers run as the configured one. Raises ValueError for root."""
    if configured is not None:
        return User(configured, configured)
    if os.geteuid() == 0:
        return User(ROOT_STANDS_IN, ROOT_STANDS_IN)
    return User(os.geteuid(), os.getegid() or ROOT_STANDS_IN)


@dataclass(frozen=True, slots=True)
class GpuRequest:
    """The GPUs that a container is given."""

    ids: tuple[str, ...]
    """Indexes or ids; none: all there are."""
    capabilities: tuple[str, ...]
    variables: Mapping[str, str]
    """What the GPU runtime is told by the container's environment."""


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """One container to be made."""

    image: str
    """An image's id: what was looked at is what runs."""
    command: Sequence[str]
    user: User
    limits: ContainerLimits
    labels: Mapping[str, str]
    variables: Mapping[str, str]
    mounts: Mapping[str, Path]
    """Path inside -> existing folder outside; writable."""
    network: str = NO_NETWORK
    """`none`, or `container:ID`: into the same nothing as another container."""
    entrypoint: Sequence[str] | None = None
    """Instead of the image's own."""
    cgroup_parent: str = ""
    """A control group of its own above the container's, which outlives it: that is where its usage is read."""
    gpus: GpuRequest | None = None


def create_options(api: Any, spec: ContainerSpec) -> dict[str, Any]:
    """Return the keyword arguments of docker-py's `create_container`."""
    import docker

    limits = spec.limits
    host: dict[str, Any] = {
        "network_mode": spec.network,
        "read_only": True,
        "tmpfs": dict.fromkeys((_HOME, *_volumes(api, spec)), f"rw,nosuid,nodev,mode=1777,size={limits.tmp}"),
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "mem_limit": limits.memory,
        "memswap_limit": limits.memory,
        "nano_cpus": int(min(limits.cpus, os.cpu_count() or 1) * 1_000_000_000),
        "pids_limit": limits.pids,
        "init": True,
        "ulimits": [
            docker.types.Ulimit(name="core", soft=0, hard=0),
            docker.types.Ulimit(name="fsize", soft=limits.file, hard=limits.file),
        ],
        "mounts": [docker.types.Mount(inside, str(outside), type="bind") for inside, outside in spec.mounts.items()],
        # what it says is read while it says it, and bounded by us: nothing of it fills the engine's disk
        "log_config": docker.types.LogConfig(type="none"),
    }
    variables = {"HOME": _HOME, "TMPDIR": _HOME, **spec.variables}
    if spec.gpus is not None:
        which = {"device_ids": list(spec.gpus.ids)} if spec.gpus.ids else {"count": -1}
        host["device_requests"] = [docker.types.DeviceRequest(**which, capabilities=[list(spec.gpus.capabilities)])]
        variables |= spec.gpus.variables
    if spec.cgroup_parent:
        host["cgroup_parent"] = spec.cgroup_parent
    return {
        "image": spec.image,
        "command": list(spec.command),
        "entrypoint": list(spec.entrypoint) if spec.entrypoint is not None else None,
        "user": str(spec.user),
        "labels": dict(spec.labels),
        "environment": variables,
        "healthcheck": {"test": ["NONE"]},  # of the image's own, which would run now and then beside the app
        "hostname": "claynet" if spec.network == NO_NETWORK else None,
        "host_config": api.create_host_config(**host),
        "use_config_proxy": False,  # a proxy of the operator's is none of an app's business
    }


def _volumes(api: Any, spec: ContainerSpec) -> list[str]:
    """Return where the image declares volumes: the engine would make a folder on its own disk for each, writable and without a bound."""
    config = api.inspect_image(spec.image).get("Config") or {}
    return [path for path in config.get("Volumes") or {} if path not in spec.mounts]
