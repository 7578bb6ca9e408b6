"""Requirements files of apps: names, versions and markers, and nothing that is more than that.

Knows the form of such a file. Must not know pip. The file is a stranger's and is read on the host: an option or a path in it would
have pip run a stranger's setup.py here, outside of any container.
"""

from __future__ import annotations

import re
from pathlib import Path

_LARGEST = 64 * 1024
"""Bytes of a file: its requirements become arguments of one command."""
_LONGEST = 1000
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_CLAUSE = r"(?:===|[=!~<>]=|[<>])\s*[A-Za-z0-9*][A-Za-z0-9.*+!_-]*"
_REQUIREMENT = re.compile(
    rf"""{_NAME}\s*
    (?:\[\s*{_NAME}(?:\s*,\s*{_NAME})*\s*\]\s*)?
    (?:{_CLAUSE}(?:\s*,\s*{_CLAUSE})*\s*)?
    (?:;[A-Za-z0-9_.,*+!<>=~()'"\s-]+)?""",
    re.ASCII | re.VERBOSE,
)
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_ARCHIVE = re.compile(r"\.(?:whl|zip|tar|t[gblx]z|tar\.(?:gz|bz2|xz|lz|lzma))\s*(?:\[[^\]]*\])?\s*(?:;|$)", re.IGNORECASE)
"""What pip takes for a file's name, although it could be a project's."""
_OTHER = "no requirement of the form name[extra]==1.0; marker"


def read_requirements(path: Path) -> tuple[str, ...]:
    """Return what a file asks for. Raises ValueError that names file and line; OSError."""
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValueError(f"{path.name}: more than {_LARGEST} bytes")
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path.name}: not UTF-8") from None
    found = []
    for number, line in enumerate(lines, 1):
        text = " ".join(_COMMENT.sub("", line).split())
        problem = _problem(text)
        if problem:
            raise ValueError(f"{path.name}:{number}: {text[:60]!a}: {problem}")
        found.append(text)
    return tuple(filter(None, found))


def _problem(text: str) -> str:
    """Say what is wrong with a line, or nothing."""
    if not text:
        return ""
    if len(text) > _LONGEST:
        return f"longer than {_LONGEST} characters"
    if "--hash" in text:
        return "hashes cannot be given: pip would want one of each package that is needed, also of claynet"
    if text.endswith("\\"):
        return "a requirement is one line"
    if text.startswith("-") or re.search(r"\s-", text):
        return "options of pip cannot be given"
    if re.search(r"[/\\@]|^\.|[A-Za-z]:", text.partition(";")[0]) or _ARCHIVE.search(text):
        return "urls and paths cannot be given"
    return "" if _REQUIREMENT.fullmatch(text) else _OTHER
