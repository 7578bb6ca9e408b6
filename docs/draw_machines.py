"""Writes docs/machines.md: one diagram per state machine, drawn from its literal table.

`python docs/draw_machines.py --check` says whether the committed file is what the tables give.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path

MACHINES = ("task", "subtask", "pool", "offering", "pair", "slot", "payment", "runtime", "environment")
PAGE = Path(__file__).with_name("machines.md")
HEAD = """# The state machines

Drawn by `make docs` from the literal tables in `actors/core/`; a test compares. A pair of state and move that is not drawn is illegal: it
raises `InvalidTransition` and the state stays. Final states are those with an arrow to the end mark.
"""


def page() -> str:
    """Return the page's text."""
    return "\n".join([HEAD, *(section(name) for name in MACHINES)])


def section(name: str) -> str:
    """Return one machine's section."""
    machine = importlib.import_module(f"claynet.actors.core.{name}")
    title = (inspect.getdoc(machine) or name).splitlines()[0]
    arrows: dict[tuple[str, str], list[str]] = {}
    for (before, move), after in machine.TABLE.items():
        arrows.setdefault((before, after), []).append(move)
    lines = [f"## {name}", "", title, "", "```mermaid", "stateDiagram-v2", f"    [*] --> {machine.INITIAL}"]
    lines += [f"    {before} --> {after}: {', '.join(moves)}" for (before, after), moves in arrows.items()]
    lines += [f"    {status} --> [*]" for status in sorted(machine.FINAL)]
    return "\n".join([*lines, "```", ""])


def main() -> int:
    """Write or check the page."""
    if "--check" in sys.argv:
        same = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        sys.stderr.write("" if same else f"{PAGE} is not what the tables give; run: make docs\n")
        return 0 if same else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
