"""Hypothesis profiles of all tests: `quick` gives the same examples every time; CLAYNET_TESTS=deep looks much further.

With DOCKER=no in the environment the tests that need a docker engine are left out, and the summary says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.docker.engine import SWITCH, docker_engine
from tests.docker.images import docker_images, tutorial_image

__all__ = ["docker_engine", "docker_images", "tutorial_image"]

_PHASES = [phase for phase in Phase if phase is not Phase.explain]  # explaining traces every line: too slow for simulated worlds

settings.register_profile("quick", derandomize=True, deadline=None, print_blob=True, phases=_PHASES)
settings.register_profile(
    "deep",
    max_examples=3_000,
    stateful_step_count=100,
    deadline=None,
    print_blob=True,
    phases=_PHASES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("deep" if os.environ.get("CLAYNET_TESTS") == "deep" else "quick")

_LEFT_OUT = pytest.StashKey[int]()


_LONG = ("docs/test_commands.py", "runs/test_modes.py", "runs/test_shipped.py", "live/test_node_commands.py", "runs/test_calibrate.py")
"""Files that take long: begun late, all the others would have to wait for them."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs an engine when told so; for several processes: one engine for all that need it, and no file in two of them."""
    if os.environ.get(SWITCH) == "no":
        left_out = [item for item in items if item.get_closest_marker("docker")]
        items[:] = [item for item in items if not item.get_closest_marker("docker")]
        config.hook.pytest_deselected(items=left_out)
        config.stash[_LEFT_OUT] = len(left_out)
    for item in items:
        group = "docker" if item.get_closest_marker("docker") else str(item.path.relative_to(Path(__file__).parent))
        item.add_marker(pytest.mark.xdist_group(group))
    if config.getoption("numprocesses", None) or hasattr(config, "workerinput"):
        items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """The engine's tests wait more than they compute, and take longest."""
    group = next(item.iter_markers("xdist_group")).args[0]
    return -1 if group == "docker" else _LONG.index(group) if group in _LONG else len(_LONG)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Reports travel between processes as UTF-8: a half character that an app logged would end the process that tells of it."""
    report = yield
    report.sections = [tuple(text.encode("utf-8", "backslashreplace").decode() for text in section) for section in report.sections]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    left_out = config.stash.get(_LEFT_OUT, 0)
    if left_out:
        terminalreporter.write_line(f"{SWITCH}=no: {left_out} tests that need a docker engine were left out", yellow=True)
