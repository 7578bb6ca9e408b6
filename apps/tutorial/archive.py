"""Zip files that are the same bytes for the same contents, and careful reading of those that strangers made.

Knows zip files. Must not know what is in them.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import IO

_EPOCH = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = 0o100644 << 16
_UNIX = 3


class BadArchive(ValueError):  # noqa: N818 - it is the archive that is bad
    """A zip file cannot be read as agreed; the text says why."""


def write_archive(path: Path, files: Mapping[str, Path | bytes]) -> None:
    """Write files, given by path or content, under their names; overwrites `path`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            content = files[name]
            if isinstance(content, bytes):
                _add(archive, name, BytesIO(content), len(content))
            else:
                with content.open("rb") as source:
                    _add(archive, name, source, content.stat().st_size)


def read_only_file(path: Path, name: str, limit: int) -> bytes:
    """Return the content of an archive's only file, which must have this name and at most `limit` bytes; raises BadArchive."""
    try:
        if path.stat().st_size > 2 * limit + 1024:
            raise BadArchive("the archive is too large")
        with zipfile.ZipFile(path) as archive:
            if archive.namelist() != [name]:
                raise BadArchive(f"the archive does not hold exactly one file {name}")
            with archive.open(name) as file:
                content = file.read(limit + 1)
    except BadArchive:
        raise
    except Exception as error:  # zipfile raises a dozen different things for bytes that somebody made up
        raise BadArchive(f"the archive is broken: {type(error).__name__}") from error
    if len(content) > limit:
        raise BadArchive(f"{name} is larger than {limit} bytes")
    return content


def _add(archive: zipfile.ZipFile, name: str, source: IO[bytes], size: int) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system = _UNIX
    entry.external_attr = _PLAIN_FILE
    entry.file_size = size
    with archive.open(entry, "w") as target:
        shutil.copyfileobj(source, target)
