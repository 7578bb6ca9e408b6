"""What an operator may choose of the containers of a node: `options:` of a group in a scenario.

Knows names, bounds and units of options. Must not know engines. Nothing here can weaken a wall: bounds move, walls do not.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from claynet.envs.disk_watch import RESERVE
from claynet.envs.docker_limits import LEAST_PIDS, MIB, ContainerLimits
from claynet.envs.options import SIZE

_USUAL = ContainerLimits()


class DockerOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of each container as in `ContainerLimits`, what stays free of the node's disk, and whom containers run as."""

    memory: Annotated[int, Meta(ge=6 * MIB), SIZE] = _USUAL.memory
    cpus: Annotated[float, Meta(gt=0)] = _USUAL.cpus
    pids: Annotated[int, Meta(ge=LEAST_PIDS)] = _USUAL.pids
    tmp: Annotated[int, Meta(ge=MIB), SIZE] = _USUAL.tmp
    file: Annotated[int, Meta(ge=MIB), SIZE] = _USUAL.file
    disk: Annotated[int, Meta(ge=MIB), SIZE] = _USUAL.disk
    reserve: Annotated[int, Meta(ge=0), SIZE] = RESERVE
    user: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None

    def limits(self) -> ContainerLimits:
        """Return the bounds."""
        return ContainerLimits(memory=self.memory, cpus=self.cpus, pids=self.pids, tmp=self.tmp, file=self.file, disk=self.disk)
