"""Task files: JSON or YAML with the parts `golem` and `app`, as requests of the control API. Every finding has file, line and key.

Knows the keys and their units. Must not know whether a node can do what is asked: it says that, and its findings get their lines here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedOrderedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError

from claynet.actors import units
from claynet.actors.nearest import nearest
from claynet.actors.ports import SECOND, TEN_YEARS
from claynet.actors.units import UnitError
from claynet.net.settings.yaml_text import YamlTextError, line_in, load_yaml
from claynet.proto import node_pb2 as api

MOST_BYTES = 4 * 2**20
MOST_VALUES = 100_000
"""With what aliases repeat; or as many as the file has bytes, which is more than one without aliases can hold."""
REQUIRED = ("app_id", "max_price_per_hour", "max_subtasks", "task_timeout", "subtask_timeout")
OPTIONAL = ("name", "resources", "output_directory", "concent_enabled")
KEYS = (*REQUIRED, *OPTIONAL)
"""Of the part `golem`."""
_CLOCK = re.compile(r"([0-9]{1,4}):([0-5][0-9]):([0-5][0-9])")
_BARE = re.compile(r"[0-9]{1,40}")
"""A whole number without a unit."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a task file."""

    file: str
    line: int
    """0: unknown."""
    key: str
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.message}" + (f"; {self.suggestion}" if self.suggestion else "")


class TaskFileError(Exception):
    """A task file cannot be used; a line for each finding."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


@dataclass
class TaskFile:
    """A task file that was read."""

    path: Path
    request: api.TaskRequest = field(default_factory=api.TaskRequest)
    lines: dict[str, int] = field(default_factory=dict)

    def finding(self, key: str, message: str, suggestion: str = "") -> Finding:
        """Return a finding with the line of its key, or of the nearest part around it."""
        at = key
        while at and at not in self.lines:
            shorter = re.sub(r"(\[[^\]]*\]|\.?[^.\[]+)$", "", at)
            at = shorter if shorter != at else at[:-1]  # of a key with dots or brackets in it
        return Finding(str(self.path), self.lines.get(at, 0), key, message, suggestion)

    def refuse(self, problems: Iterable[api.Problem]) -> TaskFileError:
        """Return what the node found, with lines."""
        return TaskFileError(self.finding(problem.key, problem.message, problem.suggestion) for problem in problems)


def read_task_file(path: Path) -> TaskFile:
    """Read a task file. Raises TaskFileError with everything that is wrong in it."""
    file = TaskFile(path)
    tree, size = _load(path)
    file.lines = _lines(tree, path, size)
    findings = [file.finding(str(key), "unknown key", nearest(str(key), ("golem", "app"))) for key in tree if key not in ("golem", "app")]
    golem, app = tree.get("golem"), tree.get("app", {})
    if not isinstance(golem, dict):
        findings.append(file.finding("golem", "the part with app_id, max_subtasks and the like is missing"))
        golem = None
    if not isinstance(app, dict):
        findings.append(file.finding("app", "an object of the app's parameters is wanted"))
        app = {}
    try:
        file.request.params_json = json.dumps(app, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        findings.append(file.finding(*(_no_json(app, "app") or ("app", f"it cannot be written as JSON: {error}"))))
    if golem is not None:
        findings += _read_golem(golem, file)
    if findings:
        raise TaskFileError(findings)
    return file


def _read_golem(golem: dict[str, Any], file: TaskFile) -> list[Finding]:
    request, home = file.request, file.path.absolute().parent
    findings = [file.finding(f"golem.{key}", "unknown key", nearest(str(key), KEYS)) for key in golem if key not in KEYS]
    findings += [file.finding(f"golem.{key}", "missing") for key in REQUIRED if key not in golem]
    readers: dict[str, Callable[[Any], None]] = {
        "app_id": lambda value: setattr(request, "app", _text(value)),
        "name": lambda value: setattr(request, "name", _text(value)),
        "max_price_per_hour": lambda value: setattr(request, "max_price", _price(value)),
        "max_subtasks": lambda value: setattr(request, "max_subtasks", _count(value)),
        "task_timeout": lambda value: setattr(request, "task_timeout", _duration(value)),
        "subtask_timeout": lambda value: setattr(request, "subtask_timeout", _duration(value)),
        "output_directory": lambda value: setattr(request, "output_directory", str(_path(value, home))),
        "resources": lambda value: request.resources.extend(_resources(value, home)),
        "concent_enabled": _no_concent,
    }
    request.name = file.path.stem.encode("utf-8", "replace").decode()[:100]
    for key, read in readers.items():
        if golem.get(key) is not None:
            try:
                read(golem[key])
            except UnitError as error:
                findings.append(file.finding(f"golem.{key}", str(error), error.suggestion))
        elif key in golem and key in REQUIRED:
            findings.append(file.finding(f"golem.{key}", "a value is missing"))
    return findings


def _no_json(value: Any, at: str) -> tuple[str, ...] | None:
    """Return key, message and suggestion for the first value that JSON cannot have; None where there is none."""
    inside: Iterable[tuple[str, Any, Any]] = ()
    if isinstance(value, dict):
        inside = ((f"{at}.{key}", {key: None}, one) for key, one in value.items())
    elif isinstance(value, list):
        inside = ((f"{at}[{number}]", None, one) for number, one in enumerate(value))
    else:
        return _no_json_value(value, at)
    for name, key, one in inside:
        found = _no_json_value(key, name) or _no_json(one, name)
        if found:
            return found
    return None


def _no_json_value(value: Any, at: str) -> tuple[str, ...] | None:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        if isinstance(value, date):
            return at, "YAML takes it for a date, which JSON does not have", "quote it"
        return at, f"it cannot be written as JSON: {error}"
    return None


# ---------------------------------------------------------------- values


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 200 or not value.isprintable():
        raise UnitError("a text of 1 to 200 printable characters is wanted")
    return value.strip()


def _count(value: Any) -> int:
    if type(value) is not int or not 1 <= value < 2**31:
        raise UnitError(f"a whole number from 1 to {2**31 - 1} is wanted, not {_cut(value)!r}")
    return value


def _bare(value: Any) -> int | None:
    """Read a whole number without a unit, written as a number or as a text; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return int(value) if isinstance(value, str) and _BARE.fullmatch(value.strip()) else None


def _duration(value: Any) -> int:
    """Read `10m`; a bare number of seconds, and `HH:MM:SS`, as the original has them."""
    bare = _bare(value)
    clock = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if bare is not None:
        lasts = bare * SECOND
    elif clock:
        lasts = (int(clock[1]) * 3600 + int(clock[2]) * 60 + int(clock[3])) * SECOND
    else:
        lasts = units.duration(value)
    if not 0 < lasts <= TEN_YEARS:
        raise UnitError(f"{_cut(value)} is not above 0 and at most ten years ({units.format_duration(TEN_YEARS)})", "write it such as 10m")
    return lasts


def _price(value: Any) -> int:
    """Read `0.5tok`; a bare whole number is 10^-18 tokens, as the original has it."""
    bare = _bare(value)
    if bare is None:
        return units.tokens(value)
    if bare % SECOND:
        raise UnitError(
            f"{_cut(bare)} without a unit is 10^-18 tokens, finer than the smallest step there is",
            f"write {_cut(bare)}tok for that many tokens",
        )
    if not 0 <= bare // SECOND <= units.MOST:
        raise UnitError(f"{_cut(bare)} is no price from 0 to {units.format_tokens(units.MOST)}", "write it such as 0.5tok")
    return bare // SECOND


def _cut(value: Any) -> str:
    if isinstance(value, int) and abs(value) >= 10**40:
        return "so large a number"  # str() refuses thousands of digits
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _path(value: Any, home: Path) -> Path:
    text = _text(value)
    try:
        path = home / Path(text).expanduser()
        str(path).encode()
    except RuntimeError:
        raise UnitError(f"no user is called so: {text.partition('/')[0]}", "write the path without ~") from None
    except UnicodeEncodeError:
        raise UnitError(f"a folder above it has a name that is no UTF-8: {home}", "move the task file, or name an absolute path") from None
    return path


def _resources(value: Any, home: Path) -> list[api.Resource]:
    if not isinstance(value, list):
        raise UnitError("a list of files is wanted")
    paths = [_path(one, home) for one in value]
    return [api.Resource(name=path.name, path=str(path)) for path in paths]


def _no_concent(value: Any) -> None:
    if value is not False:
        raise UnitError("there is no Concent here; leave the key out")


# ---------------------------------------------------------------- text


def _load(path: Path) -> tuple[dict[str, Any], int]:
    def wrong(message: str, line: int = 0) -> TaskFileError:
        return TaskFileError([Finding(str(path), line, "file", message)])

    try:
        data = path.read_bytes()
    except OSError as error:
        raise wrong(f"cannot be read: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise wrong(f"it has {len(data)} bytes; at most {MOST_BYTES} are read")
    try:
        tree = load_yaml(YAML(), data)  # JSON is YAML too, and this way it has lines; round trip makes plain values only
    except YamlTextError as error:
        is_grammar = isinstance(error.__cause__, MarkedYAMLError) and not isinstance(error.__cause__, DuplicateKeyError)
        tree = _json(data) if is_grammar else None
        if tree is None:
            raise wrong(f"neither JSON nor YAML: {error}", error.line) from None
    if not isinstance(tree, dict):
        raise wrong("an object with the parts `golem` and `app` is wanted")
    return tree, len(data)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)  # what YAML cannot read of it: tabs
    except (ValueError, RecursionError):
        return None


def _lines(tree: Any, path: Path, size: int) -> dict[str, int]:
    """Return the line of every key and item. Raises TaskFileError."""

    def wrong(message: str, suggestion: str = "", key: str = "file", line: int = 0) -> TaskFileError:
        return TaskFileError([Finding(str(path), line, key, message, suggestion)])

    lines: dict[str, int] = {}

    def note(at: str, line: int, value: Any) -> None:
        lines[at] = line
        if len(lines) > max(MOST_VALUES, size):
            raise wrong(f"it holds more than {MOST_VALUES} values by aliases (*)", "write out what is meant")
        walk(value, at)

    def walk(part: Any, at: str) -> None:
        if isinstance(part, CommentedMap):
            if part.merge:  # what it brings has no line of its own
                raise wrong("merge keys are not read here", "write out the keys that it brings", f"{at}.<<".lstrip("."), part.lc.line + 1)
            if isinstance(part, CommentedOrderedMap):  # its keys have none either
                raise wrong("!!omap is not read here", "write the keys below each other", at or "file", part.lc.line + 1)
            for key, value in part.items():
                note(f"{at}.{key}" if at else str(key), line_in(part, key), value)
        elif isinstance(part, CommentedSeq):
            for number, value in enumerate(part):
                note(f"{at}[{number}]", line_in(part, number), value)

    try:
        walk(tree, "")
    except RecursionError:
        raise wrong("its values are nested too deeply") from None
    return lines
