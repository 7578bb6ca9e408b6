"""The `docker_gpu` environment: `docker_cpu` with GPUs in its containers, where the engine has a runtime for them.

Knows what a GPU container is asked for and how to find out whether the engine can. Must not know services: they are those of docker_cpu.
"""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec

from claynet.actors.environment import Runnable
from claynet.actors.ports import SECOND, Blobs, Outcome, Work
from claynet.envs.docker_cpu import DockerCpuEnvironment, DockerSettings
from claynet.envs.docker_engine import ENGINE
from claynet.envs.identity import hardware, identified
from claynet.envs.lifecycle import KILLED, FixedWork
from claynet.envs.usage import OnUsage, no_usage
from claynet.envs.workspace import FileLimits
from claynet.proto import layout

UNSUPPORTED = "unsupported"
_REMEDY = "install a GPU runtime for docker (NVIDIA Container Toolkit) and restart the engine, or use docker_cpu"
_PATIENCE = 60.0
"""Seconds that the container which tries the GPU may take to end."""


class DockerGpuEnvironment(DockerCpuEnvironment):
    """Runs apps in containers that see GPUs. `settings.gpus` says which."""

    def __init__(
        self,
        data_dir: Path,
        blobs: Blobs,
        *,
        settings: DockerSettings,
        start_limit: int = 15 * SECOND,
        limits: FileLimits | None = None,
        on_usage: OnUsage = no_usage,
    ) -> None:
        if settings.gpus is None:
            raise ValueError("docker_gpu needs to be told which GPUs its containers are given")
        super().__init__(
            data_dir, blobs, settings=settings, start_limit=start_limit, limits=limits, on_usage=on_usage, name=layout.DOCKER_GPU
        )
        self._gpus = settings.gpus

    def benchmark(self) -> Work:
        """Nothing of a GPU is measured: what it is good for only an app's own benchmark says."""
        return FixedWork(Outcome("error", code=UNSUPPORTED, detail="a GPU is measured by the benchmarks of apps only"))

    def _identify(self, runnable: Runnable, killed: threading.Event) -> Outcome:
        found = super()._identify(runnable, killed)
        if not found.ok:
            return found
        digest = msgspec.json.decode(found.reply)["digest"]
        return identified(digest, f"{hardware()} gpus {','.join(self._gpus.ids) or 'all'}")

    def _look(self, killed: threading.Event) -> Outcome:
        found = super()._look(killed)
        return found if not found.ok else self._try_gpus(killed)

    def _try_gpus(self, killed: threading.Event) -> Outcome:
        """Start a container with the GPUs that every other one would be given."""
        end, _ = self._run_once("probe", ("python3", "-c", "pass"), _PATIENCE, killed)
        if end.ok or end is KILLED or end.code == ENGINE:
            return end
        why = end.detail or end.status
        return Outcome("error", code=UNSUPPORTED, detail=f"the docker engine gives containers no GPU: {why}; {_REMEDY}")
