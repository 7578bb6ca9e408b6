"""What an app's package.json and package-lock.json ask npm for: packages of a registry, each by version and hash.

Knows the form of both files. Must not know npm. They are a stranger's, and npm runs on the host: a name, version or range that stands
for a repository, a url or a folder would have it start other programs or read other files. So what is not known to be harmless is left
out or refused, and npm never sees the files themselves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LOCK = "package-lock.json"
MANIFEST = "package.json"
_NAME = r"(?:@[\w~-][\w.~-]*/)?[\w~-][\w.~-]*"
_PLACE = re.compile(rf"node_modules/{_NAME}(?:/node_modules/{_NAME})*", re.ASCII)
_ONE_NAME = re.compile(_NAME, re.ASCII)
_VERSION = re.compile(r"[0-9][\w.+-]*", re.ASCII)
_SHA512 = re.compile(r"(?:^|\s)sha512-[A-Za-z0-9+/]{86}==(?:$|\s)")
_RANGE = r"[\w+<>=^~|*-][\w.+<>=^~|* -]*"
_WANTED = re.compile(rf"(?:npm:{_NAME}(?:@{_RANGE})?|\${_NAME}|{_RANGE})?", re.ASCII)
_OVERRIDDEN = re.compile(rf"\.|{_NAME}(?:@{_RANGE})?", re.ASCII)
_FILE = re.compile(r"\.(?:tgz|tar|tar\.gz)$", re.IGNORECASE)
_NEEDS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
_OF_ROOT = ("name", "version", "peerDependenciesMeta", *_NEEDS)
_OF_PACKAGE = ("integrity", "optional", "dev", "devOptional", "peer", "bin", "engines", "os", "cpu", "libc", *_OF_ROOT)
_REFUSED = {
    "link": "is a link to a folder",
    "inBundle": "comes inside of another package, without a hash of its own",
    "hasShrinkwrap": "brings a lock file of its own, which nobody checked",
}


class NpmError(Exception):
    """The packages cannot be had; the text says why, or what would help."""


def read_lock(path: Path) -> dict[str, Any]:
    """Return what a lock file pins, as one that holds nothing else; where packages come from is left to npm's own settings.

    Raises NpmError unless every package comes from a registry and is pinned by a strong hash.
    """
    try:
        packages = _object(path)["packages"]
        root = packages.get("", {})
        pinned = {"": _root(root)} | {place: _package(place, entry) for place, entry in sorted(packages.items()) if place}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NpmError(f"{path.name} is not a lock file of npm 7 or newer: {type(error).__name__}: {error}") from None
    except _UnsafeError as found:
        raise NpmError(f"{path.name}: {found}; only packages of a registry that are pinned can be repeated") from None
    known = {key: root[key] for key in ("name", "version") if key in root}
    return {**known, "lockfileVersion": 3, "requires": True, "packages": pinned}


def read_manifest(path: Path) -> dict[str, Any]:
    """Return what of a package.json npm must know to install the packages of the lock file. Raises NpmError."""
    try:
        manifest = _object(path)
        overrides = manifest.get("overrides", {})
        _check_overrides(overrides)
        return _root(manifest) | ({"overrides": overrides} if overrides else {})
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise NpmError(f"{path.name} cannot be read: {type(error).__name__}: {error}") from None
    except _UnsafeError as found:
        raise NpmError(f"{path.name}: {found}; only packages of a registry can be had") from None


class _UnsafeError(Exception):
    """Says what would make npm do more than fetch packages."""


def _object(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise TypeError("an object is wanted")
    return found


def _root(entry: Mapping[str, Any]) -> dict[str, Any]:
    if entry.get("workspaces"):
        raise _UnsafeError("workspaces are folders")
    _check_needs(entry, "")
    return {key: entry[key] for key in _OF_ROOT if key in entry}


def _package(place: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    shown = place[:60]
    for key, why in _REFUSED.items():
        if entry.get(key):
            raise _UnsafeError(f"{shown} {why}")
    if not _PLACE.fullmatch(place):
        raise _UnsafeError(f"{shown!a} is no place of a package below node_modules")
    if not _SHA512.search(str(entry.get("integrity", ""))):
        raise _UnsafeError(f"{shown} has no sha512 integrity")
    if not str(entry.get("resolved", "https://")).startswith("https://"):
        raise _UnsafeError(f"{shown} is not resolved to https://")
    if not _ONE_NAME.fullmatch(str(entry.get("name", "x"))) or not _VERSION.fullmatch(str(entry.get("version", ""))):
        raise _UnsafeError(f"{shown} has no version, or a name or version of another form than a registry's")
    _check_needs(entry, f"{shown}: ")
    return {key: entry[key] for key in _OF_PACKAGE if key in entry}


def _check_needs(entry: Mapping[str, Any], where: str) -> None:
    for key in _NEEDS:
        for name, wanted in entry.get(key, {}).items():
            if not _ONE_NAME.fullmatch(name) or not _of_registry(wanted):
                raise _UnsafeError(f"{where}{key}: {name[:60]!a} is wanted as {str(wanted)[:60]!a}")


def _check_overrides(overrides: Mapping[str, Any]) -> None:
    for name, wanted in overrides.items():
        if isinstance(wanted, dict):
            _check_overrides(wanted)
        elif not _of_registry(wanted):
            raise _UnsafeError(f"overrides: {name[:60]!a} is wanted as {str(wanted)[:60]!a}")
        if not _OVERRIDDEN.fullmatch(name):
            raise _UnsafeError(f"overrides: {name[:60]!a} is no package")


def _of_registry(wanted: object) -> bool:
    """Tell whether npm would ask a registry for this; anything with a colon or slash is something else, but for an alias."""
    return isinstance(wanted, str) and _WANTED.fullmatch(wanted) is not None and not _FILE.search(wanted)
