"""What the node demands of an environment: what can run here, and one running app service behind a backend.

Knows names and promises only, as `ports.py` does for the other ports. Must not know any kind of environment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from claynet.actors.ports import Digest, Side, Work


class Runnable(msgspec.Struct, frozen=True):
    """Something an environment can run: the app's own environment id and prerequisites, resolved here."""

    env: str
    """Name of the environment that runs it (`process`), not the id in the header (`docker_cpu`)."""
    image: str
    """`image:tag` as the prerequisites name it."""
    source: str = ""
    """Where it comes from, by its environment's own rule (docker: the image's name without its last part): a provider runs it only when its
    operator allowed that source. Empty: the operator installed it here, nobody need be asked."""
    digest: str = ""
    """What exactly runs, as `identify` found it; empty: whatever the name stands for at the time."""


class Identity(msgspec.Struct, frozen=True):
    """What a name stands for here: the key under which a benchmark's score is kept."""

    digest: str
    """Names the content: for docker the image's id."""
    hardware: str
    """Names what it runs on: equal on equal machines, empty where nothing real runs."""


class Refusal(msgspec.Struct, frozen=True):
    """Why an environment does not run a thing: a rule code (`environment`, `prerequisites`, `unknown_app`) and a line for people."""

    rule: str
    detail: str


class Placement(msgspec.Struct, frozen=True):
    """A blob to be put at a path relative to a runtime's work dir."""

    path: str
    digest: Digest


class RuntimeBackend(Protocol):
    """One app service: one life. Methods only make Work; nothing happens before a job runs it.

    The core rules hold for all: start before call; a stopped or dead service makes calls come back as error outcomes
    (`code` not empty); stop is idempotent; stop removes what start made (processes, sockets), not the work dir's files.
    """

    def start(self) -> Work:
        """Start the service and wait until it serves (at most the job's wall limit)."""

    def call(self, method: str, request: bytes) -> Work:
        """A Task API call by its method name (`Compute`) and protobuf request; the reply bytes are in `Outcome.reply`."""

    def stop(self) -> Work:
        """Shut down softly, then by force."""

    def place(self, files: Sequence[Placement], folders: Sequence[str] = ()) -> Work:
        """Make folders and put blobs into the work dir (paths are relative and checked; existing files are replaced)."""

    def collect(self, folder: str, names: Sequence[str]) -> Work:
        """Store the named files under `folder` (relative to the work dir) as blobs; `Outcome.files` has them in that order.

        An empty `names` means every regular file below `folder`, sorted. A path outside the work dir (`..`, absolute, through
        a link) or a thing that is not a regular file: error outcome, code `unsafe_path`. A missing file: code `missing_file`.
        """

    def discard(self, paths: Sequence[str]) -> Work:
        """Delete files or folders of the work dir; missing ones are ignored."""


class Environment(Protocol):
    """A way to run apps on this node."""

    @property
    def name(self) -> str:
        """`process`, `inproc`, `model`, `docker_cpu`, ..."""

    def probe(self, patience: int = 0) -> Work:
        """Find out whether it works here; an error outcome says why not and the remedy.

        With `patience` (ns of real time) it waits so long for what it needs to come back before it says no.
        """

    def identify(self, runnable: Runnable) -> Work:
        """Find out what the name stands for now: `Outcome.reply` is an `Identity` as JSON."""

    def benchmark(self) -> Work:
        """Measure the environment itself: `Outcome.reply` is a decimal number, larger is faster."""

    def resolve(self, env_id: str, prerequisites_json: str) -> Runnable | Refusal:
        """Find what this node runs for an app's own environment id and prerequisites. Pure look-up, no I/O."""

    def backend(self, runnable: Runnable, side: Side, runtime_id: str, folder: str) -> RuntimeBackend:
        """Make one service's backend; `folder` is its work dir, relative to the environment's data dir (`requestor/APP`)."""

    def close(self) -> None:
        """Kill every service made here: the node stops or crashed."""
