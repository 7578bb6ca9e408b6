"""The relay beside an app that listens on TCP only: a container in the app's own network, with a socket that leads out by a folder.

Knows which image the relay runs in and its options. Must not know the Task API. Rights to use docker are enough: nothing here enters a
namespace by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from claynet.envs.docker_limits import MIB, ContainerLimits, ContainerSpec, User

_PROGRAM = Path(__file__).with_name("relay_program.py")
_LIMITS = ContainerLimits(memory=64 * MIB, cpus=1.0, pids=64, tmp=MIB, file=MIB)


def relay_spec(image: str, beside: str, user: User, socket: str, folder: Path, port: int, labels: Mapping[str, str]) -> ContainerSpec:
    """Return the relay's container: `socket` inside is a file of `folder` outside; `beside` is the app's container."""
    return ContainerSpec(
        image=image,
        entrypoint=("python3", "-I", "-S", "-B", "-c"),
        command=(_PROGRAM.read_text(encoding="utf-8"), socket, str(port)),
        user=user,
        limits=_LIMITS,
        labels=labels,
        variables={},
        mounts={str(Path(socket).parent): folder},
        network=f"container:{beside}",
    )
