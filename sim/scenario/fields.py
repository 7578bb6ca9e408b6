"""Typed reading of a tree: one Section for each mapping of the file, which knows the keys asked for and refuses the rest.

Knows trees and findings. Must not know which keys a scenario has. Readers never stop at a finding: it is noted, a default is
returned, and reading goes on, so that one run finds everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from claynet.actors import units
from claynet.actors.nearest import nearest
from claynet.actors.units import UnitError
from claynet.sim.scenario.problems import Problems
from claynet.sim.scenario.yamltree import Mapping, Node, Scalar
from claynet.sim.scenario.yamltree import Sequence as ListNode

_T = TypeVar("_T")


class Item:
    """One value of the file: its node, its path and the line to name."""

    def __init__(self, problems: Problems, path: str, line: int, node: Node) -> None:
        self.problems, self.path, self.line, self.node = problems, path, line, node

    def wrong(self, message: str, suggestion: str = "") -> None:
        """Note a finding about this value."""
        self.problems.add(self.line, self.path, message, suggestion)

    def parsed(self, parse: Callable[[object], _T]) -> _T | None:
        """Return the scalar parsed; None, and a finding, when it is not one or does not parse."""
        if not isinstance(self.node, Scalar):
            self.wrong(f"expected a single value, not a {kind_of(self.node)}")
            return None
        try:
            return parse(self.node.value)
        except UnitError as error:
            self.wrong(str(error), error.suggestion)
            return None

    def section(self) -> Section | None:
        """Return the mapping; None, and a finding, when it is none."""
        if isinstance(self.node, Mapping):
            return Section(self.problems, self.path, self.node, self.line)
        self.wrong(f"expected a mapping, not a {kind_of(self.node)}")
        return None

    def items(self) -> list[Item]:
        """Return the entries of the list; none, and a finding, when it is no list."""
        if isinstance(self.node, ListNode):
            return [Item(self.problems, f"{self.path}[{n}]", node.line, node) for n, node in enumerate(self.node.items)]
        self.wrong(f"expected a list, not a {kind_of(self.node)}")
        return []


class Section:
    """One mapping, being read."""

    def __init__(self, problems: Problems, path: str, node: Mapping, line: int) -> None:
        self.problems, self.path, self.node, self.line = problems, path, node, line
        self._known: set[str] = set()

    def wrong(self, message: str, suggestion: str = "", key: str = "") -> None:
        """Note a finding about this mapping, or about one of its keys."""
        line = self.node.entries[key][0] if key in self.node.entries else self.line
        self.problems.add(line, self.at(key) if key else self.path, message, suggestion)

    def at(self, key: str) -> str:
        """Return the path of a key."""
        return f"{self.path}.{key}" if self.path else key

    def has(self, key: str) -> bool:
        """Tell whether the key is there."""
        return key in self.node.entries

    def names(self) -> list[str]:
        """Return the keys there are, in the order of the file."""
        return list(self.node.entries)

    def item(self, key: str) -> Item | None:
        """Return a value, and know its key from now on."""
        self._known.add(key)
        if key not in self.node.entries:
            return None
        line, node = self.node.entries[key]
        return Item(self.problems, self.at(key), line, node)

    def required(self, key: str) -> Item | None:
        """Return a value; a finding when it is absent."""
        found = self.item(key)
        if found is None:
            self.wrong(f"the key {key!r} is missing")
        return found

    def value(self, key: str, parse: Callable[[object], _T], default: _T) -> _T:
        """Return a scalar parsed, or the default when it is absent or wrong."""
        found = self.item(key)
        parsed = found.parsed(parse) if found else None
        return default if parsed is None else parsed

    def optional(self, key: str, parse: Callable[[object], _T]) -> _T | None:
        """Return a scalar parsed, or None when it is absent or wrong."""
        found = self.item(key)
        return found.parsed(parse) if found else None

    def needed(self, key: str, parse: Callable[[object], _T], default: _T) -> _T:
        """Return a scalar parsed; a finding, and the default, when it is absent or wrong."""
        found = self.required(key)
        parsed = found.parsed(parse) if found else None
        return default if parsed is None else parsed

    def section(self, key: str) -> Section | None:
        """Return a mapping inside, or None when it is absent or wrong."""
        found = self.item(key)
        return found.section() if found else None

    def items(self, key: str) -> list[Item]:
        """Return the entries of a list inside; none when it is absent or wrong."""
        found = self.item(key)
        return found.items() if found else []

    def close(self) -> None:
        """Refuse every key that was never asked for."""
        for key in self.node.entries:
            if key not in self._known:
                self.wrong("unknown key", nearest(key, self._known), key=key)


def kind_of(node: Node) -> str:
    """Name a kind of node for people."""
    return {Mapping: "mapping", ListNode: "list", Scalar: "single value"}[type(node)]


# ---------------------------------------------------------------- parsers of scalars (raise UnitError)


def text(value: object) -> str:
    """Parse text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise UnitError(f"expected text, not {_shown(value)}")
    return value


def name(value: object) -> str:
    """Parse a name: letters, digits, `_`, `-` and `.`, at most 64, no digit or sign first."""
    if not isinstance(value, str) or not is_name(value):
        raise UnitError(f"expected a name (a letter, then letters, digits, '_', '-'; at most 64), not {_shown(value)}")
    return value


def is_name(value: str) -> bool:
    """Tell whether this can name a group, a task or an app."""
    return 0 < len(value) <= 64 and value.isascii() and value[0].isalpha() and all(c.isalnum() or c in "_-." for c in value)


def whole(least: int = 0, most: int = 2**53) -> Callable[[object], int]:
    """Return a parser of whole numbers from `least` to `most`."""

    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise UnitError(f"expected a whole number, not {_shown(value)}")
        if value < least or value > most:
            raise UnitError(f"must be {f'at least {least}' if value < least else f'at most {most}'}, not {value}")
        return value

    return parse


def number(least: float, most: float) -> Callable[[object], float]:
    """Return a parser of numbers from `least` to `most`."""

    def parse(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UnitError(f"expected a number, not {_shown(value)}")
        if not least <= value <= most:
            raise UnitError(f"must be from {least:g} to {most:g}, not {value:g}")
        return float(value)

    return parse


def one_of(allowed: Iterable[str], what: str) -> Callable[[object], str]:
    """Return a parser of words from a list."""
    words: Sequence[str] = tuple(allowed)

    def parse(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            shown = value if isinstance(value, str) else _shown(value)
            raise UnitError(f"unknown {what} {shown[:60]!r}", nearest(shown, words))
        return value

    return parse


def positive_duration(value: object) -> int:
    """Parse a duration above zero into ns."""
    parsed = units.duration(value)
    if parsed == 0:
        raise UnitError("must be longer than 0")
    return parsed


def _shown(value: object) -> str:
    shown = "nothing" if value is None else repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
