"""What `process` starts: serves one side of an installed app, and ends with its node.

Run as `python -P -m claynet.envs.process_child FD MODULE:OBJECT SIDE PORT`; FD is the read end of a pipe whose other end only the node
holds. Knows the pipe and how the Task API library is started. Must not know actors, environments or Blobs: it runs in the app's process.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

from claynet.proto import layout

_SERVER = "claynet.taskapi"


def main(arguments: list[str]) -> None:
    """Serve until shut down; the node's end of the pipe closing kills this process and its children."""
    pipe, *served = arguments
    threading.Thread(target=_end_with_node, args=(int(pipe),), name="node-watch", daemon=True).start()
    sys.argv = [_SERVER, *served]
    runpy.run_module(_SERVER, run_name="__main__", alter_sys=True)


def _end_with_node(pipe: int) -> None:
    while os.read(pipe, 1):
        pass
    # The node is gone without stopping us, so nobody else removes the socket. The process group is our own: we lead a session.
    socket = os.environ.get(layout.SOCKET_VARIABLE)
    if socket:
        with suppress(OSError):
            Path(socket).unlink(missing_ok=True)  # the app's server may have been first
            Path(socket).parent.rmdir()
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
