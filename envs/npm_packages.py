"""npm packages for images that are built without a network: what a lock file names, each with its hash, put beside the Dockerfile.

Knows npm and what it reads. Must not know docker. No package's own scripts are run, so nothing is fetched or built that the lock does not
name.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from claynet.envs.npm_lock import LOCK, MANIFEST, NpmError, read_lock, read_manifest

MODULES = "node_modules"
_LIMIT = 300
"""Seconds that npm may take."""
_REFUSED = {
    "npm-shrinkwrap.json": f"npm would prefer it to {LOCK}, which is what is checked; give that one instead",
    ".npmrc": "settings of npm can start programs where the image is built; put what is needed into your own ~/.npmrc",
}


def gather_packages(folder: Path) -> None:
    """Fill `folder`/node_modules with what `folder`/package-lock.json names. Raises NpmError, OSError."""
    for name, why in _REFUSED.items():
        if os.path.lexists(folder / name):
            raise NpmError(f"{name} cannot be taken: {why}")
    files = {LOCK: read_lock(folder / LOCK), MANIFEST: read_manifest(folder / MANIFEST)}
    npm = shutil.which("npm")
    if npm is None:
        raise NpmError("npm is not here: install Node.js (Debian, Ubuntu: apt-get install npm); the image itself brings its own")
    # a folder of its own, for npm looks for settings, other lock files and workspaces in the one that it works in
    with tempfile.TemporaryDirectory(prefix=".npm-", dir=folder) as scratch:
        for name, content in files.items():
            Path(scratch, name).write_text(json.dumps(content), encoding="utf-8")
        _install(npm, Path(scratch))
        made = Path(scratch, MODULES)
        if made.is_dir():
            made.rename(folder / MODULES)


def _install(npm: str, folder: Path) -> None:
    command = [npm, "ci", "--ignore-scripts", "--no-workspaces", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        variables = os.environ | {"NO_COLOR": "1", "NO_UPDATE_NOTIFIER": "1"}  # what it says may be shown
        done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise NpmError(f"npm did not finish in {_LIMIT} s") from None
    if done.returncode:
        raise NpmError(" ".join((done.stderr or done.stdout).replace("npm error", "").split())[:400])
