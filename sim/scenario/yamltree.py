"""YAML text to a tree of plain values that keep their line numbers.

Knows YAML's grammar only, by ruamel's event stream: nothing is constructed, so no tag can make an object, and every bound (depth, number
of values, expansion of aliases) holds before memory is spent. Must not know the scenario schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from claynet.sim.scenario.problems import Problems

MOST_BYTES = 4 * 1024 * 1024
MOST_VALUES = 50_000
"""Values in a file, those that aliases stand for counted each time."""
MOST_DEPTH = 32

_INT = re.compile(r"[-+]?[0-9]+")
_BASES = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][-+]?[0-9]+)?")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None, "true": True, "True": True, "TRUE": True}
_WORDS |= {"false": False, "False": False, "FALSE": False}
_MOST_DIGITS = 30
_TEXT_TAG = "tag:yaml.org,2002:str"


@dataclass(slots=True)
class Scalar:
    """Text, a number, a truth value or nothing; by the core schema of YAML 1.2, so `yes` and `on` are text."""

    line: int
    value: str | int | float | bool | None
    text: str
    size: int = 1
    depth: int = 1


@dataclass(slots=True)
class Sequence:
    """A list."""

    line: int
    items: list[Node] = field(default_factory=list)
    size: int = 1
    depth: int = 1


@dataclass(slots=True)
class Mapping:
    """Keys (always text) and values, in the order of the file; each with the line of its key."""

    line: int
    entries: dict[str, tuple[int, Node]] = field(default_factory=dict)
    size: int = 1
    depth: int = 1
    key: tuple[int, str] | None = None
    """While reading: the key whose value comes next."""


Node: TypeAlias = Scalar | Sequence | Mapping


class _RefusedError(Exception):
    """The text is not a tree that we take."""

    def __init__(self, line: int, message: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.line, self.message, self.suggestion = line, message, suggestion


def parse(data: bytes, problems: Problems) -> Node | None:
    """Read one document. What is wrong goes to `problems`; None when there is no tree at all."""
    if len(data) > MOST_BYTES:
        problems.add(0, "", f"the file has {len(data)} bytes; at most {MOST_BYTES} are read")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problems.add(data[: error.start].count(b"\n") + 1, "", "not a text file in UTF-8")
        return None
    control = re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text)
    if control:
        problems.add(text[: control.start()].count("\n") + 1, "", "not a text file: it holds control characters")
        return None
    builder = _Builder(problems)
    try:
        return builder.build(YAML(typ="safe", pure=True).parse(text))
    except _RefusedError as refused:
        problems.add(refused.line, "", refused.message, refused.suggestion)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(str(part) for part in (error.context, error.problem) if part)
        problems.add(mark.line + 1 if mark else 0, "", f"not YAML: {' '.join(problem.split())}")
    except YAMLError as error:
        problems.add(0, "", f"not YAML: {' '.join(str(error).split())[:200]}")
    except Exception as error:
        # The parser lets bare Python errors out on some malformed escapes and directives.
        problems.add(builder.line, "", f"not YAML: {type(error).__name__} after this line")
    return None


class _Builder:
    """Folds events into a tree without recursion."""

    def __init__(self, problems: Problems) -> None:
        self.line = 0
        self._problems = problems
        self._open: list[tuple[Sequence | Mapping, str | None]] = []
        self._anchors: dict[str, Node] = {}
        self._root: Node | None = None
        self._documents = 0
        self._total = 0

    def build(self, events: Iterable[Any]) -> Node | None:
        """Read all events. Raises _RefusedError."""
        for event in events:
            self.line = event.start_mark.line + 1
            kind = type(event).__name__
            if kind == "ScalarEvent":
                self._check_tag(event)
                self._count(1)
                self._put(self._scalar(event), event.anchor)
            elif kind in ("SequenceStartEvent", "MappingStartEvent"):
                self._start(event, Sequence(self.line) if kind == "SequenceStartEvent" else Mapping(self.line))
            elif kind in ("SequenceEndEvent", "MappingEndEvent"):
                node, anchor = self._open.pop()
                self._put(node, anchor)
            elif kind == "AliasEvent":
                self._alias(event.anchor)
            elif kind == "DocumentStartEvent":
                self._documents += 1
                if self._documents > 1:
                    raise _RefusedError(self.line, "a second document begins here; a scenario is one document")
        if self._root is None or (isinstance(self._root, Scalar) and self._root.value is None):
            raise _RefusedError(0, "the file is empty", "a scenario begins with 'schema: 1'")
        return self._root

    def _check_tag(self, event: Any) -> None:
        if event.tag not in (None, "!", _TEXT_TAG):
            raise _RefusedError(self.line, f"the tag {str(event.tag)[:60]!r} is not allowed; a scenario is plain values")

    def _start(self, event: Any, node: Sequence | Mapping) -> None:
        self._check_tag(event)
        if len(self._open) >= MOST_DEPTH:
            raise _RefusedError(self.line, f"nested more than {MOST_DEPTH} deep")
        if self._wants_key():
            raise _RefusedError(self.line, "a key must be text, not a list or a mapping")
        self._count(1)
        self._open.append((node, event.anchor))

    def _alias(self, name: str) -> None:
        node = self._anchors.get(name)
        if node is None:
            inside = any(anchor == name for _, anchor in self._open)
            problem = "stands for a thing that holds it" if inside else "has no anchor before it"
            raise _RefusedError(self.line, f"the alias *{name[:60]} {problem}")
        if len(self._open) + node.depth > MOST_DEPTH:
            raise _RefusedError(self.line, f"nested more than {MOST_DEPTH} deep, aliases expanded")
        self._count(node.size)
        self._put(node, None)

    def _count(self, more: int) -> None:
        self._total += more
        if self._total > MOST_VALUES:
            raise _RefusedError(self.line, f"more than {MOST_VALUES} values, aliases expanded")

    def _wants_key(self) -> bool:
        parent = self._open[-1][0] if self._open else None
        return isinstance(parent, Mapping) and parent.key is None

    def _put(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self._root = node
            return
        parent = self._open[-1][0]
        parent.size += node.size
        parent.depth = max(parent.depth, node.depth + 1)
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif parent.key is not None:
            line, key = parent.key
            parent.key = None
            if key in parent.entries:
                first = parent.entries[key][0]
                self._problems.add(line, key, f"this key stands here twice; first in line {first}")
            else:
                parent.entries[key] = (line, node)
        elif isinstance(node, Scalar):
            parent.key = (self.line, node.text)
        else:
            raise _RefusedError(self.line, "a key must be text, not a list or a mapping")

    def _scalar(self, event: Any) -> Scalar:
        text: str = event.value
        if any("\ud800" <= character <= "\udfff" for character in text) or "\0" in text:
            raise _RefusedError(self.line, "text holds a character that no file can hold")
        plain = event.tag is None and event.implicit[0]
        return Scalar(self.line, self._resolve(text) if plain else text, text)

    def _resolve(self, text: str) -> str | int | float | bool | None:
        if text in _WORDS:
            return _WORDS[text]
        if len(text) > _MOST_DIGITS:
            return text
        if _INT.fullmatch(text):
            return int(text)
        if _BASES.fullmatch(text):
            return int(text, 0)
        return float(text) if _FLOAT.fullmatch(text) else text


def plain(node: Node) -> Any:
    """Return a tree as dicts, lists and scalars. (Its depth is bounded, so recursion is too.)"""
    if isinstance(node, Mapping):
        return {key: plain(value) for key, (_, value) in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.value
