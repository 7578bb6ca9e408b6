"""The command that an image's ENTRYPOINT, or a node, starts an app with: `requestor PORT` or `provider PORT`.

Knows arguments, environment variables, signals and exit codes. Must not know what an app does.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from claynet.proto import layout
from claynet.taskapi.app import App, AppNotFound, load_app
from claynet.taskapi.listening import CannotListen, Listening
from claynet.taskapi.server import AppServer

_EPILOG = f"""\
{layout.WORK_DIR_VARIABLE} names the work dir, by default {layout.WORK_MOUNT}. When {layout.SOCKET_VARIABLE} is set, the app also
listens on the unix socket of that path, and PORT 0 means no TCP port at all. Customary ports: {layout.REQUESTOR_PORT} for the requestor
side, {layout.PROVIDER_PORT} for the provider side. SIGTERM ends the app as Shutdown does."""


def main(app: App, argv: Sequence[str] | None = None) -> int:
    """Serve an app until it is shut down; returns the exit code: 0 after a shutdown, 2 when it could not start. Logs to stderr."""
    arguments = _parser(app.name).parse_args(argv)
    return _serve(app, arguments.side, arguments.port)


def main_by_name(argv: Sequence[str] | None = None) -> int:
    """Like `main`, with the app's `MODULE:OBJECT` as the first argument."""
    parser = _parser("python -m claynet.taskapi", named=True)
    arguments = parser.parse_args(argv)
    try:
        app = load_app(arguments.app)
    except AppNotFound as error:
        return _refuse(str(error))
    return _serve(app, arguments.side, arguments.port)


def _parser(prog: str, named: bool = False) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, epilog=_EPILOG)
    if named:
        parser.add_argument("app", metavar="MODULE:OBJECT")
    parser.add_argument("side", choices=layout.SIDES)
    parser.add_argument("port", type=int, metavar="PORT")
    return parser


def _serve(app: App, side: str, port: int) -> int:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    work_dir = Path(os.environ.get(layout.WORK_DIR_VARIABLE) or layout.WORK_MOUNT)
    if not work_dir.is_dir():
        return _refuse(f"no work dir {work_dir}; {layout.WORK_DIR_VARIABLE} may name another")
    try:
        server = AppServer(app, side, work_dir, Listening(port, os.environ.get(layout.SOCKET_VARIABLE, "")))
    except CannotListen as error:
        return _refuse(str(error))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.ask_to_end())
    server.start()
    logging.getLogger(__name__).info("%s: serving the %s side", app.name, side)
    server.wait()
    if not server.idle:
        # A handler that does not heed its signal would keep the process from ending: the interpreter waits for its thread.
        logging.shutdown()
        sys.stderr.flush()
        os._exit(0)
    return 0


def _refuse(text: str) -> int:
    sys.stderr.write(f"{text}\n")
    return 2
