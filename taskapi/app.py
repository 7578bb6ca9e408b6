"""An app as one object, what a check of it needs to know, and how it is found by `module:NAME`.

Knows handlers. Must not know how an app is served or checked. The entry point group `claynet.apps` points to App objects.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from claynet.taskapi.handlers import Params, ProviderAppHandler, RequestorAppHandler


class AppNotFound(Exception):  # noqa: N818 - says what is the matter, like FileNotFoundError would
    """`module:NAME` does not lead to an App; the text says where it ends."""


@dataclass(frozen=True, slots=True)
class SampleTask:
    """A small task by which an app can be checked."""

    params: Params = field(default_factory=dict)
    inputs: Mapping[str, bytes] = field(default_factory=dict)
    """Input files by name."""
    max_subtasks: int = 2
    slow_params: Params | None = None
    """Parameters of a task whose subtasks compute for many seconds, to be interrupted; None: the app has no such thing."""
    bad_params: tuple[Params, ...] = ()
    """Parameters that the app must refuse."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SampleTask:
        """Read the object `{"params", "inputs": {name: text}, "max_subtasks", "slow_params", "bad_params"}`, all optional.

        Raises ValueError naming the key that is unknown or wrong.
        """
        unknown = sorted(set(value) - set(cls.__slots__))
        if unknown:
            raise ValueError(f"{unknown[0]}: unknown; {', '.join(cls.__slots__)} are known")
        params, inputs, slow = value.get("params", {}), value.get("inputs", {}), value.get("slow_params")
        count, bad = value.get("max_subtasks", 2), value.get("bad_params", [])
        if not isinstance(params, dict):
            raise ValueError("params: an object is wanted")
        if not (isinstance(inputs, dict) and all(isinstance(text, str) for text in inputs.values())):
            raise ValueError("inputs: an object of file names and texts is wanted")
        if type(count) is not int or count < 1:
            raise ValueError("max_subtasks: a number from 1 is wanted")
        if slow is not None and not isinstance(slow, dict):
            raise ValueError("slow_params: an object is wanted")
        if not (isinstance(bad, list) and all(isinstance(item, dict) for item in bad)):
            raise ValueError("bad_params: a list of objects is wanted")
        return cls(params, {name: text.encode() for name, text in inputs.items()}, count, slow, tuple(bad))


@dataclass(frozen=True, slots=True)
class App:
    """An app: how to make the handler of either side, for each service anew."""

    name: str
    """By custom the image's repository and name, `claynet/tutorial`."""
    requestor: Callable[[], RequestorAppHandler]
    provider: Callable[[], ProviderAppHandler]
    sample: SampleTask | None = None


def load_app(target: str) -> App:
    """Import the App that `module:NAME` names; raises AppNotFound. What the module itself raises on import passes through."""
    module_name, colon, name = target.partition(":")
    if not (module_name and colon and name):
        raise AppNotFound(f"{target!r} is not MODULE:OBJECT")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise AppNotFound(f"{target!r}: {error}") from error
    found = getattr(module, name, None)
    if not isinstance(found, App):
        what = "has no such name" if found is None else f"has a {type(found).__name__} there, not an App"
        raise AppNotFound(f"{target!r}: module {module_name} {what}")
    return found
