"""The configuration file of a node: YAML that keeps its comments, written for people to read and change.

Knows ruamel's round trip and the sections of the file. Must not know what a setting is for beyond its Key.
"""

from __future__ import annotations

import io
import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedOrderedMap

from claynet.actors.nearest import nearest
from claynet.net.settings.node_settings import Finding, Given, SettingsError
from claynet.net.settings.setting_keys import KEYS, SECTIONS, Key
from claynet.net.settings.yaml_text import YamlTextError, line_in, load_yaml

MOST_BYTES = 256 * 1024
_WIDTH = 100


def read_config(path: Path) -> Given:
    """Read a file; one that is not there gives nothing. Raises SettingsError for a file that is no configuration."""
    tree = _load(path)
    values: dict[str, object] = {}
    places: dict[str, str] = {}
    findings = _not_plain(tree, path)
    if findings:
        raise SettingsError(findings)
    for name, value in tree.items():
        line = line_in(tree, name)
        if name in SECTIONS and isinstance(value, CommentedMap):
            for inner, inside in value.items():
                values[f"{name}.{inner}"] = inside
                places[f"{name}.{inner}"] = f"{path}:{line_in(value, inner)}"
        elif name in SECTIONS:
            if value is not None:  # a section whose keys are all comments
                findings.append(Finding(f"{path}:{line}", name, "expected a section with keys below it"))
        elif name not in KEYS:
            findings.append(Finding(f"{path}:{line}", str(name), "unknown key", nearest(str(name), [*SECTIONS, *KEYS])))
        else:
            values[name], places[name] = value, f"{path}:{line}"
    if findings:
        raise SettingsError(findings)
    return Given(values, places)


def _not_plain(tree: CommentedMap, path: Path) -> list[Finding]:
    """Refuse merge keys: what they bring has no line of its own, and changing it here would change it elsewhere; and `!!omap` likewise."""
    parts = {"": tree, **{str(name): value for name, value in tree.items() if isinstance(value, CommentedMap)}}
    findings = []
    for key, part in parts.items():
        place = f"{path}:{(part.lc.line or 0) + 1}"  # that of no file has none
        if part.merge:
            findings.append(Finding(place, f"{key}.<<".lstrip("."), "merge keys are not read here", "write out the keys that it brings"))
        if isinstance(part, CommentedOrderedMap):
            findings.append(Finding(place, key or "file", "!!omap is not read here", "write the keys below each other"))
    return findings


def set_value(path: Path, key: Key, value: Any) -> None:
    """Change one setting in a file, made when it is not there; all else stays as it is. Raises SettingsError or OSError."""
    if not path.exists():
        write_config(path, {})
    tree = _load(path)
    inner = key.name.rpartition(".")[2]
    home = tree
    if key.section:
        home = tree.get(key.section)
        if not isinstance(home, CommentedMap):
            home = tree[key.section] = CommentedMap()
    if inner not in home and _uncomment(path, key, value):
        return
    home[inner] = _yaml().load(f"value: {key.show(value)}")["value"]
    stream = io.StringIO()
    _yaml().dump(tree, stream)
    _replace(path, stream.getvalue())


def _uncomment(path: Path, key: Key, value: Any) -> bool:
    """Put a setting where it stands in a comment, as `render` writes it; tell whether it does."""
    inner = key.name.rpartition(".")[2]
    lines = path.read_text(encoding="utf-8").split("\n")
    section = ""
    for number, line in enumerate(lines):
        if line and line[0].isalpha() and line.rstrip().endswith(":"):
            section = line.rstrip()[:-1]
        indent = "  " if key.section else ""
        if section == key.section and line.startswith(f"{indent}# {inner}: "):
            lines[number] = f"{indent}{inner}: {key.show(value)}"
            _replace(path, "\n".join(lines))
            return True
    return False


def write_config(path: Path, values: Mapping[str, Any]) -> None:
    """Write a new file: every key with its meaning; those that are not given stand there as they are by default, in comments.

    Raises OSError.
    """
    _replace(path, render(values))


def render(values: Mapping[str, Any]) -> str:
    """Return the text of a configuration file."""
    lines = ["# Settings of a claynet node. `claynet config explain KEY` says more; what stands after a # is the default."]
    section = ""
    for key in KEYS.values():
        if key.section != section:
            section = key.section
            lines += ["", f"{section}:"]
        elif not section:
            lines.append("")
        indent = "  " if section else ""
        lines += textwrap.wrap(key.meaning, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
        line = f"{key.name.rpartition('.')[2]}: {key.show(values.get(key.name, key.default))}"
        lines.append(f"{indent}{line}" if key.name in values else f"{indent}# {line}")
    return "\n".join(lines) + "\n"


def _load(path: Path) -> CommentedMap:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return CommentedMap()
    except OSError as error:
        raise SettingsError([Finding(str(path), "file", f"cannot be read ({error.strerror})", "name another --data-dir")]) from error
    if len(data) > MOST_BYTES:
        raise SettingsError([Finding(str(path), "file", f"it has {len(data)} bytes; at most {MOST_BYTES} are read")])
    try:
        tree = load_yaml(_yaml(), data)
    except YamlTextError as error:
        place = f"{path}:{error.line}" if error.line else str(path)
        raise SettingsError([Finding(place, "file", f"not YAML: {error}")]) from error
    if tree is None:
        return CommentedMap()
    if not isinstance(tree, CommentedMap):
        raise SettingsError([Finding(f"{path}:1", "file", "expected keys such as `name: desk`")])
    return tree


def _yaml() -> YAML:
    yaml = YAML()  # round trip: makes plain values only, whatever tags say
    yaml.preserve_quotes = True
    yaml.width = 4096
    return yaml


def _replace(path: Path, text: str) -> None:
    # Written beside and moved over: a crash leaves the old file or the new one.
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
