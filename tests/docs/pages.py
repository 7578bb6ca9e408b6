"""Reads the pages: fenced blocks, tables and links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]

_FENCE = re.compile(r"^(?:<!-- file: (\S+) -->\n)?```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the file that it shows, if it says so."""

    language: str
    text: str
    file: str


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> list[Block]:
    return [Block(match[2], match[3], match[1] or "") for match in _FENCE.finditer(page.read_text(encoding="utf-8"))]


def without_blocks(page: Path) -> str:
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def tables(page: Path) -> list[list[list[str]]]:
    """Every table: its rows, the header first, as stripped cells; a `\\|` inside a cell is no border."""
    found: list[list[list[str]]] = []
    previous = ""
    for line in without_blocks(page).splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if not previous.startswith("|"):
                found.append([])
            if not set("".join(cells)) <= set("- :"):
                found[-1].append(cells)
        previous = line
    return found


def table(page: Path, *header: str) -> list[list[str]]:
    """The rows of the one table that begins so, without its header."""
    [found] = [rows[1:] for rows in tables(page) if tuple(rows[0][: len(header)]) == header]
    return found


def codes(cell: str) -> list[str]:
    """What stands in backticks."""
    return _CODE.findall(cell)
