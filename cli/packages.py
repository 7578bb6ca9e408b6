"""Which packages `claynet[node]` brings. Must not import any of them."""

from __future__ import annotations

NODE_PACKAGES = frozenset({"cryptography", "docker", "msgpack", "msgspec", "platformdirs", "pykka", "rich", "ruamel", "typer"})
"""Their top-level names."""


def is_missing_extra(error: ModuleNotFoundError) -> bool:
    """Tell whether an import failed because only the base install is there; if not, it is a bug."""
    return (error.name or "").partition(".")[0] in NODE_PACKAGES
