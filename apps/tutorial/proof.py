"""The work itself: finding a number whose hash begins with zero bits, and checking one.

Knows hashes. Must not know tasks, folders or files. The same input and part always give the same number.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from hashlib import blake2b

from claynet.taskapi import ShutdownSignal

MAX_DIFFICULTY = 32
"""Bits; each one doubles the work, and this many take an hour."""

_NONCES = 2**64
_BETWEEN_LOOKS = 1024
"""Hashes between two looks at the shutdown signal: about a millisecond."""

_BENCHMARK_HASHES = 10_240
_HIGHEST_SCORE = 9_999.0


@dataclass(frozen=True, slots=True)
class Puzzle:
    """What a part asks for: a nonce whose hash, with this prefix, begins with `difficulty` zero bits."""

    prefix: bytes
    difficulty: int

    @classmethod
    def of(cls, input_digest: bytes, part: int, difficulty: int) -> Puzzle:
        """Return the puzzle of a part of an input."""
        return cls(blake2b(input_digest + part.to_bytes(8, "big"), digest_size=32).digest(), difficulty)


def hash_of(puzzle: Puzzle, nonce: int) -> bytes:
    """Return the hash (32 bytes) of a nonce from 0 to 2^64 - 1."""
    return blake2b(puzzle.prefix + nonce.to_bytes(8, "big"), digest_size=32).digest()


def solves(puzzle: Puzzle, nonce: int) -> bool:
    """Return whether a nonce is a solution: one hash's work."""
    return 0 <= nonce < _NONCES and _begins_with_zeros(hash_of(puzzle, nonce), puzzle.difficulty)


def solve(puzzle: Puzzle, stop: ShutdownSignal) -> int:
    """Return the first solution from the puzzle's own starting point on; raises Interrupted when told to stop."""
    nonce = int.from_bytes(puzzle.prefix[:8], "big")
    while True:
        stop.check()
        for _ in range(_BETWEEN_LOOKS):
            if _begins_with_zeros(hash_of(puzzle, nonce), puzzle.difficulty):
                return nonce
            nonce = (nonce + 1) % _NONCES


def benchmark(stop: ShutdownSignal) -> float:
    """Return this machine's score: thousands of hashes a second, over a few milliseconds; raises Interrupted when told to stop."""
    puzzle = Puzzle(b"\0" * 32, 8 * 32)
    started = time.perf_counter()
    for nonce in range(_BENCHMARK_HASHES):
        if nonce % _BETWEEN_LOOKS == 0:
            stop.check()
        solves(puzzle, nonce)
    seconds = max(time.perf_counter() - started, 1e-6)  # a coarse or simulated clock may not have moved
    return min(_BENCHMARK_HASHES / seconds / 1000, _HIGHEST_SCORE)


def _begins_with_zeros(digest: bytes, bits: int) -> bool:
    return int.from_bytes(digest, "big") >> (8 * len(digest) - bits) == 0
