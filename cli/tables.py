"""Rows of plain values as tables for people.

Knows rich. Must not know what the rows mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDE = 120
"""Columns when the output is no terminal."""


class _Console(Console):
    """A console that leaves a reader who went away to the command line's own exit code."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def make_console() -> Console:
    """Return a console on standard output."""
    console = _Console(highlight=False)
    return console if console.is_terminal else _Console(highlight=False, width=_WIDE)


def table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table whose columns are the keys of the first row; numbers stand to the right. Values are never read as markup."""
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for key, value in rows[0].items():
        made.add_column(key, justify="right" if isinstance(value, int) and not isinstance(value, bool) else "left", overflow="fold")
    for row in rows:
        made.add_row(*(_cell(value) for value in row.values()))
    return made


def _cell(value: Any) -> Text:
    if isinstance(value, bool):
        return Text("pass", style="green") if value else Text("fail", style="red")
    return Text(str(value))
