"""The base image of apps: given by BASE_IMAGE, else the public one, else made here once from the interpreter that runs this.

Knows images and how to find, pull or make one. Must not know apps. Nothing is pulled but the one public image, and only when somebody
builds.
"""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from claynet.envs.docker_engine import Engine, EngineProblem
from claynet.envs.host_tree import write_host_tree

PUBLIC = "python:3.11-slim"
LOCAL = f"claynet/base:python{sys.version_info.major}.{sys.version_info.minor}"
VARIABLE = "BASE_IMAGE"
_FIRST_WORD = 10.0
"""Seconds in which a registry must begin to answer."""
_SILENCE = 60.0
"""Seconds without progress after which a pull is given up."""
Say = Callable[[str], None]


def find_base(engine: Engine) -> str | None:
    """Return the base image that is here already, or None. Raises EngineProblem when the engine does not answer."""
    given = os.environ.get(VARIABLE)
    return next((name for name in ((given,) if given else (PUBLIC, LOCAL)) if engine.has_image(name)), None)


def ensure_base(engine: Engine, say: Say) -> str:
    """Return a base image; pull or make it when there is none. Raises EngineProblem, or OSError while one is made."""
    found = find_base(engine)
    if found is not None:
        return found
    wanted = os.environ.get(VARIABLE) or PUBLIC
    say(f"base image: pulling {wanted}")
    reason = _pull(engine, wanted)
    if not reason:
        return wanted
    if os.environ.get(VARIABLE):
        raise EngineProblem("image_missing", f"{VARIABLE}={wanted} is not here and cannot be pulled: {reason}")
    say(f"base image: {wanted} cannot be pulled ({reason}); making {LOCAL} from this machine's Python")
    make_local(engine)
    return LOCAL


def make_local(engine: Engine) -> None:
    """Make LOCAL from the running interpreter and the libraries that it needs. Raises EngineProblem or OSError."""
    tree = write_host_tree()
    changes = ["ENV PATH=/usr/local/bin:/usr/bin:/bin", "ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt", 'CMD ["python3"]']
    raw = f"{LOCAL}-uncompiled-{os.getpid()}"  # nobody else's: another user may be making the same at this moment
    with engine.api() as api:
        repository, _, tag = raw.rpartition(":")
        with tree:
            api.import_image_from_file(tree.name, repository=repository, tag=tag, changes=changes)
    # a container that cannot write would compile all it imports at each start: 0.2 to 0.6 s (measured)
    library = f"/usr/local/lib/python{sys.version_info.major}.{sys.version_info.minor}"
    compiled = f'FROM {raw}\nLABEL claynet.base=1\nRUN ["python3", "-m", "compileall", "-q", "{library}"]\n'
    build(engine, LOCAL, fileobj=io.BytesIO(compiled.encode()))
    with engine.api() as api:
        api.remove_image(raw, noprune=True)


def build(engine: Engine, tag: str, **arguments: Any) -> None:
    """Build an image without a network; nothing is left of a build that failed. Raises EngineProblem with the end of what it said."""
    said: list[str] = []
    with engine.api() as api:
        steps = api.build(tag=tag, network_mode="none", rm=True, forcerm=True, decode=True, **arguments)
        for step in steps:
            if "error" in step:
                words = " ".join("".join(said[-8:]).split())[-400:]
                raise EngineProblem("build_failed", f"{step['error']}: {words}")
            said.append(str(step.get("stream", "")))


def _pull(engine: Engine, name: str) -> str:
    """Pull an image on a thread that may be left behind when a registry hangs; return why it failed, or nothing."""
    reason = ["no answer in time"]
    done = threading.Event()
    heard = [time.monotonic() + _FIRST_WORD - _SILENCE]

    def pull() -> None:
        try:
            with engine.api() as api:
                for step in api.pull(name, stream=True, decode=True):
                    heard[0] = time.monotonic()
                    if "error" in step:
                        reason[0] = "the registry refused"
                        return
            reason[0] = ""
        except EngineProblem:
            reason[0] = "no registry can be reached"
        finally:
            done.set()

    threading.Thread(target=pull, name="pull", daemon=True).start()
    while not done.wait(0.05):
        if time.monotonic() - heard[0] > _SILENCE:
            break
    return reason[0]
