"""The table *image name -> installed app*: what `process`, `inproc` and `model` run for a docker environment's prerequisites.

Knows the rule codes of refusals and the form of image names. Must not know how any environment finds or runs the object named.
Prerequisites come from peers: anything at all may be in them, and nothing in them is ever imported or executed; only the operator's
own entries are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import entry_points

from claynet.actors.environment import Refusal, Runnable
from claynet.proto import layout

APPS_GROUP = "claynet.apps"
"""Entry point group: the entry's name is the image name without a tag, its value `module:OBJECT`."""

DEFAULT_TAG = "latest"
"""The tag of prerequisites that name none, as docker has it."""

USUAL_STAND_IN = frozenset({layout.DOCKER_CPU})
"""The environment id that headers carry: of the classic network's apps, all of which are images."""

_LONGEST = 4096
"""Characters of prerequisites looked at: an image and a tag are far shorter."""

_LONGEST_IMAGE = 255
_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*", re.ASCII)
"""Docker's grammar of a repository's name. What is none may be a path of the engine's API, or no text that can be saved."""
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_ALGORITHM = "sha256"
"""No repository's name, by docker's rule: `sha256:...` is an image by its id, whatever source it is of."""


class AppTable:
    """Which installed app stands for an image. Immutable; shared by the environments of a node, or of a thousand."""

    def __init__(self, apps: Mapping[str, str], stands_in_for: frozenset[str] = USUAL_STAND_IN) -> None:
        """Take `image name -> module:OBJECT`, and the environment ids of headers that these apps run instead of.

        Raises ValueError for a value of another form, or an empty or tagged name.
        """
        for image, target in apps.items():
            module, colon, name = target.partition(":")
            if not (module and colon and name):
                raise ValueError(f"app {image!r}: {target!r} is not MODULE:OBJECT")
            if not image or split_tag(image)[1]:
                raise ValueError(f"app {image!r}: the name of an image without a tag is wanted")
        self._apps = dict(sorted(apps.items()))
        self._stands_in_for = stands_in_for

    @classmethod
    def installed(cls, explicit: Mapping[str, str] | None = None, stands_in_for: frozenset[str] = USUAL_STAND_IN) -> AppTable:
        """Read the entry points of this Python; `explicit` entries win over them."""
        found = {point.name: point.value for point in entry_points(group=APPS_GROUP)}
        return cls(found | dict(explicit or {}), stands_in_for)

    @property
    def images(self) -> tuple[str, ...]:
        """The known image names, sorted."""
        return tuple(self._apps)

    def target_of(self, image: str) -> str | None:
        """Return `module:OBJECT` for an image's name without its tag, or None."""
        return self._apps.get(image)

    def target(self, runnable: Runnable) -> str:
        """Return `module:OBJECT` for what `resolve` returned. Raises KeyError for an image that is not in the table."""
        return self._apps[split_tag(runnable.image)[0]]

    def resolve(self, environment: str, env_id: str, prerequisites_json: str) -> Runnable | Refusal:
        """Find what the environment of this name runs for an app's own environment id and prerequisites."""
        if env_id != environment and env_id not in self._stands_in_for:
            return Refusal("environment", f"{environment} does not stand in for environment {env_id[:64]!r}")
        parsed = parse_prerequisites(prerequisites_json)
        if isinstance(parsed, str):
            return Refusal("prerequisites", parsed)
        image, tag = parsed
        if image not in self._apps:
            known = ", ".join(self._apps) or "none"
            return Refusal("unknown_app", f"no installed app stands for image {image[:128]!r} (known: {known})")
        return Runnable(env=environment, image=f"{image}:{tag}")


def split_tag(image: str) -> tuple[str, str]:
    """Split `image:tag`; the tag is empty when there is none. A registry's port is not a tag."""
    head, colon, tail = image.rpartition(":")
    return (head, tail) if colon and "/" not in tail else (image, "")


@lru_cache(maxsize=256)  # every header of one app carries the same few texts
def parse_prerequisites(text: str) -> tuple[str, str] | str:
    """Return (image, tag) of a docker environment's prerequisites, or a line that says what is wrong."""
    if len(text) > _LONGEST:
        return f"prerequisites of {len(text)} characters"
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return "prerequisites are not JSON"
    if not isinstance(found, dict):
        return "prerequisites are not a JSON object"
    image, tag = found.get("image"), found.get("tag", DEFAULT_TAG)
    if not isinstance(image, str) or not image:
        return "prerequisites name no image"
    if not isinstance(tag, str):
        return "the tag in the prerequisites is not a text"
    if len(image) > _LONGEST_IMAGE or image == _ALGORITHM or not _IMAGE.fullmatch(image):
        return "the image in the prerequisites is no name that docker gives (host:port/path/name, in small letters, without a tag)"
    if tag and not _TAG.fullmatch(tag):
        return "the tag in the prerequisites is none that docker gives (letters, digits, _ . -; at most 128)"
    return image, tag or DEFAULT_TAG
