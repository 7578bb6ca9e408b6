"""The nearest valid name to one that was misspelt, for messages to people.

Knows text only. Must not know what the names stand for.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return `did you mean 'count'?` for the nearest allowed name, or the list of what is allowed."""
    names = sorted(allowed)
    close = difflib.get_close_matches(name[:64], names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    if not names:
        return "there is none"
    more = ", ..." if len(names) > 24 else ""
    return f"allowed: {', '.join(names[:24])}{more}"
