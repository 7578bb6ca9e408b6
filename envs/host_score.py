"""How fast one thread hashes: the score of an environment itself, the same program wherever it runs.

Knows a small program and how to run it on this machine. Must not know containers, which run the same program by themselves.
"""

from __future__ import annotations

import subprocess

from claynet.actors.ports import Outcome

PROGRAM = """
import hashlib, time
end, count, data = time.perf_counter() + 0.2, 0, bytes(64)
while time.perf_counter() < end:
    for _ in range(1000):
        data = hashlib.sha256(data).digest()
    count += 1
print(count * 5)
"""
"""Prints thousands of SHA-256 of 32 bytes a second."""
LIMIT = 10.0
"""Seconds that it may take."""


def score_of(python: str) -> Outcome:
    """Run it on this machine."""
    try:
        done = subprocess.run([python, "-I", "-S", "-c", PROGRAM], capture_output=True, timeout=LIMIT, check=True)
    except subprocess.TimeoutExpired:
        return Outcome("timed_out")
    except (OSError, subprocess.CalledProcessError) as error:
        return Outcome("error", code="exited", detail=f"the measuring program failed: {type(error).__name__}")
    return Outcome("ok", done.stdout.strip())
