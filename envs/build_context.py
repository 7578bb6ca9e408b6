"""The copy of an app's folder that its image is built from: what lies in the folder, and nothing that its links point at.

Knows folders and links. Must not know docker or packages. The folder is a stranger's: a link in it may name any file of whoever builds.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path


class ContextError(OSError):
    """A folder cannot be taken; the text names the file."""


def demand_no_links(folder: Path, names: Iterable[str]) -> None:
    """Raise ContextError when one of these files is a link: they are read here, where a link leads to anything."""
    for name in names:
        if (folder / name).is_symlink():
            raise ContextError(f"{name} is a link; put the file itself there")


def copy_context(folder: Path, context: Path, left_out: Iterable[str]) -> None:
    """Copy a folder, without what has one of these names. Links stay links, also those to nothing. Raises ContextError.

    The engine follows links of a build inside of the context only.
    """
    try:
        shutil.copytree(folder, context, symlinks=True, ignore=shutil.ignore_patterns(*left_out))
    except shutil.Error as error:
        (source, _, why), *others = error.args[0]
        text = why if source in why else f"{source}: {why}"
        raise ContextError(f"{text} (and {len(others)} more)" if others else text) from None
