"""Runs the claynet command as a user would, and reads what it left."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "scenarios"


def claynet(*args, **variables):
    """Run a command line with --json; return (exit code, the one object on standard output)."""
    done = subprocess.run(
        [sys.executable, "-m", "claynet.cli.main", *map(str, args), "--json"],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 1, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.returncode, json.loads(lines[0])


def trace(out):
    """Read a run's events."""
    return [json.loads(line) for line in (out / "trace.jsonl").read_text().splitlines()]


def children():
    """Name the processes whose parent is this one."""
    me = str(os.getpid())
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[1] == me:
            found.append(stat.parent.name)
    return found
