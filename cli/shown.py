"""How amounts, times and ids are shown to people in listings of a live node.

Knows units. Must not know what a row means.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime

from claynet.actors.ports import SECOND
from claynet.actors.units import format_duration, format_tokens
from claynet.proto import node_pb2 as api

SHORT = 8
"""Digits of an id in listings; so many name it in commands too."""


def short(item_id: str) -> str:
    """Return the beginning of an id."""
    return item_id[:SHORT]


def when(at: int) -> str:
    """Return a UTC time in local time; empty for an unknown one."""
    return datetime.fromtimestamp(at / SECOND).astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else ""


def ago(at: int) -> str:
    """Return how long ago something was, in whole seconds; empty for an unknown time."""
    return format_duration(max(0, (time.time_ns() - at) // SECOND) * SECOND) if at else ""


def price(amount: int) -> str:
    """Return a price."""
    return f"{format_tokens(amount)}/h"


def counted(counts: Iterable[api.Count]) -> str:
    """Return counts of states in one line."""
    return ", ".join(f"{one.count} {one.state.replace('_', ' ')}" for one in counts)


def reason_line(reason: api.Reason) -> str:
    """Return a reason with its figures and what helps, in one line."""
    figures = f" ({reason.value}, limit {reason.limit})" if reason.value else ""
    fix = f"; {reason.fix}" if reason.fix else ""
    return f"{reason.rule}{figures}: {reason.detail}{fix}"


def reason_row(reason: api.Reason) -> dict[str, object]:
    """Return a reason as a row."""
    return {
        "rule": reason.rule,
        "said by": reason.side,
        "peer": short(reason.peer),
        "value": reason.value,
        "limit": reason.limit,
        "what": reason.detail,
        "what helps": reason.fix,
    }
