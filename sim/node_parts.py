"""Parts of a plan's nodes that are the same in every world: their environments with what is dishonest about them, and what these may run.

Knows plans and the registry of environments. Must not know worlds, nor actors.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from claynet.actors.descriptors import parse
from claynet.actors.environment import Environment, Runnable
from claynet.actors.ports import Entropy, EventSink
from claynet.envs.behaviours import Failing, WrongResults
from claynet.envs.registry import EnvironmentSettings, find, stood_in_for
from claynet.envs.resolve import AppTable, split_tag
from claynet.sim.scenario.plan import NodePlan, Plan


def app_table(plan: Plan) -> AppTable:
    """Return the table of what process, inproc and model run: entry points, and the scenario's own `module`s."""
    explicit: Mapping[str, str] = {split_tag(app.image)[0]: app.module for app in plan.apps.values() if app.module and app.image}
    return AppTable.installed(explicit, stood_in_for())


def module_path(plan: Plan) -> tuple[str, ...]:
    """Return where the scenario's own apps (`module:`) are found: its folder, then the operator's PYTHONPATH."""
    own = (str(plan.file.resolve().parent),) if any(app.module for app in plan.apps.values()) else ()
    return (*own, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)))


def descriptors_of(plan: Plan) -> tuple[tuple[str, str], ...]:
    """Return (file name, JSON text) of each app's descriptor."""
    return tuple((app.descriptor.name, app.descriptor_text) for app in plan.apps.values())


def environment_of(node: NodePlan, settings: EnvironmentSettings, entropy: Entropy, sink: EventSink) -> Environment:
    """Make a node's environment. `entropy` decides what a dishonest one does, `sink` is told of it."""
    environment = find(node.env).make(settings)
    behaviour = node.behaviour
    if behaviour.wrong_result:
        environment = WrongResults(environment, settings.blobs, behaviour.wrong_result, entropy.stream("wrong_result"), sink)
    if behaviour.fails:
        environment = Failing(environment, behaviour.fails, entropy.stream("fails"))
    return environment


def sources_of(plan: Plan, node: NodePlan, environment: Environment) -> tuple[str, ...]:
    """Return whose images a node runs: those of the scenario's own apps unless the file says otherwise."""
    if node.whitelist is not None:
        return node.whitelist
    described = [parse(app.descriptor_text) for app in plan.apps.values()]
    found = [environment.resolve(one.requestor_env, one.requestor_prereq_json) for one in described]
    return tuple(sorted({one.source for one in found if isinstance(one, Runnable) and one.source}))
