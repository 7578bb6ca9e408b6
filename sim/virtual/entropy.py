"""The Entropy port, seeded: equal seeds and names give equal draws, in any process.

Knows how streams are derived. Must not know who draws. Built on `random.Random.random()` and `getrandbits()` only, whose values for
a seed are promised by Python to stay.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import Final, TypeVar

_T = TypeVar("_T")

_SEPARATOR: Final = b"\x1f"  # keeps ("ab", "c") and ("a", "bc") apart


class SeededEntropy:
    """Implements `ports.Entropy`. `stream` depends on the names alone, never on draws made; nothing is drawn before it is asked for."""

    __slots__ = ("_key", "_random")

    def __init__(self, seed: int, name: str = "") -> None:
        self._key = blake2b(str(seed).encode() + _SEPARATOR + name.encode(), digest_size=16).digest()
        self._random: Random | None = None

    def stream(self, name: str) -> SeededEntropy:
        """Return the child stream of that name, at its beginning."""
        child = SeededEntropy.__new__(SeededEntropy)
        child._key = blake2b(name.encode(), key=self._key, digest_size=16).digest()
        child._random = None
        return child

    def new_id(self) -> str:
        """Return 32 hex digits: 128 bits of the stream."""
        return f"{self._source().getrandbits(128):032x}"

    def nonce(self, size: int) -> bytes:
        """Return `size` bytes. Raises ValueError when negative."""
        if size < 0:
            raise ValueError(f"a nonce of {size} bytes")
        return self._source().getrandbits(size * 8).to_bytes(size, "big") if size else b""

    def fraction(self) -> float:
        """Return a float in [0, 1)."""
        return self._source().random()

    def below(self, bound: int) -> int:
        """Return an int in [0, bound), every one equally likely. Raises ValueError when bound < 1."""
        if bound < 1:
            raise ValueError(f"nothing is below {bound}")
        bits = (bound - 1).bit_length()
        draw = self._source().getrandbits
        while (value := draw(bits) if bits else 0) >= bound:
            pass
        return value

    def choice(self, options: Sequence[_T]) -> _T:
        """Return one element. Raises IndexError when there is none."""
        if not options:
            raise IndexError("no options to choose from")
        return options[self.below(len(options))]

    def gauss(self) -> float:
        """Return a draw of the standard normal distribution (Box-Muller: always two fractions)."""
        source = self._source()
        radius = math.sqrt(-2.0 * math.log(1.0 - source.random()))
        return radius * math.cos(2.0 * math.pi * source.random())

    def _source(self) -> Random:
        source = self._random
        if source is None:
            # A generator is 2.5 KiB: most streams of a large world are never drawn from.
            source = self._random = Random(int.from_bytes(self._key, "big"))
        return source
