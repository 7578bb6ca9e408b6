"""What a container used, read from the kernel's control groups: right for containers of half a second too.

Knows the two layouts of /sys/fs/cgroup. Must not know docker's client. The engine's own statistics are a second old and are zero once a
container has ended; a control group of ours above the container's outlives it and adds up exactly. Making one needs root and an engine
that lets groups be named by path (cgroupfs); elsewhere the container's own is read while it lives, which anybody may who sees /sys.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_ROOT = Path("/sys/fs/cgroup")
_OURS = "claynet"


def group_name(owner: str, number: int, info: Mapping[str, Any]) -> str:
    """Return the control group to run one container under; empty when this engine or user cannot have one."""
    if os.geteuid() != 0 or info.get("CgroupDriver") != "cgroupfs" or not _ROOT.is_dir():
        return ""
    return f"/{_OURS}/{owner}/{number}"


def used(group: str) -> tuple[int, int | None] | None:
    """Return (processor time in ns, largest memory in bytes) of all that ran under a group; None for what cannot be read."""
    name = group.lstrip("/")
    if not name:
        return None
    if (_ROOT / name).is_dir():
        stat = dict(line.split() for line in _text(_ROOT / name / "cpu.stat").splitlines() if len(line.split()) == 2)
        cpu, memory = int(stat.get("usage_usec", 0)) * 1000, _number(_ROOT / name / "memory.peak")
    else:
        cpu, memory = _number(_ROOT / "cpuacct" / name / "cpuacct.usage"), _number(_ROOT / "memory" / name / "memory.max_usage_in_bytes")
    return (cpu, memory or None) if cpu else None  # a kernel older than 5.19 keeps no peak in its second layout


def used_so_far(container: str) -> tuple[int, int | None] | None:
    """Return the same of a container that still runs, from its own control group; None when that is not seen from here."""
    return next(filter(None, (used(place) for place in (f"docker/{container}", f"system.slice/docker-{container}.scope"))), None)


def remove_group(group: str) -> None:
    """Remove a group under which nothing runs any more."""
    name = group.lstrip("/")
    if name:
        for folder in (_ROOT / name, *_ROOT.glob(f"*/{name}")):
            with suppress(OSError):
                folder.rmdir()
        _remove_empty(name.rpartition("/")[0])


def remove_groups(owner: str) -> None:
    """Remove all groups of an owner that has nothing running any more."""
    for parent in (_ROOT / _OURS / owner, *_ROOT.glob(f"*/{_OURS}/{owner}")):
        for folder in parent.glob("*/"):
            with suppress(OSError):
                folder.rmdir()
    _remove_empty(f"{_OURS}/{owner}")
    _remove_empty(_OURS)


def _remove_empty(name: str) -> None:
    for folder in (_ROOT / name, *_ROOT.glob(f"*/{name}")):
        with suppress(OSError):
            folder.rmdir()  # refused by the kernel while anything is in it


def _number(path: Path) -> int:
    text = _text(path).strip()
    return int(text) if text.isdigit() else 0


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text()
    return ""
