"""The Entropy port from the operating system's generator.

Knows `secrets` and `random.SystemRandom`. Must not know what the draws are for.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Sequence
from typing import TypeVar

_T = TypeVar("_T")


class SystemEntropy:
    """Unpredictable draws (`ports.Entropy`), safe from several threads. Every stream is the same source: it has no state to share."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()

    def stream(self, name: str) -> SystemEntropy:
        """Return a stream; names make no difference here, since nothing is seeded."""
        del name
        return self

    def new_id(self) -> str:
        """Return 32 hex digits."""
        return secrets.token_hex(16)

    def nonce(self, size: int) -> bytes:
        """Return `size` unpredictable bytes."""
        return secrets.token_bytes(size)

    def fraction(self) -> float:
        """Return a float in [0, 1)."""
        return self._random.random()

    def below(self, bound: int) -> int:
        """Return an int in [0, bound). Raises ValueError when bound < 1."""
        return self._random.randrange(bound)

    def choice(self, options: Sequence[_T]) -> _T:
        """Return one element. Raises IndexError when there is none."""
        return self._random.choice(options)

    def gauss(self) -> float:
        """Return a draw of the standard normal distribution."""
        return self._random.normalvariate(0.0, 1.0)  # gauss() keeps a spare draw that two threads could both take
