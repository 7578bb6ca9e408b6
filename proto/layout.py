"""The protocol's constants: folders, environment ids, customary ports, services and their methods.

Knows names and pure paths. Must not know files, sockets, messages or anything above this folder.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

TASK_INPUTS: Final = "task_inputs"
SUBTASK_INPUTS: Final = "subtask_inputs"
TASK_OUTPUTS: Final = "task_outputs"
SUBTASK_OUTPUTS: Final = "subtask_outputs"
TASK_FOLDERS: Final = (TASK_INPUTS, SUBTASK_INPUTS, TASK_OUTPUTS, SUBTASK_OUTPUTS)

WORK_DIR: Final = PurePosixPath("golem/work")
"""Inside an environment, relative to its root."""
WORK_MOUNT: Final = PurePosixPath("/") / WORK_DIR

DOCKER_CPU: Final = "docker_cpu"
DOCKER_GPU: Final = "docker_gpu"

REQUESTOR: Final = "requestor"
PROVIDER: Final = "provider"
SIDES: Final = (REQUESTOR, PROVIDER)
"""The first argument of an app's entrypoint."""

REQUESTOR_PORT: Final = 50005
PROVIDER_PORT: Final = 50006
PORTS: Final = {REQUESTOR: REQUESTOR_PORT, PROVIDER: PROVIDER_PORT}

START_TIMEOUT_SECONDS: Final = 15.0
"""How long a starting app is given until its health service says SERVING."""

PACKAGE: Final = "golem_task_api"
REQUESTOR_SERVICE: Final = f"{PACKAGE}.RequestorApp"
PROVIDER_SERVICE: Final = f"{PACKAGE}.ProviderApp"
SERVICES: Final = {REQUESTOR: REQUESTOR_SERVICE, PROVIDER: PROVIDER_SERVICE}
HEALTH_SERVICE: Final = ""
"""The name to ask grpc.health.v1.Health about."""

CREATE_TASK: Final = "CreateTask"
NEXT_SUBTASK: Final = "NextSubtask"
VERIFY: Final = "Verify"
DISCARD_SUBTASKS: Final = "DiscardSubtasks"
RUN_BENCHMARK: Final = "RunBenchmark"
HAS_PENDING_SUBTASKS: Final = "HasPendingSubtasks"
ABORT_TASK: Final = "AbortTask"
ABORT_SUBTASK: Final = "AbortSubtask"
COMPUTE: Final = "Compute"
SHUTDOWN: Final = "Shutdown"

REQUESTOR_METHODS: Final = (
    CREATE_TASK,
    NEXT_SUBTASK,
    VERIFY,
    DISCARD_SUBTASKS,
    RUN_BENCHMARK,
    HAS_PENDING_SUBTASKS,
    ABORT_TASK,
    ABORT_SUBTASK,
    SHUTDOWN,
)
PROVIDER_METHODS: Final = (COMPUTE, RUN_BENCHMARK, SHUTDOWN)
METHODS: Final = {REQUESTOR: REQUESTOR_METHODS, PROVIDER: PROVIDER_METHODS}

SOCKET_VARIABLE: Final = "CLAYNET_SOCKET"
"""Environment variable: an app that finds it also listens on this unix socket path."""
WORK_DIR_VARIABLE: Final = "CLAYNET_WORK_DIR"
"""Environment variable: the work dir when it is not the customary mount."""
SOCKET_LABEL: Final = "claynet.socket"
"""Label of images that listen on SOCKET_VARIABLE when asked to (value "1")."""
SOCKET_PATH_LIMIT: Final = 107
"""Bytes of a unix socket's path; the kernel's limit less its closing zero."""


def method_path(side: str, method: str) -> str:
    """Return a method's full name on the wire; raises KeyError for an unknown side and ValueError for an unknown method."""
    if method not in METHODS[side]:
        raise ValueError(f"no method {method!r} on the {side} side; it has {', '.join(METHODS[side])}")
    return f"/{SERVICES[side]}/{method}"


def is_segment(name: str) -> bool:
    """Return whether a name is exactly one plain component of a path."""
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name


def segment(name: str) -> str:
    """Return an id unchanged when it can name a folder; raises ValueError when it could lead elsewhere."""
    if not is_segment(name):
        raise ValueError(f"id {name!r} cannot name a folder")
    return name


def requestor_task(task_id: str) -> PurePosixPath:
    """Return a task's folder under the requestor's work dir."""
    return PurePosixPath(segment(task_id))


def requestor_task_inputs(task_id: str) -> PurePosixPath:
    """Return where the node puts the task's input files."""
    return requestor_task(task_id) / TASK_INPUTS


def requestor_subtask_inputs(task_id: str) -> PurePosixPath:
    """Return where the app puts what a subtask's `resources` name."""
    return requestor_task(task_id) / SUBTASK_INPUTS


def requestor_task_outputs(task_id: str) -> PurePosixPath:
    """Return where the app puts final results."""
    return requestor_task(task_id) / TASK_OUTPUTS


def requestor_subtask_outputs(task_id: str, subtask_id: str | None = None) -> PurePosixPath:
    """Return where the node puts providers' results: one subtask's folder, or without an id the folder of them all."""
    folder = requestor_task(task_id) / SUBTASK_OUTPUTS
    return folder if subtask_id is None else folder / segment(subtask_id)


def provider_subtask_inputs() -> PurePosixPath:
    """Return where the node puts a subtask's resources under the provider's work dir, which is one task's own."""
    return PurePosixPath(SUBTASK_INPUTS)


def provider_subtask(subtask_id: str) -> PurePosixPath:
    """Return a subtask's scratch folder under the provider's work dir."""
    return PurePosixPath(segment(subtask_id))
