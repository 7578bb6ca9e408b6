"""What a kind of environment asks its operator for, checked: a plain mapping becomes the kind's own struct, or findings.

Knows types that say what is allowed, and how findings are worded. Must not know any kind of environment, nor where the mapping stood.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect

from claynet.actors import units
from claynet.actors.nearest import nearest
from claynet.actors.units import UnitError

SIZE = msgspec.Meta(extra={"unit": "size"})
"""Marks a field of whole bytes, `Annotated[int, msgspec.Meta(ge=1), SIZE]`: it takes texts such as `512MiB` too."""
_LONGEST = 60


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options of a kind that has none."""


@dataclass(frozen=True, slots=True)
class OptionFinding:
    """What is wrong with one option."""

    key: str
    """Empty when it is about all of them together."""
    message: str
    suggestion: str = ""


class OptionsError(Exception):
    """Options cannot be taken as they are; `findings` has everything that is wrong with them."""

    def __init__(self, findings: tuple[OptionFinding, ...]) -> None:
        super().__init__("; ".join(f"{found.key}: {found.message}" if found.key else found.message for found in findings))
        self.findings = findings


def parse_options(kind: type[msgspec.Struct], raw: Mapping[str, Any]) -> msgspec.Struct:
    """Return a kind's options. Raises OptionsError with every finding."""
    fields = {field.encode_name: field for field in _struct(kind).fields}
    findings = [OptionFinding(key, "unknown option", nearest(key, fields)) for key in raw if key not in fields]
    findings += [OptionFinding("", f"the option {key!r} is missing") for key, field in fields.items() if field.required and key not in raw]
    types = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    taken: dict[str, Any] = {}
    for key in fields.keys() & raw.keys():
        try:
            taken[key] = _in_bytes(fields[key].type, raw[key])
            msgspec.convert(taken[key], types[key])
        except UnitError as error:
            findings.append(OptionFinding(key, str(error), error.suggestion))
        except (msgspec.ValidationError, ValueError) as error:
            findings.append(OptionFinding(key, *_worded(fields[key].type, raw[key], str(error))))
    if findings:
        raise OptionsError(tuple(sorted(findings, key=lambda found: found.key)))
    try:
        return msgspec.convert(taken, kind)
    except (msgspec.ValidationError, ValueError) as error:  # of the struct's own check of all of them together
        raise OptionsError((OptionFinding("", str(error).removesuffix(" - at `$`")),)) from None


def _struct(kind: type[msgspec.Struct]) -> inspect.StructType:
    found = inspect.type_info(kind)
    if not isinstance(found, inspect.StructType):
        raise TypeError(f"options are described by a msgspec.Struct, not by {kind!r}")
    return found


def _is_size(wanted: inspect.Type) -> bool:
    return isinstance(wanted, inspect.Metadata) and (wanted.extra or {}).get("unit") == "size"


def _in_bytes(wanted: inspect.Type, value: Any) -> Any:
    """Turn a text that says a size into bytes; whole bytes may be written too."""
    if not _is_size(wanted) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    return units.size(value)


def _worded(wanted: inspect.Type, value: Any, message: str) -> tuple[str, str]:
    """Return what is wrong with a value, and what would be right if that can be listed."""
    shown = repr(value) if len(repr(value)) <= _LONGEST else repr(value)[: _LONGEST - 3] + "..."
    if isinstance(wanted, inspect.LiteralType):
        return f"cannot be {shown}", nearest(str(value), map(str, wanted.values))
    text = message.replace("`", "").replace(" - at $", " at ")
    if _is_size(wanted):
        head, least, number = text.rpartition(" ")
        text = f"{head} {units.format_size(int(number))}".replace("int ", "a size ") if number.isdigit() else head + least + number
    return f"cannot be {shown}: {text[:1].lower()}{text[1:]}", ""
