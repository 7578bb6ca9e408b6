"""`claynet task example APP`: a task file to begin with, made of what the app's descriptor tells.

Knows the keys of task files. Must not know any app.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from claynet.cli.asking import say
from claynet.cli.control_client import with_node
from claynet.cli.output import DONE, WRONG, Output, note
from claynet.proto import node_pb2 as api

_GOLEM = (
    ("max_price_per_hour", "1tok", "what a provider is paid at most for an hour of its time"),
    ("max_subtasks", 4, "in how many parts the app may divide the task"),
    ("task_timeout", "10m", "for all of it"),
    ("subtask_timeout", "1m", "for one part; one that is accepted costs at most the price for this time"),
    ("output_directory", "results", "where the results go; beside this file"),
)


def example(app: str, to: Path | None, data_dir: Path, output: Output) -> int:
    """Print a task file for an app of the data dir's node, or write it to a file that is not there yet."""
    return with_node(data_dir, output, lambda client: tell(client.call("Apps.Show", api.AppId(id=app)), to, output))


def tell(app: api.App, to: Path | None, output: Output) -> int:
    """Give it as YAML with comments, or as JSON; return the exit code."""
    golem = {key: value for key, value, _ in _GOLEM}
    whole = {"golem": {"app_id": app.name, "resources": _resources(app), **golem}, "app": _values(app)}
    if to is not None:
        trouble = _write(to, json.dumps(whole, indent=2) if output.as_json else "\n".join(_lines(app)))
        if trouble:
            return output.error("usage", trouble, code=WRONG)
    if output.as_json:
        output.result(whole)
        return DONE
    if to is None:
        for line in _lines(app):
            say(line)
    else:
        say(f"written to {to}; change it to what you want, then: claynet task estimate {to}")
    missing = [name for name, value in _values(app).items() if value is None]
    if missing:
        note(f"fill in what the app's descriptor gives no example of: {', '.join(missing)}")
    return DONE


def _write(path: Path, text: str) -> str:
    """Write a file that is not there yet; return why not, or nothing."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(f"{text}\n")
    except FileExistsError:
        return f"{path} is there already; name another file"
    except OSError as error:
        return f"{path} cannot be written: {error.strerror}"
    return ""


def _lines(app: api.App) -> list[str]:
    lines = [f"# A task for {_one_line(app.name)} {_one_line(app.version)}: {_one_line(app.description)}".rstrip(": "), "golem:"]
    lines.append(f"  app_id: {json.dumps(app.name)}")
    lines.append(f"  resources: {json.dumps(_resources(app))}  # input files, beside this file")
    lines += [f"  {key}: {value}  # {about}" for key, value, about in _GOLEM]
    values = _values(app)
    lines.append("app:" if values else "app: {}  # its descriptor does not tell its parameters")
    about = {one.name: _one_line(one.about) for one in app.parameters}
    for name, value in values.items():
        text = "" if value is None else f" {json.dumps(value)}"
        lines.append(f"  {json.dumps(name) if not name.isidentifier() else name}:{text}" + (f"  # {about[name]}" if name in about else ""))
    return lines


def _values(app: api.App) -> dict[str, Any]:
    given: dict[str, Any] = json.loads(app.example_json or "{}")
    return {**{one.name: given.get(one.name) for one in app.parameters}, **given}


def _resources(app: api.App) -> list[str]:
    """Return the input files that the example's parameters name, by the custom that a list called so does."""
    named = _values(app).get("resources")
    return [str(one) for one in named] if isinstance(named, list) else []


def _one_line(text: str) -> str:
    return " ".join(text.split())
