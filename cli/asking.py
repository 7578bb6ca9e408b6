"""The shape that most commands have: one call to the node, its reply as JSON or as text for people.

Knows the client and outputs. Must not know any command.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from claynet.cli.control_client import DEADLINE, NodeClient, with_node
from claynet.cli.output import DONE, Output
from claynet.cli.plain import plain
from claynet.cli.tables import make_console


def ask(method: str, request: Message, data_dir: Path, output: Output, show: Callable[[Any], None], seconds: float = DEADLINE) -> int:
    """Call `Service.Method`, tell the reply and return the exit code."""

    def work(client: NodeClient) -> int:
        reply = client.call(method, request, seconds)
        output.result(plain(reply))
        if not output.as_json:
            show(reply)
        return DONE

    return with_node(data_dir, output, work)


def say(text: str) -> None:
    """Tell people a line."""
    make_console().print(text, soft_wrap=True)
