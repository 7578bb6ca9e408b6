"""Looks at paths that people give.

Knows paths only. Must not know what they are for.
"""

from __future__ import annotations

from pathlib import Path


def is_file(path: Path) -> bool:
    """Tell whether there is such a file; a name that none can have, and a folder that may not be looked into, are no error."""
    try:
        return path.is_file()
    except OSError:
        return False
