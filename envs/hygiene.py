"""World hygiene: what killed processes of this user left on the machine is removed by whoever runs next.

Knows owners, and asks kinds of environments to clean up outside. Must not know any kind, nor runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from claynet.envs import owner, registry

_PATIENCE = 0.5
"""Seconds that an engine may take to say what it has: most runs have nothing to do with it."""


def sweep(environments: Iterable[str]) -> int:
    """Remove what dead owners left: by the built-in kinds, and these; return how many owners that were.

    Quiet, also when something could not be removed now.
    """
    names = dict.fromkeys([*registry.built_in(), *environments])
    with suppress(OSError):
        return owner.sweep(registry.outsides(names), _PATIENCE)
    return 0
