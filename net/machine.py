"""What this machine has, and whether what is to be lent of it fits.

Knows processors, memory and disk. Must not know settings files or nodes. What a container or a cgroup leaves us counts, not what the
hardware has.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from claynet.actors.units import format_size

_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Machine:
    """Sizes in bytes."""

    cores: int
    memory: int
    disk: int
    """Free where the data dir is, together with what the node itself has there."""


def this_machine(folder: Path) -> Machine:
    """Look; `folder` (which need not be there yet) says whose disk counts. Raises OSError."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in _CGROUP_LIMITS:
        with suppress(OSError, ValueError):
            memory = min(memory, int(limit.read_text(encoding="ascii")))
    near = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir())
    return Machine(len(os.sched_getaffinity(0)), memory, shutil.disk_usage(near).free + used_by(folder))


def used_by(folder: Path) -> int:
    """Return the bytes that files below a folder take; what vanishes meanwhile is nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += Path(place, name).lstat().st_blocks * 512
    return total


def overbooked(machine: Machine, cores: float, memory: int, disk: int) -> list[tuple[str, str]]:
    """Return (setting, what is wrong) for everything of which more is to be lent than there is; each says by how much."""
    found = []
    if cores > machine.cores:
        found.append(("lend.cores", f"{cores:g} processors are {cores - machine.cores:g} more than the {machine.cores} of this machine"))
    for key, wanted, there, what in (
        ("lend.memory", memory, machine.memory, "the memory"),
        ("lend.disk", disk, machine.disk, "the free disk"),
    ):
        if wanted > there:
            over, of = _rounded(wanted - there), _rounded(there, down=True)
            found.append((key, f"{format_size(wanted)} is {over} more than {what} of this machine, {of}"))
    return found


def suggestion(machine: Machine) -> tuple[float, int, int]:
    """Return (cores, memory, disk) that leave the owner at least half of everything."""
    cores = float(max(1, machine.cores // 2))
    memory = max(256 * _MIB, machine.memory // 2 // (256 * _MIB) * (256 * _MIB))
    disk = max(256 * _MIB, min(10_240 * _MIB, machine.disk // 4 // (256 * _MIB) * (256 * _MIB)))
    return cores, min(memory, machine.memory), min(disk, machine.disk)


def _rounded(count: int, down: bool = False) -> str:
    whole = count // _MIB if down else -(-count // _MIB)
    return f"{whole}MiB"
