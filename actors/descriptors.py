"""App descriptors: JSON text to values, with the app id of the Task API.

Knows the descriptor's fields. Must not know where a text came from, nor whether an app is enabled.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

_DEFAULTS: dict[str, Any] = {"version": "0.0", "description": "", "author": "", "license": "", "market_strategy": "brass"}
_REQUIRED = ("name", "requestor_env", "requestor_prereq", "max_benchmark_score")
_ORDER = (*_REQUIRED, "version", "description", "author", "license", "market_strategy")
_MOST = 256 * 1024


class DescriptorError(ValueError):
    """A descriptor cannot be used; the text says which field and why."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One app as its author describes it."""

    app_id: str
    name: str
    requestor_env: str
    requestor_prereq_json: str
    max_benchmark_score: float
    version: str
    description: str
    author: str
    license: str
    market_strategy: str


def parse(text: str) -> Descriptor:
    """Read a descriptor's JSON text. Raises DescriptorError."""
    if len(text) > _MOST:
        raise DescriptorError(f"the file is larger than {_MOST} bytes")
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # JSON can write half of a surrogate pair; no message could carry it
        raise DescriptorError("it holds a character that is none: half of a surrogate pair") from None
    except (ValueError, RecursionError) as error:  # a bare ValueError: a number of more digits than Python reads
        raise DescriptorError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise DescriptorError("not a JSON object")
    missing = [field for field in _REQUIRED if field not in value]
    if missing:
        raise DescriptorError(f"missing: {', '.join(missing)}")
    full: dict[str, Any] = {field: value.get(field, _DEFAULTS.get(field)) for field in _ORDER}
    _check(full)
    return Descriptor(
        app_id=app_id(full),
        name=full["name"],
        requestor_env=full["requestor_env"],
        requestor_prereq_json=json.dumps(full["requestor_prereq"]),
        max_benchmark_score=float(full["max_benchmark_score"]),
        version=full["version"],
        description=full["description"],
        author=full["author"],
        license=full["license"],
        market_strategy=full["market_strategy"].lower(),
    )


def load(files: tuple[tuple[str, str], ...]) -> tuple[dict[str, Descriptor], list[tuple[str, str]]]:
    """Return descriptors by app id, and (file, problem) of those skipped; of two files with one id the first counts."""
    found: dict[str, Descriptor] = {}
    problems = []
    for name, text in files:
        try:
            descriptor = parse(text)
        except DescriptorError as error:
            problems.append((name, str(error)))
            continue
        if descriptor.app_id in found:
            problems.append((name, f"the same app as another file: {descriptor.name} {descriptor.version}"))
        else:
            found[descriptor.app_id] = descriptor
    return found, problems


def app_id(fields: dict[str, Any]) -> str:
    """Return the hex BLAKE2b-128 of the JSON text of all fields in the Task API's order (the file's own order does not count)."""
    text = json.dumps({field: fields[field] for field in _ORDER})
    return blake2b(text.encode(), digest_size=16).hexdigest()


def read_folder(folder: Path) -> tuple[tuple[str, str], ...]:
    """Return (file name, text) of every `*.json` in a folder, sorted; an unreadable one has an empty text."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append((path.name, path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError):
            found.append((path.name, ""))
    return tuple(found)


def _check(full: dict[str, Any]) -> None:
    for field in ("name", "requestor_env", "version", "description", "author", "license", "market_strategy"):
        if not isinstance(full[field], str):
            raise DescriptorError(f"{field} must be text")
    if not full["name"]:
        raise DescriptorError("name is empty")
    if not isinstance(full["requestor_prereq"], dict):
        raise DescriptorError("requestor_prereq must be an object")
    if not _is_score(full["max_benchmark_score"]):
        raise DescriptorError("max_benchmark_score must be a number of at least 0")
    if full["market_strategy"].lower() not in ("brass", "wasm"):
        raise DescriptorError("market_strategy must be brass or wasm")


def _is_score(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return 0 <= float(value) < float("inf")
    except OverflowError:  # a whole number that is larger than any float
        return False
