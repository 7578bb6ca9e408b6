"""What is wrong with a scenario, as values: one ScenarioError a finding, gathered by Problems, raised together.

Knows places in a file. Must not know YAML nor the schema.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_MOST = 100
"""Findings kept; a file with more is not helped by the rest."""


@dataclass(frozen=True, slots=True)
class ScenarioError:
    """One finding. `line` counts from 1 (0: the file as a whole); `key` is a path such as `nodes[1].count`."""

    file: str
    line: int
    key: str
    message: str
    suggestion: str = ""
    """The nearest valid name, or another remedy; may be empty."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        where = f"{place}: {self.key}" if self.key else place
        return f"{where}: {self.message}" + (f"; {self.suggestion}" if self.suggestion else "")


class ScenarioErrors(Exception):  # noqa: N818  (it carries many errors)
    """A scenario cannot be run as it is; `errors` has every finding, in the order of the file."""

    def __init__(self, errors: Iterable[ScenarioError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in self.errors))


class Problems:
    """Gathers the findings of one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: list[ScenarioError] = []

    def add(self, line: int, key: str, message: str, suggestion: str = "") -> None:
        """Note a finding."""
        if len(self._found) < _MOST:
            self._found.append(ScenarioError(self.file, line, key, message, suggestion))

    def raise_if_any(self) -> None:
        """Raise ScenarioErrors with all findings so far, in the order of the file, if there are any."""
        if self._found:
            raise ScenarioErrors(sorted(self._found, key=lambda error: error.line))
