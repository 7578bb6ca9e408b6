"""What `claynet app list|show|add|remove|enable|disable` does.

Knows the control API's messages, descriptor files and tables. Must not know sockets.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from claynet.cli import shown
from claynet.cli.asking import ask, say
from claynet.cli.output import WRONG, Output
from claynet.cli.tables import make_console, table
from claynet.proto import node_pb2 as api

MOST_BYTES = 256 * 1024


def list_apps(data_dir: Path, output: Output) -> int:
    """List apps."""
    return ask("Apps.List", api.AppsRequest(), data_dir, output, _print_list)


def show(app: str, data_dir: Path, output: Output) -> int:
    """Show one."""
    return ask("Apps.Show", api.AppId(id=app), data_dir, output, _print_one)


def add(file: Path, data_dir: Path, output: Output) -> int:
    """Add one by its descriptor."""
    try:
        with file.open(encoding="utf-8") as opened:
            text = opened.read(MOST_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        return output.error("usage", f"{file} cannot be read: {getattr(error, 'strerror', None) or error}", code=WRONG)
    if len(text) > MOST_BYTES:
        return output.error("usage", f"{file} is larger than {MOST_BYTES} bytes: it is no descriptor", code=WRONG)

    def told(app: api.App) -> None:
        _print_one(app)
        say(f"it is disabled; if you trust it: claynet app enable {app.name}")

    return ask("Apps.Add", api.AddAppRequest(file=file.name, text=text), data_dir, output, told)


def remove(app: str, data_dir: Path, output: Output) -> int:
    """Take one away."""
    return ask("Apps.Remove", api.AppId(id=app), data_dir, output, lambda one: say(f"{one.name} {one.version} is removed"))


def enable(app: str, data_dir: Path, output: Output) -> int:
    """Let tasks use it."""
    return ask("Apps.Enable", api.AppId(id=app), data_dir, output, _print_one)


def disable(app: str, data_dir: Path, output: Output) -> int:
    """Let no new task use it."""
    return ask("Apps.Disable", api.AppId(id=app), data_dir, output, lambda one: say(f"{one.name} {one.version} is disabled"))


def _print_list(reply: api.AppsReply) -> None:
    rows = [_row(app) for app in reply.apps]
    if rows:
        make_console().print(table("apps", rows))
    else:
        say("no apps; add one with: claynet app add FILE")
    for problem in reply.problems:
        say(f"passed over: {problem}")


def _row(app: api.App) -> dict[str, Any]:
    return {
        "id": shown.short(app.id),
        "name": app.name,
        "version": app.version,
        "enabled": "yes" if app.enabled else "no",
        "image": app.image,
        "tasks": app.tasks,
    }


def _print_one(app: api.App) -> None:
    fields = {
        "id": app.id,
        "enabled": "yes" if app.enabled else "no",
        "what it is": app.description,
        "author": app.author or "not told",
        "licence": app.license or "not told",
        "runs here": f"{app.image} in {app.environment}, for every task of it" if app.environment else "nothing: this node is no requestor",
        "runs elsewhere": "on providers, in what it asks for",
        "descriptor": app.file,
        "a task of it": f"claynet task example {app.name}",
    }
    console = make_console()
    console.print(table(f"{app.name} {app.version}", [{"": key, " ": value} for key, value in fields.items() if value]))
    if app.parameters:
        console.print(table("parameters of its tasks", [{"name": one.name, "meaning": one.about} for one in app.parameters]))
