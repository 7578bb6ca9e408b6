"""What people read on standard output: lines, and rows of plain values as tables.

Knows rich. Must not know what the rows mean. Much of it was written by peers, so text is never read as markup, nor are its control
characters sent to the terminal; what is to have a style is made a Text by `styled`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from claynet.cli.output import readable

_WIDE = 120
"""Columns when the output is no terminal."""


class _Console(Console):
    """A console that shows text as it is, and leaves a reader who went away to the command line's own exit code."""

    def print(self, *shown: Any, **options: Any) -> None:
        super().print(*(styled(one) if isinstance(one, str) else one for one in shown), **options)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def make_console() -> Console:
    """Return a console on standard output."""
    console = _made()
    return console if console.is_terminal else _made(_WIDE)


def _made(width: int | None = None) -> Console:
    return _Console(width=width, markup=False, emoji=False, highlight=False)


def styled(text: str, style: str = "") -> Text:
    """Return a text to be shown as it is."""
    return Text(readable(text), style)


def table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table whose columns are the keys of the first row; numbers stand to the right."""
    made = Table(title=styled(title, "table.title"), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for key, value in rows[0].items():
        made.add_column(styled(key), justify="right" if isinstance(value, int) and not isinstance(value, bool) else "left", overflow="fold")
    for row in rows:
        made.add_row(*(_cell(value) for value in row.values()))
    return made


def _cell(value: Any) -> Text:
    if isinstance(value, bool):
        return Text("pass", style="green") if value else Text("fail", style="red")
    return styled(str(value))
