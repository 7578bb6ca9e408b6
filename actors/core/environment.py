"""The machine of one environment on one node.

All changes of its status are in this file. It does not know what the environment is.
"""

from __future__ import annotations

from claynet.actors.core.machine import State, move

TABLE = {
    ("unknown", "probe"): "probing",
    ("probing", "ok"): "ready",
    ("probing", "fault"): "broken",
    ("ready", "fault"): "broken",
    ("ready", "disable"): "disabled",
    ("broken", "probe"): "probing",
    ("broken", "disable"): "disabled",
    ("disabled", "probe"): "probing",
}
"""A broken environment heals by probing again; nothing runs in it meanwhile and the node stays up."""
FINAL: frozenset[str] = frozenset()
INITIAL = "unknown"


class EnvironmentState(State, frozen=True, kw_only=True, tag="environment"):
    """One environment."""

    name: str


def step(state: EnvironmentState, name: str, reason: str = "") -> EnvironmentState:
    """Return the state after a move. Raises InvalidTransition."""
    return move(TABLE, f"environment/{state.name}", state, name, reason=reason)
