"""Preflight: before anything starts, does each environment work here, has it its images, and does each app serve?

Knows environments and descriptors, and that a missing image can be built when the scenario says from what.
Must not know the run that follows.
"""

from __future__ import annotations

import tempfile

from claynet.actors.descriptors import parse
from claynet.actors.environment import Environment, Refusal
from claynet.actors.ports import Outcome
from claynet.envs.disk_watch import OUT_OF_DISK
from claynet.envs.owner import this_process
from claynet.envs.registry import EnsureImage, EnvironmentSettings, ImageError, Say, find
from claynet.sim.node_parts import app_table, module_path
from claynet.sim.scenario.plan import AppPlan, NodePlan, Plan
from claynet.sim.wire.memory import MemoryBlobs


class PreflightError(Exception):
    """A run cannot start: an environment or app is not as the plan needs it. Nothing was started.

    `key` says which part of which entry of the scenario it is about and `line` where that entry is, `detail` what is wrong, `remedy` the
    way out.
    """

    def __init__(self, plan: Plan, entry: str, part: str, detail: str, remedy: str) -> None:
        """`entry` is a key of `Plan.lines`; `part` may be empty."""
        self.file = plan.file
        self.line = plan.lines.get(entry, 0)
        self.key = f"{entry}: {part}" if part else entry
        super().__init__(f"{self.file}:{self.line}: {self.key}: {detail}; {remedy}")
        self.detail = detail
        self.remedy = remedy


def preflight(plan: Plan, say: Say | None = None) -> None:
    """Probe every environment in use, build images that are missing, and start and stop the requestor side of every app in use.

    `say` is told what takes its time. Raises PreflightError.
    """
    table = app_table(plan)
    with this_process().folder("preflight-") as folder:
        for number, (node, apps) in enumerate(_uses(plan)):
            kind = find(node.env)
            settings = EnvironmentSettings(
                folder / str(number),
                MemoryBlobs(),
                table,
                start_limit=node.start_limit,
                module_path=module_path(plan),
                options=node.options,
            )
            environment = kind.make(settings)
            try:
                _probe(plan, environment, node)
                if kind.ensure_image is not None:
                    _ensure_images(plan, kind.ensure_image, say or _silent)
                for app in apps:
                    _serve(plan, environment, app)
            finally:
                environment.close()


def _uses(plan: Plan) -> list[tuple[NodePlan, list[AppPlan]]]:
    """Return one node for each different use of an environment, and the apps whose requestor side such nodes need."""
    uses: list[tuple[NodePlan, list[AppPlan]]] = []
    for nodes in plan.groups().values():
        node, names = nodes[0], {node.name for node in nodes}
        apps = {task.app: plan.apps[task.app] for task in plan.tasks if names & set(task.by)}
        same = next((known for first, known in uses if (first.env, first.options) == (node.env, node.options)), None)
        if same is None:
            uses.append((node, list(apps.values())))
        else:
            same += [app for app in apps.values() if app not in same]
    return uses


def _silent(_: str) -> None:
    """Nobody listens."""


def _probe(plan: Plan, environment: Environment, node: NodePlan) -> None:
    outcome = environment.probe().run()
    if not outcome.ok:
        raise PreflightError(plan, f"nodes: {node.group}", "env", _text(outcome), "choose another with --env")


def _ensure_images(plan: Plan, ensure: EnsureImage, say: Say) -> None:
    """Build what providers will need too, so every app of the plan that is in use."""
    for key in dict.fromkeys(task.app for task in plan.tasks):
        app = plan.apps[key]
        try:
            if app.build is not None and app.image:
                ensure(app.image, app.build, app.descriptor, say)
        except ImageError as error:
            raise PreflightError(
                plan, f"apps: {key}", "build", str(error), "mend it, or build the image by hand: claynet app build"
            ) from error


def _serve(plan: Plan, environment: Environment, app: AppPlan) -> None:
    key = f"apps: {app.key}"
    descriptor = parse(app.descriptor_text)
    runnable = environment.resolve(descriptor.requestor_env, descriptor.requestor_prereq_json)
    if isinstance(runnable, Refusal):
        raise PreflightError(plan, key, "", f"{app.name}: {runnable.detail}", "install the app here, or name its `module:`")
    backend = environment.backend(runnable, "requestor", f"preflight/{app.key}", f"requestor/{app.key}")
    outcome = backend.start().run()  # when that is interrupted its environment ends it at once: it is not asked to end
    backend.stop().run()
    if outcome.code == "image_missing":
        raise PreflightError(plan, key, "", f"{app.name}: {_text(outcome)}", "or say with `build:` from which folder")
    if outcome.code == OUT_OF_DISK:  # whose text names no folder, since strangers are told it too
        where = tempfile.gettempdir()
        detail = f"{app.name} cannot be tried in {environment.name}: {_text(outcome)} (the disk of {where})"
        raise PreflightError(plan, key, "", detail, "make room there, or have TMPDIR name a folder on another disk")
    if not outcome.ok:
        text = _text(outcome)
        found = "module" not in text.lower()
        remedy = "mend the app" if found else "install the app, or put its module beside the scenario and name it by `module:`"
        raise PreflightError(plan, key, "", f"{app.name} does not serve in {environment.name}: {text}", remedy)


def _text(outcome: Outcome) -> str:
    return outcome.detail or outcome.code or outcome.status
