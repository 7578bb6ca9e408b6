"""YAML text as ruamel reads it, with one kind of error that has a line whatever it trips over.

Knows ruamel and where it was when something went wrong. Must not know what the text is for.
"""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

_MOST_SAID = 200


class YamlTextError(Exception):
    """A text is no YAML; the text says why, `line` is where, 0 when unknown."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message[:_MOST_SAID])
        self.line = line


def load_yaml(yaml: YAML, data: bytes) -> Any:
    """Read one document. Raises YamlTextError, whose cause is what was raised."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise YamlTextError("not a text file in UTF-8", data.count(b"\n", 0, error.start) + 1) from error
    try:
        return yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlTextError(str(error.problem), mark.line + 1 if mark else 0) from error
    except ReaderError as error:
        raise YamlTextError("it holds control characters", text.count("\n", 0, error.position) + 1) from error
    except YAMLError as error:
        raise YamlTextError(" ".join(str(error).split()), 0) from error
    except RecursionError as error:
        raise YamlTextError("its values are nested too deeply", 0) from error
    except Exception as error:  # values and escapes that cannot be: Python's own errors come through, of any class
        raise YamlTextError(f"a value that cannot be read ({type(error).__name__}: {error})", _line_of(error)) from error


def line_in(part: CommentedMap | CommentedSeq, key: Any) -> int:
    """Return the line of a key or item; that of all of it where a tag that does not fit has kept ruamel from noting it."""
    noted = (part.lc.data or {}).get(key)
    return int(noted[0] if noted else part.lc.line or 0) + 1


def _line_of(error: Exception) -> int:
    """Return the line that ruamel was at: that of the innermost node it made a value of, or else of the text it scanned."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        found = trace.tb_frame.f_locals
        mark = getattr(found.get("node"), "start_mark", None) or found.get("start_mark")  # the reader's own place is gone by now
        at = getattr(mark, "line", None)
        line = at + 1 if isinstance(at, int) else line
        trace = trace.tb_next
    return line
