"""`claynet app check`: holds an app to the Task API's rules and says how it did by each.

Knows how a subject is told apart (an existing file, else `module:NAME`, else an image). Must not know the rules, nor how an image is
checked (`app_check_image` does).
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from claynet.cli.output import DONE, UNMET, WRONG, Output
from claynet.cli.paths import is_file
from claynet.cli.ticker import Ticker
from claynet.taskapi.app import App, AppNotFound, SampleTask, load_app
from claynet.taskapi.testkit import ProcessLauncher, RuleResult, check_app, rule_names

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


class _NoAppError(Exception):
    """The subject leads to no app that can be checked here; the text says why and what would help."""


class _IsImage(Exception):  # noqa: N818 - it is no error
    """The subject can only be an image: its name, and what else it might have been meant for."""

    def __init__(self, image: str, otherwise: str = "") -> None:
        super().__init__(image)
        self.image = image
        self.otherwise = otherwise


def check_subject(subject: str, sample_file: Path | None, output: Output) -> int:
    """Check an app, print each rule with pass or fail, and return the exit code."""
    from claynet.envs.image_facts import read_sample

    try:
        given = None if sample_file is None else read_sample(sample_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return output.error("usage", f"{sample_file} is not a sample task: {error}", code=WRONG)
    _look_here()
    try:
        target, app = _find(subject)
    except _IsImage as found:
        return _check_image(found, given, output)
    except _NoAppError as error:
        return output.error("app", str(error), code=UNMET)
    ok, rules = _hold(check_app(ProcessLauncher(target), given or app.sample), rule_names(), output)
    output.result({"schema": 1, "app": app.name, "target": target, "ok": ok, "rules": rules})
    return DONE if ok else UNMET


def _check_image(found: _IsImage, given: SampleTask | None, output: Output) -> int:
    from claynet.cli.app_check_image import check_image, find_image, image_rule_names, tell_facts

    facts = find_image(found.image, output, found.otherwise)
    if isinstance(facts, int):
        return facts
    sample = given or facts.sample or _installed_sample(found.image)
    image = tell_facts(facts, found.image, sample)
    ok, rules = _hold(check_image(facts, sample), image_rule_names(), output)
    output.result({"schema": 1, "app": found.image, "target": found.image, "ok": ok, "rules": rules, "image": image})
    return DONE if ok else UNMET


def _installed_sample(image: str) -> SampleTask | None:
    """Return the sample of the installed app that stands for an image, if there is one."""
    from claynet.envs.resolve import AppTable, split_tag

    target = AppTable.installed().target_of(split_tag(image)[0])
    try:
        return load_app(target).sample if target else None
    except Exception:  # whatever its module raises: it is the image that is to be checked
        return None


def _hold(results: Iterable[RuleResult], names: Sequence[str], output: Output) -> tuple[bool, list[dict[str, Any]]]:
    """Let the rules be tried and say how each went."""
    rules: list[dict[str, Any]] = []
    with Ticker() as ticker:
        ticker.at(names[0])
        for result in results:
            rules.append({"name": result.name, "ok": result.ok, "detail": result.detail})
            if not output.as_json:
                _print(result)
            ticker.at(names[len(rules)] if len(rules) < len(names) else "ending what was started")
    return all(rule["ok"] for rule in rules), rules


def _look_here() -> None:
    """Find modules of the present folder too, here and in the child processes that serve the app."""
    given = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    folders = [str(Path(folder).resolve()) for folder in (".", *given)]
    sys.path[:0] = [folder for folder in folders if folder not in sys.path]
    os.environ["PYTHONPATH"] = os.pathsep.join(folders)


def _find(subject: str) -> tuple[str, App]:
    """Return `module:NAME` and the app. Raises _NoAppError, or _IsImage."""
    target = _installed(Path(subject)) if is_file(Path(subject)) else subject
    if not target:
        raise _NoAppError("'' is no file, no installed module:NAME and no image")
    if not _MODULE.fullmatch(target):
        raise _IsImage(target, f"{target!r} is no file; " if "." in target.rpartition("/")[2] else "")
    if not _is_module(target.partition(":")[0]):
        raise _IsImage(target, f"{target!r} is no file and no installed module:NAME; ")
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
    """Return `module:NAME` of the app that a descriptor's image stands for here. Raises _NoAppError; _IsImage when none stands for it."""
    from claynet.actors import descriptors
    from claynet.actors.environment import Refusal
    from claynet.envs.resolve import AppTable, parse_prerequisites

    try:
        found = descriptors.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _NoAppError(f"{path} is not a descriptor: {error}") from None
    table = AppTable.installed()
    runnable = table.resolve("process", found.requestor_env, found.requestor_prereq_json)
    if isinstance(runnable, Refusal):
        parsed = parse_prerequisites(found.requestor_prereq_json)
        if runnable.rule == "unknown_app" and not isinstance(parsed, str):
            raise _IsImage(":".join(parsed), f"{path}: {runnable.detail}; ")
        raise _NoAppError(f"{path}: {found.name}: {runnable.detail}")
    return table.target(runnable)


def _print(result: RuleResult) -> None:
    from rich.text import Text

    from claynet.cli.tables import make_console, styled

    verdict = Text("pass", style="green") if result.ok else Text("fail", style="red")
    make_console().print(
        Text.assemble(verdict, "  ", styled(f"{result.name} ({result.detail})" if result.detail else result.name)), soft_wrap=True
    )
