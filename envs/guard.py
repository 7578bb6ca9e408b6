"""The fence around app code that runs in this process: an injected context manager, by default none.

Knows the shape only. Must not know what a fence does: virtual time supplies one that seeds chance, confines files and moves the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

Guard = Callable[[str, Path, int], AbstractContextManager[None]]
"""Called with (call id, work dir, declared duration in ns) for every call of an app; entered around its handler's code.

The call id is structural, the same in equal runs: runtime id, method and a count.
"""


def no_guard(call_id: str, work_dir: Path, duration: int) -> AbstractContextManager[None]:  # noqa: ARG001 - the shape of a Guard
    """Fence nothing: where real time is real, app code may do what it likes."""
    return nullcontext()
