"""Hypothesis profiles of all tests: `quick` gives the same examples every time; CLAYNET_TESTS=deep looks much further.

With DOCKER=no in the environment the tests that need a docker engine are left out, and the summary says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get(SWITCH) != "no":
        return
    left_out = [item for item in items if item.get_closest_marker("docker")]
    items[:] = [item for item in items if not item.get_closest_marker("docker")]
    config.hook.pytest_deselected(items=left_out)
    config.stash[_LEFT_OUT] = len(left_out)


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
