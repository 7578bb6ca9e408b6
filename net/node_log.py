"""A live node's log: what happens on it and what its parts complain of, in files of bounded size.

Knows logging, levels and the two formats. Must not know who reads them (`log_lines.py`). A log that cannot be written (a full disk) costs
the node nothing: lines are lost and counted.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from claynet.net.log_lines import NAME

_CHATTY = frozenset({"decline", "evidence", "ignored", "offer", "runtime"})
_ALARMING = frozenset({"actor_failed", "descriptor", "misuse", "tampered"})
_NEVER = frozenset({"frame"})
"""Fields that are evidence for machines and say nothing to people."""
_LONGEST = 4096
"""Characters of a line: what peers say is in it."""


class NodeLog:
    """The log of one node, and an EventSink; use it as a context. Raises OSError when its folder cannot be had."""

    def __init__(self, folder: Path, level: str = "info", form: str = "text", size: int = 10 * 2**20, keep: int = 5) -> None:
        """`level` and `form` as in the settings `log.level` and `log.format`; a file of `size` bytes is put aside, `keep` of them kept."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._handler = _Handler(folder / NAME, maxBytes=size, backupCount=keep, encoding="utf-8")
        self._handler.setLevel(level.upper())
        self._handler.setFormatter(_Json() if form == "json" else _Text())
        self._parts = logging.getLogger("claynet")
        self._before = (self._parts.level, self._parts.propagate)
        self._events = logging.getLogger("claynet.node")

    @property
    def lost(self) -> int:
        """Lines that could not be written."""
        return self._handler.lost

    def __enter__(self) -> Self:
        self._parts.addHandler(self._handler)
        self._parts.setLevel(self._handler.level)
        self._parts.propagate = False
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._parts.removeHandler(self._handler)
        self._parts.setLevel(self._before[0])
        self._parts.propagate = self._before[1]
        self._handler.close()

    def say(self, text: str, **fields: object) -> None:
        """Log something that is no event of the node's, such as its start."""
        self._events.info(text, extra={"fields": fields})

    def emit(self, kind: str, **fields: object) -> None:
        """Log an event."""
        level = _level(kind, fields)
        if self._events.isEnabledFor(level):
            self._events.log(level, kind, extra={"fields": {name: value for name, value in fields.items() if name not in _NEVER}})


def _level(kind: str, fields: Mapping[str, object]) -> int:
    if kind == "actor_failed":
        return logging.ERROR
    if kind in _ALARMING or fields.get("problem") or fields.get("state") in ("broken", "failed"):
        return logging.WARNING
    return logging.DEBUG if kind in _CHATTY else logging.INFO


class _Handler(RotatingFileHandler):
    """Counts what it cannot write instead of writing about it elsewhere."""

    lost = 0

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 - logging's own names
        self.lost += 1


def _when(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03}Z"


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    return getattr(record, "fields", {})


def _error(record: logging.LogRecord) -> str:
    return logging.Formatter().formatException(record.exc_info) if record.exc_info else ""


class _Text(logging.Formatter):
    """`2026-11-28T07:00:00.000Z info task id=... state=waiting`."""

    def format(self, record: logging.LogRecord) -> str:
        told = "".join(f" {name}={_word(value)}" for name, value in _fields(record).items() if value not in ("", None))
        where = "" if record.name == "claynet.node" else f"{record.name}: "
        error = _error(record)
        line = f"{_when(record)} {record.levelname.lower()} {where}{record.getMessage()}{told}" + (
            f" error={_word(error)}" if error else ""
        )
        return "".join(one if one.isprintable() else repr(one)[1:-1] for one in line[:_LONGEST])


class _Json(logging.Formatter):
    """One object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"at": _when(record), "level": record.levelname.lower(), "logger": record.name, "what": record.getMessage()[:_LONGEST]}
        told = {name: value[:_LONGEST] if isinstance(value, str) else value for name, value in _fields(record).items()}
        error = _error(record)
        return json.dumps(line | told | ({"error": error[:_LONGEST]} if error else {}), default=str)


def _word(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if text and not any(one in ' "=' or not one.isprintable() for one in text) else json.dumps(text)
