"""Reads and looks at paths that people give.

Knows paths only. Must not know what they are for.
"""

from __future__ import annotations

from pathlib import Path

import typer


def named_path(text: str) -> Path:
    """Read a path of a command line; every one is read here. An empty one, such as of an unset variable, would be the present folder."""
    if not text:
        raise typer.BadParameter("'' names no file or folder")
    return Path(text)


def is_file(path: Path) -> bool:
    """Tell whether there is such a file; a name that none can have, and a folder that may not be looked into, are no error."""
    try:
        return path.is_file()
    except OSError:
        return False
