"""What `claynet env ...` does.

Knows the control API's messages and tables. Must not know sockets, nor what an environment is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from claynet.cli import shown
from claynet.cli.asking import ask, say
from claynet.cli.control_client import NodeClient, with_node
from claynet.cli.output import DONE, UNMET, Output
from claynet.cli.plain import plain
from claynet.cli.tables import make_console, table
from claynet.proto import node_pb2 as api

MEASURING = 600.0
"""Seconds that a benchmark of everything may take."""


def list_environments(data_dir: Path, output: Output) -> int:
    """List environments."""
    return ask("Environments.List", api.EnvironmentsRequest(), data_dir, output, _print_list)


def show(name: str, data_dir: Path, output: Output) -> int:
    """Show one."""
    return ask("Environments.Show", api.EnvironmentName(name=name), data_dir, output, _print_one)


def enable(name: str, data_dir: Path, output: Output) -> int:
    """Lend in it again."""
    return ask("Environments.Enable", api.EnvironmentName(name=name), data_dir, output, _print_one)


def disable(name: str, data_dir: Path, output: Output) -> int:
    """Lend in it no more."""
    return ask("Environments.Disable", api.EnvironmentName(name=name), data_dir, output, _print_one)


def benchmark(name: str, data_dir: Path, output: Output) -> int:
    """Measure again."""

    def work(client: NodeClient) -> int:
        scores = []
        for score in client.stream("Environments.Benchmark", api.EnvironmentName(name=name), MEASURING):
            scores.append(score)
            if not output.as_json:
                say(f"{score.image or name}: " + (f"{score.score:g}" if score.state == "scored" else f"failed: {score.reason}"))
        output.result({"scores": [plain(score) for score in scores]})
        return DONE if all(score.state == "scored" for score in scores) else UNMET

    return with_node(data_dir, output, work)


def whitelist(data_dir: Path, output: Output) -> int:
    """List what is allowed."""
    return ask("Environments.Whitelist", api.WhitelistRequest(), data_dir, output, _print_allowed)


def seen(data_dir: Path, output: Output) -> int:
    """List what was asked for in vain."""
    return ask("Environments.Whitelist", api.WhitelistRequest(), data_dir, output, _print_seen)


def allow(source: str, data_dir: Path, output: Output) -> int:
    """Allow a source."""
    return ask("Environments.AllowSource", api.Source(name=source), data_dir, output, _print_allowed)


def forbid(source: str, data_dir: Path, output: Output) -> int:
    """Forbid one."""
    return ask("Environments.ForbidSource", api.Source(name=source), data_dir, output, _print_allowed)


def _print_list(reply: api.EnvironmentsReply) -> None:
    make_console().print(table("environments", [_row(one) for one in reply.environments])) if reply.environments else say("none")


def _row(one: api.Environment) -> dict[str, Any]:
    return {
        "name": one.name,
        "used as": ", ".join(one.sides),
        "state": one.state,
        "score": f"{one.score:g}" if one.score else "",
        "on the host": "yes" if one.runs_on_host else "no",
        "reason": one.reason,
    }


def _print_one(one: api.Environment) -> None:
    console = make_console()
    console.print(table("environment", [_row(one)]))
    if one.scores:
        rows = [{"image": score.image, "score": f"{score.score:g}", "state": score.state, "reason": score.reason} for score in one.scores]
        console.print(table("apps", rows))


def _print_allowed(reply: api.WhitelistReply) -> None:
    rows = [{"source": source.name, "allowed by": source.by} for source in reply.sources]
    if rows:
        make_console().print(table("whose images run here", rows))
    else:
        say("no source is allowed: only what is installed here runs; claynet env whitelist seen shows what was asked for")


def _print_seen(reply: api.WhitelistReply) -> None:
    rows = [
        {"source": one.name, "image": one.image, "since": shown.when(one.since), "asked by": ", ".join(map(shown.short, one.asked_by))}
        for one in reply.seen
    ]
    if rows:
        make_console().print(table("asked for and not allowed", rows))
        say("if you trust one: claynet env whitelist add SOURCE")
    else:
        say("nobody asked for an image that is not allowed")
