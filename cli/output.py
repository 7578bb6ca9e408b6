"""What a command says and how it ends: exit codes, one JSON object or text, errors of every kind.

Knows standard output and standard error. Must not know any command.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

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


class OutputLostError(OSError):
    """Standard output cannot be written, which no other file that cannot be written may be taken for."""


class _Told(io.FileIO):
    """Standard output's file; one of a kind of error comes of it when it cannot be written."""

    def write(self, data: Any, /) -> int:  # buffers of every kind come here
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputLostError(error.errno, error.strerror) from error


class _Untold(io.FileIO):
    """Standard error's file. Where it cannot be written there is nowhere left to say so, and how the command ends must not change by it."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError:
            return len(data)


def prepare_streams() -> None:
    """Have three standard streams where some are closed, and have it known of each what comes of it when it cannot be written."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, _null(number))
    sys.stdout = _over(sys.stdout, _Told)
    sys.stderr = _over(sys.stderr, _Untold)


def _over(stream: TextIO, kind: type[io.FileIO]) -> TextIO:
    buffer = io.BufferedWriter(kind(stream.fileno(), "w", closefd=False))
    through = bool(getattr(stream, "write_through", False))  # as PYTHONUNBUFFERED asks for
    return io.TextIOWrapper(buffer, stream.encoding, stream.errors, None, bool(stream.line_buffering) or through, through)


def _null(number: int) -> TextIO:
    # The descriptor itself is taken too: else the next file that is opened gets it, and with it all that a child process writes.
    handle = os.open(os.devnull, os.O_RDWR)
    if handle == number:
        os.set_inheritable(handle, True)
    return open(handle, "w" if number else "r", encoding="utf-8", closefd=False)


def output_lost(error: OutputLostError) -> int:
    """Standard output cannot be written: say so once where it can be said, and return the exit code."""
    _silence(sys.stdout)
    note(f"standard output cannot be written: {error.strerror}")
    return UNMET


def reader_gone() -> int:
    """Whoever read our output closed it: be silent from now on and return the code a signal would give (128 + SIGPIPE)."""
    _silence(sys.stdout, sys.stderr)
    return 141


def _silence(*streams: TextIO) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        try:
            os.dup2(null, stream.fileno())
        except (OSError, ValueError):
            continue  # a stream without a file has nothing to silence
    os.close(null)
