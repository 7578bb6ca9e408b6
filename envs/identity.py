"""What exactly runs here, and on what: the keys under which benchmark scores are kept.

Knows the file system's view of installed modules, and this machine. Must not import an app: code runs only where an environment runs it.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import msgspec

from claynet.actors.environment import Identity
from claynet.actors.ports import Outcome


def identified(digest: str, hardware: str) -> Outcome:
    """Return the outcome of an `identify` that found something."""
    return Outcome("ok", msgspec.json.encode(Identity(digest, hardware)))


def installed_digest(target: str, module_path: Iterable[str] = ()) -> str:
    """Return the hex BLAKE2b-256 of `module:NAME` and of the module's source, as far as it is found on the path."""
    digest = blake2b(target.encode(), digest_size=32)
    parts = target.partition(":")[0].split(".")
    for folder in (*module_path, *sys.path):
        stem = Path(folder, *parts)
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if path.is_file():
                digest.update(path.read_bytes())
                return digest.hexdigest()
    return digest.hexdigest()


@lru_cache(maxsize=1)
def hardware() -> str:
    """Name this machine's kind: processor model, how many of them, architecture."""
    model = platform.processor()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return f"{model} x{os.cpu_count() or 1} {platform.machine()}"
