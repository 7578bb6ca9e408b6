"""Its provider tries to get out of its container, or to take more than its share; what it found is its result."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from claynet.taskapi import App, Params, ProviderFolder, ShutdownSignal
from tests.envs.apps import parts


def _try(attempt: Callable[[], object]) -> str:
    try:
        return f"done: {attempt()}"
    except OSError as error:
        return type(error).__name__


_FORK = """
import os, signal
children = []
try:
    while len(children) < 2000:
        child = os.fork()
        if child == 0:
            signal.pause()
        children.append(child)
except OSError:
    pass
for child in children:
    os.kill(child, 9)
print(len(children))
"""
"""Run by a Python of its own: gRPC's threads do not like to be forked."""


def _fork_many() -> int:
    done = subprocess.run([sys.executable, "-c", _FORK], capture_output=True, text=True, timeout=30, check=True)
    return int(done.stdout)


def _libc(name: str, *arguments: object) -> str:
    """Make a call of the C library that only privileges allow."""
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) == 0:
        return "done: 0"
    return errno.errorcode[ctypes.get_errno()]


def _connect(family: int, address: object) -> str:
    with socket.socket(family) as door:
        door.settimeout(2)
        return _try(lambda: door.connect(address))


def _outwards() -> dict[str, str]:
    return {
        "internet": _connect(socket.AF_INET, ("1.1.1.1", 53)),
        "bridge": _connect(socket.AF_INET, ("172.17.0.1", 2375)),
        "internet6": _connect(socket.AF_INET6, ("2606:4700:4700::1111", 53)),
        "names": _try(lambda: socket.getaddrinfo("example.org", 80)),
        "raw": _try(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
        "engine": _connect(socket.AF_UNIX, "/var/run/docker.sock"),
    }


def _host() -> dict[str, str]:
    return {
        "sysrq": _try(lambda: Path("/proc/sysrq-trigger").write_text("h")),
        "sysctl": _try(lambda: Path("/proc/sys/kernel/core_pattern").write_text("|/tmp/x")),
        "sys": _try(lambda: Path("/sys/kernel/uevent_helper").write_text("/tmp/x")),
        "cgroup": _try(lambda: Path("/sys/fs/cgroup/memory/mine").mkdir()),
        "memory": _try(lambda: Path("/dev/mem").read_bytes()),
        "disk": _try(lambda: Path("/dev/sda").read_bytes()),
        "image": _try(lambda: Path("/usr/x").write_text("x")),
        "above": " ".join(sorted(path.name for path in Path("/golem/work/..").iterdir())),
        "others": " ".join(sorted(path.name for path in Path("/golem/work").iterdir())),
        "passwords": _try(lambda: Path("/etc/shadow").read_text()),
    }


def _privileges() -> dict[str, str]:
    new_user, new_namespace = 0x10000000, 0x00020000
    rootly = Path(sys.executable).resolve().with_name("rootly")
    command = [str(rootly), "-I", "-c", "import os; print(os.geteuid())"]
    return {
        "setuid_mode": oct(rootly.stat().st_mode),
        "setuid_binary": subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip(),
        "user_namespace": _libc("unshare", new_user),
        "mount_namespace": _libc("unshare", new_namespace),
        "mount": _libc("mount", b"none", b"/tmp", b"tmpfs", 0, None),
        "reboot": _libc("sethostname", b"mine", 4),
        "nice": _try(lambda: os.nice(-10)),
        "kill_init": _try(lambda: os.kill(1, 9)),
    }


def _odd_result(kind: str, folder: Path) -> None:
    """Leave something at `odd` that is no plain file of this work dir."""
    odd = folder / "odd"
    if kind == "symlink":
        odd.symlink_to("/etc/hostname")
    elif kind == "symlink above":
        odd.symlink_to("../../../../../../../../etc/shadow")
    elif kind == "fifo":
        os.mkfifo(odd)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(str(odd))
    elif kind == "folder":
        odd.mkdir()
    elif kind == "sparse":
        with odd.open("wb") as file:
            file.truncate(1 << 31)


def _attack(params: Params, folder: Path) -> str | None:
    """Try what the task says; None when it is none of these."""
    attack = str(params.get("attack", ""))
    found: dict[str, str]
    if attack in ("outwards", "host", "privileges"):
        found = {"outwards": _outwards, "host": _host, "privileges": _privileges}[attack]()
        (folder / "seen.json").write_text(json.dumps(found))
        return "seen.json"
    if attack == "fill":
        for number in range(10_000):
            with (folder / f"fill{number}").open("wb") as file:
                file.write(os.urandom(1 << 20) * 4)
    if attack == "shout":
        line = b"x" * 1023 + b"\n"
        for _ in range(1024):
            sys.stdout.buffer.write(line * 1024)
        sys.stdout.buffer.write(b"the end\n")
        sys.stdout.flush()
        (folder / "seen.json").write_text("{}")
        return "seen.json"
    if attack:
        _odd_result(attack, folder)
        return "odd"
    return None


class Provider(parts.Provider):
    def compute(self, task: ProviderFolder, subtask_id: str, params: Params, stop: ShutdownSignal) -> str | Path:
        result = _attack(params, task.path)
        if result is not None:
            return result
        if params.get("eat"):
            hoard = []
            while True:
                hoard.append(os.urandom(1 << 20))
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        seen = {
            "uid": os.getuid(),
            "gid": os.getgid(),
            "interfaces": [name for _, name in socket.if_nameindex()],
            "root": _try(lambda: Path("/etc/x").write_text("x")),
            "beside": sorted(path.name for path in Path("/golem").iterdir()),
            "device": _try(lambda: os.mknod("/tmp/d", 0o60600, os.makedev(8, 0))),
            "setuid": _try(lambda: os.setuid(0)),
            "chroot": _try(lambda: os.chroot("/tmp")),
            "capabilities": status["CapEff"].strip(),
            "no_new_privileges": status["NoNewPrivs"].strip(),
            "seccomp": status["Seccomp"].strip(),
            "home": os.environ["HOME"],
            "variables": sorted(os.environ),
            "tmp": _try(lambda: Path("/tmp/big").write_bytes(b"x" * (200 << 20))),
            "forks": _fork_many() if params.get("fork") else 0,
        }
        (task.path / "seen.json").write_text(json.dumps(seen))
        return "seen.json"


APP = App("escapes", parts.Requestor, Provider)
