"""Installs a plugin's folder as pip does as far as importing goes: its modules, and a dist-info with its entry points."""

from __future__ import annotations

import configparser
import shutil
from pathlib import Path

PLUGINS = Path(__file__).parent
EXAMPLE = PLUGINS / "claynet-example-env"


def install(plugin: Path, target: Path) -> Path:
    """Put a plugin into a folder that is to be on Python's path; return the folder."""
    setup = configparser.ConfigParser()
    setup.read(plugin / "setup.cfg")
    name, version = setup["metadata"]["name"], setup["metadata"]["version"]
    for module in setup["options"]["py_modules"].split():
        shutil.copy(plugin / f"{module}.py", target)
    info = target / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    groups = setup["options.entry_points"]
    lines = [line for group in groups for line in (f"[{group}]", *groups[group].split("\n"))]
    (info / "entry_points.txt").write_text("\n".join(filter(None, lines)) + "\n")
    return target
