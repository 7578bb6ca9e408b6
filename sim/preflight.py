"""Preflight: before anything starts, does each environment work here, and does each app serve?

Knows environments and descriptors. Must not know the run that follows.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from claynet.actors.descriptors import parse
from claynet.actors.ports import Environment, Outcome, Refusal
from claynet.envs.registry import EnvironmentSettings, find
from claynet.sim.memory import MemoryBlobs
from claynet.sim.options import PreflightError
from claynet.sim.plan import AppPlan, NodePlan, Plan
from claynet.sim.world import app_table


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
            settings = EnvironmentSettings(Path(folder) / env, MemoryBlobs(), table, start_limit=node.start_limit)
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
        raise PreflightError(f"{plan.file}: nodes, group {node.group}: {_text(outcome)}; choose another environment with --env")


def _serve(plan: Plan, environment: Environment, app: AppPlan) -> None:
    where = f"{plan.file}: apps.{app.key}"
    descriptor = parse(app.descriptor_text)
    runnable = environment.resolve(descriptor.requestor_env, descriptor.requestor_prereq_json)
    if isinstance(runnable, Refusal):
        raise PreflightError(f"{where}: {app.name}: {runnable.detail}; install the app here, or name its `module:`")
    backend = environment.backend(runnable, "requestor", f"preflight/{app.key}", f"requestor/{app.key}")
    outcome = backend.start().run()
    backend.stop().run()
    if not outcome.ok:
        raise PreflightError(f"{where}: {app.name} does not serve in {environment.name}: {_text(outcome)}")


def _text(outcome: Outcome) -> str:
    return outcome.detail or outcome.code or outcome.status
