"""Runs one live node with its control socket: `node_process.py FOLDER NAME`. Says `ready`; ends when standard input ends."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.live.desk import desk


def main(folder: Path, name: str) -> None:
    with desk(folder) as made:
        made.node(name)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
