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
    return not why_no_file(path)


def why_no_file(path: Path) -> str:
    """Say why a path is no file that can be read; nothing when it is one."""
    try:
        if path.is_file():
            return ""
        if path.is_dir():
            return f"{path} is a folder"
        return f"{path} is no regular file" if path.exists() else f"no such file: {path}"
    except OSError:
        return f"no such file: {path}"
