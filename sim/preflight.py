"""Preflight: before anything starts, does each environment work here, has it its images, and does each app serve?

Knows environments and descriptors, and that a missing image can be built when the scenario says from what.
Must not know the run that follows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from claynet.actors.descriptors import parse
from claynet.actors.environment import Environment, Refusal
from claynet.actors.ports import Outcome
from claynet.envs.registry import EnvironmentSettings, find
from claynet.sim.scenario.plan import AppPlan, NodePlan, Plan
from claynet.sim.wire.memory import MemoryBlobs
from claynet.sim.world import app_table, module_path


class PreflightError(Exception):
    """A run cannot start: an environment or app is not as the plan needs it. Nothing was started.

    `key` says which entry of the scenario it is about, `detail` what is wrong, `remedy` the way out.
    """

    def __init__(self, file: Path, key: str, detail: str, remedy: str) -> None:
        super().__init__(f"{file}: {key}: {detail}; {remedy}")
        self.file = file
        self.key = key
        self.detail = detail
        self.remedy = remedy


IMAGES = frozenset({"docker_cpu"})
"""Environments that run images."""
Say = Callable[[str], None]


def preflight(plan: Plan, say: Say | None = None) -> None:
    """Probe every environment in use, build images that are missing, and start and stop the requestor side of every app in use.

    `say` is told what takes its time. Raises PreflightError.
    """
    table = app_table(plan)
    in_use = {(node, plan.apps[task.app].key): plan.apps[task.app] for task in plan.tasks for node in task.by}
    nodes = {node.name: node for node in plan.nodes}
    by_env: dict[str, tuple[NodePlan, dict[str, AppPlan]]] = {node.env: (node, {}) for node in reversed(plan.nodes)}
    for (name, key), app in in_use.items():
        by_env[nodes[name].env][1][key] = app
    with tempfile.TemporaryDirectory(prefix="claynet-preflight-") as folder:
        for env, (node, apps) in by_env.items():
            settings = EnvironmentSettings(
                Path(folder) / env, MemoryBlobs(), table, start_limit=node.start_limit, module_path=module_path(plan)
            )
            environment = find(env).make(settings)
            try:
                _probe(plan, environment, node)
                if env in IMAGES:
                    _build_missing(plan, say or _silent)
                for app in apps.values():
                    _serve(plan, environment, app)
            finally:
                environment.close()


def _silent(_: str) -> None:
    """Nobody listens."""


def _probe(plan: Plan, environment: Environment, node: NodePlan) -> None:
    outcome = environment.probe().run()
    if not outcome.ok:
        raise PreflightError(plan.file, f"nodes: {node.group}: env", _text(outcome), "choose another with --env")


def _build_missing(plan: Plan, say: Say) -> None:
    """Build what providers will need too, so every app of the plan that is in use."""
    from claynet.envs.docker_build import BuildError, build_app
    from claynet.envs.docker_engine import Engine, EngineProblem

    engine = Engine(timeout=300.0)
    try:
        for key in dict.fromkeys(task.app for task in plan.tasks):
            app = plan.apps[key]
            if app.build is not None and app.image and not engine.has_image(app.image):
                say(f"{app.image} is not here; building it from {app.build}")
                build_app(app.build, engine, say, app.descriptor)
    except (BuildError, EngineProblem) as error:
        raise PreflightError(
            plan.file, f"apps: {key}: build", str(error), "mend it, or build the image by hand: claynet app build"
        ) from error
    finally:
        engine.close()


def _serve(plan: Plan, environment: Environment, app: AppPlan) -> None:
    key = f"apps: {app.key}"
    descriptor = parse(app.descriptor_text)
    runnable = environment.resolve(descriptor.requestor_env, descriptor.requestor_prereq_json)
    if isinstance(runnable, Refusal):
        raise PreflightError(plan.file, key, f"{app.name}: {runnable.detail}", "install the app here, or name its `module:`")
    backend = environment.backend(runnable, "requestor", f"preflight/{app.key}", f"requestor/{app.key}")
    outcome = backend.start().run()
    backend.stop().run()
    if outcome.code == "image_missing":
        raise PreflightError(plan.file, key, f"{app.name}: {_text(outcome)}", "or say with `build:` from which folder")
    if not outcome.ok:
        text = _text(outcome)
        found = "module" not in text.lower()
        remedy = "mend the app" if found else "install the app, or put its module beside the scenario and name it by `module:`"
        raise PreflightError(plan.file, key, f"{app.name} does not serve in {environment.name}: {text}", remedy)


def _text(outcome: Outcome) -> str:
    return outcome.detail or outcome.code or outcome.status
