"""The `docker_gpu` environment: `docker_cpu` with GPUs in its containers, where the engine has a runtime for them.

Knows what a GPU container is asked for and how to find out whether the engine can. Must not know services: they are those of docker_cpu.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from claynet.actors.environment import Runnable
from claynet.actors.ports import SECOND, Blobs, Outcome, Work
from claynet.envs.docker_base import find_base
from claynet.envs.docker_container import Container
from claynet.envs.docker_cpu import DockerCpuEnvironment, DockerSettings
from claynet.envs.docker_engine import ENGINE, REFUSED, EngineProblem
from claynet.envs.docker_limits import ContainerSpec
from claynet.envs.docker_owner import labels, owner_of_containers
from claynet.envs.identity import hardware, identified
from claynet.envs.lifecycle import FixedWork
from claynet.envs.usage import OnUsage, no_usage
from claynet.proto import layout

UNSUPPORTED = "unsupported"
_REMEDY = "install a GPU runtime for docker (NVIDIA Container Toolkit) and restart the engine, or use docker_cpu"
_NO_IMAGE = "no image to try a GPU with is here: claynet app build makes one, BASE_IMAGE names one"
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
        on_usage: OnUsage = no_usage,
    ) -> None:
        if settings.gpus is None:
            raise ValueError("docker_gpu needs to be told which GPUs its containers are given")
        super().__init__(data_dir, blobs, settings=settings, start_limit=start_limit, on_usage=on_usage, name=layout.DOCKER_GPU)
        self._gpus = settings.gpus

    def benchmark(self) -> Work:
        """Nothing of a GPU is measured: what it is good for only an app's own benchmark says."""
        return FixedWork(Outcome("error", code=UNSUPPORTED, detail="a GPU is measured by the benchmarks of apps only"))

    def _identify(self, runnable: Runnable) -> Outcome:
        found = super()._identify(runnable)
        if not found.ok:
            return found
        digest = msgspec.json.decode(found.reply)["digest"]
        return identified(digest, f"{hardware()} gpus {','.join(self._gpus.ids) or 'all'}")

    def _look(self) -> Outcome:
        found = super()._look()
        return found if not found.ok else self._try_gpus()

    def _try_gpus(self) -> Outcome:
        """Start a container with the GPUs that every other one would be given; a failed one is removed by whoever starts it."""
        try:
            image = find_base(self.engine)
            if image is None:
                return Outcome("error", code=UNSUPPORTED, detail=_NO_IMAGE)
            owner = owner_of_containers(self.engine)
            spec = ContainerSpec(
                image=self.engine.image(image)[0],
                command=("python3", "-c", "pass"),
                user=self.user,
                limits=self._settings.limits,
                labels=labels(owner, self._settings.run) | {"claynet.runtime": "probe", "claynet.side": "probe"},
                variables={},
                mounts={},
                entrypoint=(),
                gpus=self._gpus,
            )
            trial = Container(self.engine, spec, self._log_of("probe"), self._could_not_remove)
            trial.start(lambda: True)
        except EngineProblem as problem:
            if problem.code != REFUSED:
                return Outcome("error", code=problem.code or ENGINE, detail=problem.detail)
            return Outcome("error", code=UNSUPPORTED, detail=f"the docker engine gives containers no GPU: {problem.detail}; {_REMEDY}")
        if not trial.wait(_PATIENCE):
            trial.kill()
            return Outcome("error", code=UNSUPPORTED, detail="a container with GPUs starts and does not end")
        end = trial.end()
        if end.detail.startswith("exited with code"):
            return Outcome("error", code=UNSUPPORTED, detail=f"a container with GPUs fails: {end.detail}; {_REMEDY}")
        return Outcome("ok")
