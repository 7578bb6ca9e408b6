"""npm packages for images that are built without a network: what a lock file names, each with its hash, put beside the Dockerfile.

Knows lock files and npm. Must not know docker. No package's own scripts are run, so nothing is fetched or built that the lock does not
name.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

LOCK = "package-lock.json"
MODULES = "node_modules"
_LIMIT = 300
"""Seconds that npm may take."""


class NpmError(Exception):
    """The packages cannot be had; the text says why, or what would help."""


def gather_packages(folder: Path) -> None:
    """Fill `folder`/node_modules with what `folder`/package-lock.json names. Raises NpmError."""
    check_lock(folder / LOCK)
    npm = shutil.which("npm")
    if npm is None:
        raise NpmError("npm is not here: install Node.js (Debian, Ubuntu: apt-get install npm); the image itself brings its own")
    command = [npm, "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        variables = os.environ | {"NO_COLOR": "1", "NO_UPDATE_NOTIFIER": "1"}  # what it says may be shown
        done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise NpmError(f"npm did not finish in {_LIMIT} s") from None
    if done.returncode:
        raise NpmError(" ".join((done.stderr or done.stdout).replace("npm error", "").split())[:400])


def check_lock(path: Path) -> None:
    """Raise NpmError unless every package of the lock file comes from a registry and is pinned by a strong hash."""
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
        packages = lock["packages"]
        unpinned = sorted(name for name, entry in packages.items() if name and not _pinned(entry))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NpmError(f"{path.name} is not a lock file of npm 7 or newer: {type(error).__name__}: {error}") from None
    if unpinned:
        raise NpmError(f"{path.name}: {unpinned[0]} has no sha512 integrity; packages from folders and repositories are not repeatable")


def _pinned(entry: dict[str, object]) -> bool:
    return "sha512-" in str(entry.get("integrity", "")) and not entry.get("link")
