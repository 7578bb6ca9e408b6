"""What a command says and how it ends: exit codes, one JSON object or text, errors of every kind.

Knows standard output and standard error. Must not know any command.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

DONE = 0
UNMET = 1
"""An expectation does not hold, a replay diverged, or a command was refused."""
WRONG = 2
"""The file, the command line or a preflight is wrong; nothing was started."""
BROKEN = 3
"""The harness itself failed."""
INTERRUPTED = 130


class Output:
    """One command's output. With `as_json` exactly one object goes to standard output; all else goes to standard error."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def result(self, value: Mapping[str, Any]) -> None:
        """Write the command's one JSON object; does nothing without `as_json`."""
        if self.as_json:
            write_json(value)

    def error(self, kind: str, message: str, details: Sequence[Mapping[str, Any]] = (), code: int = WRONG) -> int:
        """Report why the command failed and return its exit code. `details` are for JSON only; the message says all."""
        if self.as_json:
            write_json({"error": {"kind": kind, "message": message, **({"errors": list(details)} if details else {})}})
        else:
            note(message)
        return code


def write_json(value: Mapping[str, Any]) -> None:
    """Write one object and a line end to standard output: keys sorted, no spaces."""
    sys.stdout.write(json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n")


def note(text: str) -> None:
    """Write a line to standard error; control characters are shown, not sent to the terminal."""
    sys.stderr.write(readable(text) + "\n")
    sys.stderr.flush()


def readable(text: str, kept: str = "\n\t") -> str:
    """Return a text as it may go to a terminal: what would command it, or is not to be seen, is spelt out, except what is `kept`."""
    return "".join(one if one.isprintable() or one in kept else repr(one)[1:-1] for one in text)


def reader_gone() -> int:
    """Whoever read our output closed it: be silent from now on and return the code a signal would give (128 + SIGPIPE)."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(null, stream.fileno())
        except (OSError, ValueError):
            continue  # a stream without a file has nothing to silence
    os.close(null)
    return 141
