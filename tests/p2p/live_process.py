"""Runs one live node in this process, for the two-process tests: `live_process.py ROLE DATA_DIR LISTEN DIAL`.

LISTEN is a port or 0 for any; DIAL is a port to call or 0 for none. A requestor creates a task in its first life only.

Speaks JSON lines on standard output: first {"port", "id"}, then every event, last {"balance"}. Ends when standard input ends.
"""

import json
import sys
import threading
from pathlib import Path

from claynet.actors.config import NodeConfig, ProviderConfig, RequestorConfig, TaskSpec
from claynet.actors.descriptors import parse, read_folder
from claynet.actors.ports import SECOND, FileRef
from claynet.envs.process import ProcessEnvironment
from claynet.envs.resolve import AppTable
from claynet.net.live import LinkOptions, LiveNode

ROOT = Path(__file__).parents[2]


class Lines:
    """An EventSink that writes lines."""

    def __init__(self):
        self._lock = threading.Lock()

    def say(self, **fields):
        with self._lock:
            sys.stdout.write(json.dumps(fields) + "\n")
            sys.stdout.flush()

    def emit(self, kind, **fields):
        self.say(kind=kind, **fields)


def main(role, data_dir, listen, dial):
    is_new = not (data_dir / "node.sqlite").exists()
    lines = Lines()
    files = read_folder(ROOT / "apps" / "tutorial")
    config = NodeConfig(
        name=role,
        requestor=RequestorConfig(env="process") if role == "requestor" else None,
        provider=ProviderConfig(env="process", price=SECOND // 2) if role == "provider" else None,
        descriptors=files,
    )

    def environments(folder, blobs):
        return {"process": ProcessEnvironment(folder / "process", blobs, AppTable.installed())}

    with LiveNode(data_dir, config, environments, lines, LinkOptions(port=listen)) as live:
        lines.say(port=live.port, id=live.node_id)
        if dial:
            live.dial("127.0.0.1", dial)
        if role == "requestor" and is_new:
            data = b"some input"
            inputs = (FileRef("input.txt", live.blobs.put(data), len(data)),)
            params = json.dumps({"difficulty": 8, "resources": ["input.txt"]})
            app_id = parse(dict(files)["descriptor.json"]).app_id
            live.node.create_task(TaskSpec("pow", app_id, params, 2, SECOND, 120 * SECOND, 60 * SECOND, inputs))
        sys.stdin.read()
        lines.say(balance=live.balance)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
