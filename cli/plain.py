"""Messages of the control API as plain values, for JSON.

Knows protobuf's descriptors. Must not know any message.
"""

from __future__ import annotations

import json
from typing import Any

from google.protobuf.message import Message


def plain(message: Message) -> dict[str, Any]:
    """Return every field, those at their default too; numbers stay numbers, `*_json` fields are what they hold."""
    found: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.is_repeated:
            found[field.name] = [plain(one) if isinstance(one, Message) else one for one in value]
        elif isinstance(value, Message):
            found[field.name] = plain(value) if message.HasField(field.name) else None
        elif field.name.endswith("_json"):
            found[field.name.removesuffix("_json")] = _read(value)
        else:
            found[field.name] = value
    return found


def _read(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text  # cut short, being too long to be shown
