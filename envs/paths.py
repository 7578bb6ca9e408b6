"""Which relative paths are acceptable below a work dir, by their text alone.

Knows the rule and its reason codes. Must not know files: what is on disk is checked where it is opened.
"""

from __future__ import annotations

import re

UNSAFE_PATH = "unsafe_path"
MISSING_FILE = "missing_file"
TOO_LARGE = "too_large"
IO_ERROR = "io_error"
MISSING_BLOB = "missing_blob"

_UNWANTED = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and what is no text: names go onto the wire and into logs."""


class FileProblem(Exception):  # noqa: N818 - an outcome in the making, not a fault
    """A file operation that ends in an error outcome: a reason code and one line for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


def split_path(path: str) -> tuple[str, ...]:
    """Split a relative path into its parts; `.` and repeated slashes fall away, so the work dir itself is ().

    Raises FileProblem `unsafe_path` for an absolute or empty path, one with `..`, or control characters.
    """
    if not path or path.startswith("/") or _UNWANTED.search(path):
        raise FileProblem(UNSAFE_PATH, f"{path[:200]!r} is not a path below the work dir")
    parts = tuple(part for part in path.split("/") if part not in {"", "."})
    if ".." in parts:
        raise FileProblem(UNSAFE_PATH, f"{path[:200]!r} leaves the work dir")
    return parts


def split_file(path: str) -> tuple[str, ...]:
    """As `split_path`, for a file: the work dir itself is `unsafe_path` too."""
    parts = split_path(path)
    if not parts:
        raise FileProblem(UNSAFE_PATH, f"{path[:200]!r} names the work dir, not a file in it")
    return parts
