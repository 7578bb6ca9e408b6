"""Preflight: before anything starts, does each environment work here, and does each app serve?

Knows environments and descriptors. Must not know the run that follows.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from claynet.actors.descriptors import parse
from claynet.actors.ports import Environment, Outcome, Refusal
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


def preflight(plan: Plan) -> None:
    """Probe every environment in use, and start and stop the requestor side of every app in use. Raises PreflightError."""
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
                for app in apps.values():
                    _serve(plan, environment, app)
            finally:
                environment.close()


def _probe(plan: Plan, environment: Environment, node: NodePlan) -> None:
    outcome = environment.probe().run()
    if not outcome.ok:
        raise PreflightError(plan.file, f"nodes: {node.group}: env", _text(outcome), "choose another with --env")


def _serve(plan: Plan, environment: Environment, app: AppPlan) -> None:
    key = f"apps: {app.key}"
    descriptor = parse(app.descriptor_text)
    runnable = environment.resolve(descriptor.requestor_env, descriptor.requestor_prereq_json)
    if isinstance(runnable, Refusal):
        raise PreflightError(plan.file, key, f"{app.name}: {runnable.detail}", "install the app here, or name its `module:`")
    backend = environment.backend(runnable, "requestor", f"preflight/{app.key}", f"requestor/{app.key}")
    outcome = backend.start().run()
    backend.stop().run()
    if not outcome.ok:
        text = _text(outcome)
        found = "module" not in text.lower()
        remedy = "mend the app" if found else "install the app, or put its module beside the scenario and name it by `module:`"
        raise PreflightError(plan.file, key, f"{app.name} does not serve in {environment.name}: {text}", remedy)


def _text(outcome: Outcome) -> str:
    return outcome.detail or outcome.code or outcome.status
