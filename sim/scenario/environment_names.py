"""Which environment names a scenario may use, and in which mode.

Knows names, and asks the registry of environments for what they are capable of; none is made or probed. Must not know nodes.
"""

from __future__ import annotations

import msgspec

from claynet.envs import registry
from claynet.sim.scenario.plan import Mode


def known() -> tuple[str, ...]:
    """Return every name that may stand in a file, sorted."""
    return registry.names()


def refusal(env: str, mode: Mode) -> tuple[str, str] | None:
    """Return (message, remedy) when nodes cannot use a known environment in this mode; None when they can."""
    try:
        kind = registry.find(env)
    except Exception as error:  # whatever a third-party package raises on import
        remedy = f"repair or remove its package{registry.package_of(env)}"
        return f"the environment {env!r} cannot be used: {type(error).__name__}: {error}", remedy
    if mode not in kind.modes:
        remedy = "use --mode paced, or --env model" if mode == "virtual" else f"it runs in {', '.join(sorted(kind.modes))}"
        return f"mode {mode} cannot run the environment {env!r}", remedy
    return None


def options_of(env: str) -> type[msgspec.Struct] | None:
    """Return what a kind of environment says of its options; None when it cannot be had."""
    try:
        return registry.find(env).options
    except Exception:  # as in `refusal`, which tells what it was
        return None
