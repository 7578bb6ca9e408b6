"""The apps that come with claynet, which every new node can request.

Knows their folders. Must not know nodes.
"""

from __future__ import annotations

from importlib.resources import files

_APPS = ("tutorial", "tutorial_tcp")


def bundled() -> tuple[tuple[str, str], ...]:
    """Return (file name, JSON text) of each one's descriptor."""
    return tuple((f"{name}.json", (files("claynet.apps") / name / "descriptor.json").read_text(encoding="utf-8")) for name in _APPS)
