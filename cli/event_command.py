"""`claynet events`: what happens on a node, line by line.

Knows the stream of events. Must not know what they mean.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from claynet.cli.data_dir_option import DataDirOption, data_dir_of
from claynet.cli.output import Output


def events_command(
    kind: Annotated[list[str] | None, typer.Option(metavar="KIND", help="Only events of this kind; may be given again.")] = None,
    about: Annotated[str, typer.Option(metavar="ID", help="Only events in which an id begins so.", show_default=False)] = "",
    data_dir: DataDirOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object a line.")] = False,
) -> None:
    """Follow what happens on the node, until it stops."""
    raise typer.Exit(_follow(kind or [], about, data_dir_of(data_dir), Output(as_json)))


def _follow(kinds: Sequence[str], about: str, data_dir: Path, output: Output) -> int:
    from claynet.actors import events
    from claynet.actors.nearest import nearest
    from claynet.cli import shown
    from claynet.cli.control_client import NodeClient, with_node
    from claynet.cli.output import DONE, WRONG, note, readable, write_json
    from claynet.proto import node_pb2 as api

    for kind in kinds:
        if kind not in events.KINDS:
            return output.error("usage", f"--kind {kind}: no event is of that kind; {nearest(kind, events.KINDS)}", code=WRONG)

    def work(client: NodeClient) -> int:
        for event in client.stream("Node.WatchEvents", api.EventsRequest(kinds=kinds, about=about)):
            fields = json.loads(event.fields_json)
            if event.dropped:
                note(f"{event.dropped} events were left out: they came faster than they were read")
            if output.as_json:
                write_json({"at": event.at, "number": event.number, "kind": event.kind, "dropped": event.dropped} | fields)
            else:
                text = " ".join(f"{name}={_text(value)}" for name, value in fields.items() if value not in ("", None))
                sys.stdout.write(readable(f"{shown.when(event.at)} {event.kind} {text}", kept="") + "\n")
            sys.stdout.flush()
        return DONE

    return with_node(data_dir, output, work)


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 200 else text[:197] + "..."
