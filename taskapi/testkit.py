"""The test kit: holds any app to the Task API's rules, by whatever launcher it is given.

Knows the rules' order and how their outcomes are told. Must not know what a rule does, nor how an app is started.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from claynet.taskapi.app import App, SampleTask
from claynet.taskapi.errors import TaskApiError
from claynet.taskapi.launchers import Launcher, ProcessLauncher, Service, ServiceClient, ThreadLauncher
from claynet.taskapi.rules import FIRST, RULES, Rule
from claynet.taskapi.stage import Limits, RuleBroken, Stage
from claynet.taskapi.work_files import PlainFiles, WorkFiles

__all__ = [
    "App",
    "Launcher",
    "Limits",
    "ProcessLauncher",
    "RuleResult",
    "SampleTask",
    "Service",
    "ServiceClient",
    "ThreadLauncher",
    "WorkFiles",
    "check_app",
    "rule_names",
]


@dataclass(frozen=True, slots=True)
class RuleResult:
    """How an app did by one rule."""

    name: str
    ok: bool
    detail: str
    """What is wrong, or a remark."""


def rule_names() -> tuple[str, ...]:
    """Return the names of all rules, in the order in which they are tried."""
    return tuple(_name(rule) for rule in FIRST + RULES)


def check_app(
    launcher: Launcher,
    sample: SampleTask | None = None,
    limits: Limits | None = None,
    files_of: Callable[[Path], WorkFiles] = PlainFiles,
    within: Path | None = None,
) -> Iterator[RuleResult]:
    """Try every rule in turn and tell how each went; nothing is raised for what an app does.

    Without a sample, a task without parameters or input files is used. When a side does not serve at all, the rest fails untried.
    `files_of` gives access to a work dir; services that run as another user need a way of their own. Work dirs are made in a temporary
    folder, in `within` if that is given.
    """
    with tempfile.TemporaryDirectory(prefix="claynet-check-", dir=within, ignore_cleanup_errors=True) as folder:
        stage = Stage(launcher, sample or SampleTask(), Path(folder), limits or Limits(), files_of)
        serves = True
        try:
            for rule in FIRST:
                result = _try(rule, stage)
                serves = serves and result.ok
                yield result
            for rule in RULES:
                yield _try(rule, stage) if serves else RuleResult(_name(rule), False, "not tried: a side does not serve")
        finally:
            stage.close()
            stage.files.remove()  # by the way of whoever made it: an app may have left what only that can remove


def _try(rule: Rule, stage: Stage) -> RuleResult:
    try:
        return RuleResult(_name(rule), True, rule(stage))
    except RuleBroken as error:
        detail = str(error)
    except TaskApiError as error:
        detail = f"{error.status}: {error.text}"
    except (OSError, ValueError) as error:  # what an app left on the disk, or named, cannot be dealt with
        detail = f"{type(error).__name__}: {error}"
    return RuleResult(_name(rule), False, detail)


def _name(rule: Rule) -> str:
    return (rule.__doc__ or rule.__name__).splitlines()[0].rstrip(".")
