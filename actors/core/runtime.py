"""The machine of one running app service.

All changes of its status are in this file. It does not know what runs the service.
"""

from __future__ import annotations

from claynet.actors.core.machine import State, move

TABLE = {
    ("created", "start"): "starting",
    ("created", "stop"): "stopped",
    ("starting", "started"): "running",
    ("starting", "failed"): "failing",
    ("starting", "stop"): "stopping",
    ("running", "failed"): "failing",
    ("running", "stop"): "stopping",
    ("failing", "gone"): "failed",
    ("stopping", "started"): "stopping",
    ("stopping", "failed"): "stopping",
    ("stopping", "gone"): "stopped",
}
"""`failing` and `stopping` still clean up: a service is over only when what it made is gone."""
FINAL = frozenset({"stopped", "failed"})
INITIAL = "created"


class RuntimeState(State, frozen=True, kw_only=True, tag="runtime"):
    """One service."""

    id: str


def step(state: RuntimeState, name: str, reason: str = "") -> RuntimeState:
    """Return the state after a move. Raises InvalidTransition."""
    return move(TABLE, f"runtime/{state.id}", state, name, reason=reason or state.reason)
