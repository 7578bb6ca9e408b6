"""Wheels for images that are built without a network: claynet itself as it runs here, and whatever else an app's requirements name.

Knows wheels and pip. Must not know docker. Claynet's wheel is written from the package that is imported, so that it is the same code
whether it was installed from a wheel or from a folder; equal code gives equal bytes, which keeps layers cached.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import zipfile
from hashlib import sha256
from importlib.metadata import requires
from pathlib import Path

import claynet
from claynet.envs.requirements import read_requirements

_KINDS = frozenset({".py", ".pyi", ".proto", ".typed", ".json"})
_BEGINNING = (1980, 1, 1, 0, 0, 0)
_LIMIT = 300
"""Seconds that pip may take."""


class WheelError(Exception):
    """The wheels cannot be had; the text is what pip said, or what is wrong with the requirements."""


def gather_wheels(folder: Path, requirements: Path | None, python: str) -> None:
    """Fill a folder with everything to install claynet and a requirements file on that Python (`3.11`). Raises WheelError."""
    try:
        wanted = read_requirements(requirements) if requirements is not None else ()
    except ValueError as error:
        raise WheelError(str(error)) from None
    folder = folder.resolve()
    own = write_own_wheel(folder)
    # -P and another folder to be in: where a user builds there may be the app's own pip.py, or files named like requirements
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--dest", str(folder)]
    command += ["--only-binary=:all:", "--python-version", python, "--", str(own), *wanted]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise WheelError(f"pip did not finish in {_LIMIT} s") from None
    if done.returncode:
        raise WheelError(" ".join(done.stderr.split())[-400:])


def write_own_wheel(folder: Path) -> Path:
    """Write claynet's wheel; return its path."""
    version = claynet.__version__
    info = f"claynet-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {need}\n" for need in requires("claynet") or () if "extra ==" not in need)
    entries = dict(_sources(Path(next(iter(claynet.__path__)))))
    entries[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: claynet\nVersion: {version}\n{needs}".encode()
    entries[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: claynet\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in entries.items())
    entries[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    path = folder / f"claynet-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in entries.items():
            entry = zipfile.ZipInfo(name, _BEGINNING)
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return path


def _sources(package: Path) -> list[tuple[str, bytes]]:
    found = []
    for folder, folders, files in os.walk(package, followlinks=True):  # its folders may be links to where they are developed
        folders[:] = sorted(name for name in folders if name != "__pycache__" and not name.startswith("."))
        for name in sorted(files):
            path = Path(folder, name)
            if path.suffix in _KINDS or name == "py.typed":
                found.append((f"claynet/{path.relative_to(package)}", path.read_bytes()))
    return found


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(sha256(data).digest()).rstrip(b"=").decode()
