"""A Store that lets somebody see each state once it is durable.

Knows the Store port. Must not know what a state means, nor who sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from claynet.actors.ports import Store


class SeenStore:
    """Passes everything on; `see` is called with key and state (None: forgotten) after each commit, in the committing thread."""

    def __init__(self, store: Store, see: Callable[[str, Any | None], None]) -> None:
        self._store = store
        self._see = see

    def append(
        self,
        key: str,
        state: Any | None,
        effects: Sequence[tuple[str, Any]] = (),
        done: Iterable[str] = (),
    ) -> None:
        """Commit at once, as ports.Store says."""
        self._store.append(key, state, effects, done)
        self._see(key, state)

    def load(self) -> list[tuple[str, Any, tuple[tuple[str, Any], ...]]]:
        """Every instance, as ports.Store says."""
        return self._store.load()

    def close(self) -> None:
        """Flush and close."""
        self._store.close()
