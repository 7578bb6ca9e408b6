"""The settings that hold for a data dir's node, from its file, variables and flags.

Knows how flags are written. Must not know any command.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from claynet.cli.output import WRONG, Output
from claynet.net.settings.config_file import read_config
from claynet.net.settings.node_settings import Finding, Resolved, SettingsError, from_flags, from_variables, resolve
from claynet.net.storage.data_dir import DataDir

_OPTIONS = {"roles": "--role"}
"""Options that are not called like their key."""


def settings_of(data_dir: DataDir, pairs: Sequence[str] = (), flags: Mapping[str, str] | None = None) -> Resolved:
    """Return what holds; `pairs` are `KEY=VALUE`, `flags` options of a command by key. Raises SettingsError."""
    given = dict(flags or {})
    shown = {key: _OPTIONS.get(key) or f"--{key.rpartition('.')[2].replace('_', '-')}" for key in given}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise SettingsError([Finding("the flag --set", pair[:60], "expected KEY=VALUE such as lend.price=0.5tok")])
        given[key] = value
        shown.pop(key, None)
    return resolve(read_config(data_dir.config), from_variables(os.environ), from_flags(given, shown))


def wrong_settings(error: SettingsError, output: Output) -> int:
    """Report settings that cannot be used; return the exit code."""
    details: list[dict[str, Any]] = [
        {"place": one.place, "key": one.key, "message": one.message, "suggestion": one.suggestion} for one in error.findings
    ]
    return output.error("settings", str(error), details, code=WRONG)
