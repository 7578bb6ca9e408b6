"""Hypothesis profiles of all tests: `quick` gives the same examples every time; CLAYNET_TESTS=deep looks much further.

With DOCKER=no in the environment the tests that need a docker engine are left out, and the summary says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs an engine when told so; in several processes what takes long comes first."""
    for item in items:
        assert _needs_engine(item.nodeid) or not item.get_closest_marker("docker"), f"a test that needs an engine says so: {item.nodeid}"
    if os.environ.get(SWITCH) == "no":
        left_out = [item for item in items if item.get_closest_marker("docker")]
        items[:] = [item for item in items if not item.get_closest_marker("docker")]
        config.hook.pytest_deselected(items=left_out)
        config.stash[_LEFT_OUT] = len(left_out)
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _turn(item.nodeid))


def _needs_engine(nodeid: str) -> bool:
    """Tell by its name whether a test does, as all do that are marked `docker`; a few others have such names too."""
    return "docker" in nodeid


def _turn(nodeid: str) -> int:
    """The engine's tests wait more than they compute, and take longest."""
    file = nodeid.partition("::")[0].removeprefix("tests/")
    return -1 if _needs_engine(nodeid) else _LONG.index(file) if file in _LONG else len(_LONG)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """No file in two processes, for its fixtures; and one process, with one engine, for all tests that need one."""
    from xdist.scheduler import LoadFileScheduling

    class OneEngine(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return "docker" if _needs_engine(nodeid) else super()._split_scope(nodeid)

    return OneEngine(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Reports travel between processes as UTF-8: a half character that an app logged would end the process that tells of it."""
    report = yield
    report.sections = [tuple(text.encode("utf-8", "backslashreplace").decode() for text in section) for section in report.sections]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if os.environ.get(SWITCH) == "no":
        number = config.stash.get(_LEFT_OUT, 0)  # unknown where other processes collect
        tests = f"{number} tests" if number else "all tests"
        terminalreporter.write_line(f"{SWITCH}=no: {tests} that need a docker engine were left out", yellow=True)
