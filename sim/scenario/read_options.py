"""Reads `options:` of a group: what its kind of environment is told.

Knows that a kind of environment says itself what may stand there. Must not know any kind.
"""

from __future__ import annotations

import msgspec

from claynet.envs.options import OptionsError, parse_options
from claynet.sim.scenario import environment_names
from claynet.sim.scenario.fields import Section
from claynet.sim.scenario.yamltree import plain


def read_options(section: Section | None, env: str) -> msgspec.Struct | None:
    """Read the options of an environment; None when there are none, or findings."""
    if section is None:
        return None
    kind = environment_names.options_of(env)
    if kind is None:
        return None  # that this environment cannot be used is a finding already
    raw = {name: plain(section.node.entries[name][1]) for name in section.names()}
    try:
        return parse_options(kind, raw)
    except OptionsError as error:
        for found in error.findings:
            section.wrong(f"{env}: {found.message}", found.suggestion, key=found.key)
        return None
