"""A root file system with the running Python, as a tar: its library, the shared objects it needs, pip, a shell and a few tools.

Knows files, `ldd` and the layout of Python. Must not know docker. What it makes runs on this machine's kernel and processor.
"""

from __future__ import annotations

import glob
import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import _TemporaryFileWrapper

_TOOLS = ("sh", "rm", "ls", "cat", "mkdir", "cp", "mv", "env", "true", "false", "sleep", "head", "id", "chmod", "ln", "dd")
_SKIPPED = frozenset(
    {"site-packages", "dist-packages", "test", "tests", "idlelib", "turtledemo", "tkinter", "lib2to3", "ensurepip", "EXTERNALLY-MANAGED"}
)
_CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
_EXPECTED = ("libc", "libm", "librt", "libpthread", "libdl", "libutil", "libresolv", "libnss_files", "libgcc_s", "libstdc++", "libz")
"""What ready-made wheels expect of any system (PEP 600), besides what the interpreter needs itself."""
_LIBRARY = re.compile(r"(/\S+) \(0x")
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def write_host_tree() -> _TemporaryFileWrapper[bytes]:
    """Write the tar to a temporary file, which is gone when it is closed. Raises OSError, and when ldd is not there."""
    file = tempfile.NamedTemporaryFile(suffix=".tar")  # noqa: SIM115 - the caller closes it
    with tarfile.open(fileobj=file, mode="w") as tar:
        for folder, mode in (("tmp", 0o1777), ("root", 0o755), ("golem/work", 0o755), ("run", 0o755), ("usr/local/bin", 0o755)):
            _folder(tar, folder, mode)
        for name, text in _FILES.items():
            _text(tar, name, text)
        programs = list(_programs(tar))
        programs += _library(tar)
        for path in _needed(programs):
            tar.add(os.path.realpath(path), path.lstrip("/"), recursive=False)
        for bundle in _CERTIFICATES:
            if Path(bundle).exists():
                tar.add(os.path.realpath(bundle), _CERTIFICATES[0].lstrip("/"))
                break
    file.flush()
    return file


def _programs(tar: tarfile.TarFile) -> Iterator[str]:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    python = os.path.realpath(sys.executable)
    tar.add(python, f"usr/local/bin/{version}")
    yield python
    for name in ("python3", "python"):
        _link(tar, f"usr/local/bin/{name}", version)
    for tool in _TOOLS:
        found = shutil.which(tool, path="/usr/bin:/bin")
        if found is None:
            raise FileNotFoundError(f"no {tool} on this machine to put into the base image")
        tar.add(os.path.realpath(found), f"bin/{tool}")
        yield found
    _link(tar, "usr/bin/env", "../../bin/env")


def _library(tar: tarfile.TarFile) -> list[str]:
    """Add Python's own library and pip; return the shared objects among them."""
    source = Path(sysconfig.get_paths()["stdlib"])
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    target = f"usr/local/lib/{version}"
    objects: list[str] = []

    def keep(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        name = Path(entry.name).name
        return None if name in _SKIPPED or name.startswith("config-") else _as_root(entry)

    tar.add(source, target, filter=keep)
    objects += [str(path) for path in source.glob("lib-dynload/*.so")]
    found = importlib.util.find_spec("pip")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("no pip in this Python to put into the base image")
    pip = Path(next(iter(found.submodule_search_locations)))
    folder = "dist-packages" if "deb_system" in sysconfig.get_scheme_names() else "site-packages"
    for path in (pip, *pip.parent.glob("pip-*.dist-info")):
        tar.add(path, f"{target}/{folder}/{path.name}", filter=_as_root)
    return objects


def _needed(programs: Iterable[str]) -> list[str]:
    """Return the shared objects that programs need, and their loader, where this machine has them."""
    answer = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False)  # static ones make it fail, and need nothing
    found = set(_LIBRARY.findall(answer.stdout))
    folders = {str(Path(path).parent) for path in found if Path(path).name.startswith("libc.so")}
    folders |= {f"/usr{folder}" for folder in folders}
    for folder in sorted(folders):
        for name in _EXPECTED:
            found |= {str(path) for path in Path(folder).glob(f"{glob.escape(name)}.so.[0-9]")}
    return sorted(found)


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode |= 0o444 | (0o111 if entry.isdir() else 0)  # whoever a container runs as reads it
    return entry


def _folder(tar: tarfile.TarFile, name: str, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    tar.addfile(entry)


def _text(tar: tarfile.TarFile, name: str, text: str) -> None:
    entry = tarfile.TarInfo(name)
    data = text.encode()
    entry.size, entry.mode = len(data), 0o644
    tar.addfile(entry, io.BytesIO(data))


def _link(tar: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    tar.addfile(entry)
