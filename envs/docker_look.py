"""A quick look at which containers of claynet's an engine has, without docker-py: its import alone takes longer than the question.

Knows one question of the engine's API. Must not know whose containers are whose. Every run asks it, those without containers too.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Seen:
    """A container, running or not."""

    id: str
    labels: Mapping[str, str]


class _OnSocket(HTTPConnection):
    """HTTP on a unix socket."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        """Connect. Raises OSError."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def look(path: str, label: str, seconds: float) -> list[Seen] | None:
    """List the containers that have a label (`name` or `name=value`); None when the engine at that socket does not answer in time."""
    filters = quote(json.dumps({"label": [label]}))
    try:
        with closing(_OnSocket(path, seconds)) as connection:
            connection.request("GET", f"/containers/json?all=1&filters={filters}")
            answer = connection.getresponse()
            found: Any = json.loads(answer.read()) if answer.status == 200 else None
        return None if found is None else [Seen(str(each["Id"]), dict(each.get("Labels") or {})) for each in found]
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return None
