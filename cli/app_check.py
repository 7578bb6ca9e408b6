"""`claynet app check`: holds an app to the Task API's rules and says how it did by each.

Knows how a subject is told apart (an existing file, else `module:NAME`, else an image). Must not know the rules.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path

from claynet.cli.output import DONE, UNMET, Output
from claynet.taskapi.app import App, AppNotFound, load_app
from claynet.taskapi.testkit import ProcessLauncher, RuleResult, check_app

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


class _NoAppError(Exception):
    """The subject leads to no app that can be checked here; the text says why and what would help."""


def check_subject(subject: str, output: Output) -> int:
    """Check an app, print each rule with pass or fail, and return the exit code."""
    _look_here()
    try:
        target, app = _find(subject)
    except _NoAppError as error:
        return output.error("app", str(error), code=UNMET)
    results: list[RuleResult] = []
    for result in check_app(ProcessLauncher(target), app.sample):
        results.append(result)
        if not output.as_json:
            _print(result)
    ok = all(result.ok for result in results)
    rules = [{"name": result.name, "ok": result.ok, "detail": result.detail} for result in results]
    output.result({"schema": 1, "app": app.name, "target": target, "ok": ok, "rules": rules})
    return DONE if ok else UNMET


def _look_here() -> None:
    """Find modules of the present folder too, here and in the child processes that serve the app."""
    given = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    folders = [str(Path(folder).resolve()) for folder in (".", *given)]
    sys.path[:0] = [folder for folder in folders if folder not in sys.path]
    os.environ["PYTHONPATH"] = os.pathsep.join(folders)


def _find(subject: str) -> tuple[str, App]:
    """Return `module:NAME` and the app. Raises _NoAppError."""
    target = _installed(Path(subject)) if Path(subject).is_file() else subject
    if not _MODULE.fullmatch(target) or not _is_module(target.partition(":")[0]):
        raise _NoAppError(f"{subject!r} is no file and no installed module:NAME, and images cannot be checked yet in this version")
    try:
        return target, load_app(target)
    except AppNotFound as error:
        raise _NoAppError(str(error)) from None
    except Exception as error:  # whatever the app's module raises when it is imported
        raise _NoAppError(f"{target} cannot be imported: {type(error).__name__}: {error}") from error


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _installed(path: Path) -> str:
    """Return `module:NAME` of the app that a descriptor's image stands for here. Raises _NoAppError."""
    from claynet.actors import descriptors
    from claynet.actors.environment import Refusal
    from claynet.envs.resolve import AppTable

    try:
        found = descriptors.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _NoAppError(f"{path} is not a descriptor: {error}") from None
    table = AppTable.installed()
    runnable = table.resolve("process", found.requestor_env, found.requestor_prereq_json)
    if isinstance(runnable, Refusal):
        raise _NoAppError(f"{path}: {found.name}: {runnable.detail}")
    return table.target(runnable)


def _print(result: RuleResult) -> None:
    from rich.text import Text

    from claynet.cli.tables import make_console

    verdict = Text("pass", style="green") if result.ok else Text("fail", style="red")
    make_console().print(Text.assemble(verdict, "  ", result.name, f" ({result.detail})" if result.detail else ""), soft_wrap=True)
