"""One scenario run in several ways at the same time, and what of the runs can be compared."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.runs.command import claynet, trace

WAYS: dict[str, tuple[str, ...]] = {
    "virtual": ("--mode", "virtual", "--env", "inproc"),
    "paced": ("--mode", "paced", "--env", "process"),
    "real": ("--mode", "real", "--env", "process"),
    "p2p": ("--mode", "real", "--transport", "p2p", "--env", "process"),
    "processes": ("--isolate", "process", "--env", "process"),
}
NEEDED = {"assignment", "report", "acceptance", "payment"}
"""Kinds of evidence of every subtask that is accepted and paid."""

Run = tuple[dict[str, Any], list[dict[str, Any]]]
"""Report and events."""


def run_all(file: Path, out: Path, at_once: int) -> dict[str, Run]:
    """Run it in every way; each must end with all its expectations met."""

    def run(way: str) -> Run:
        code, report = claynet("run", file, "--out", out / way, *WAYS[way])
        assert code == 0, (way, report)
        return report, trace(out / way)

    with ThreadPoolExecutor(at_once) as pool:
        return dict(zip(WAYS, pool.map(run, WAYS), strict=True))


def final_states(events: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Return (node, task, state) of every task."""
    last = {event["id"]: (event["from"], event["name"], event["state"]) for event in events if event["kind"] == "task"}
    return sorted(last.values())


def kinds_of_evidence(events: list[dict[str, Any]]) -> Counter[frozenset[str]]:
    """Count the accepted subtasks by the kinds of evidence that there are of them."""
    finished = {event["id"] for event in events if event["kind"] == "subtask" and event["state"] == "finished"}
    tags: dict[str, set[str]] = {name: set() for name in finished}
    for event in events:
        if event["kind"] == "evidence" and event["id"] in finished:
            tags[event["id"]].add(event["tag"])
    return Counter(frozenset(found) for found in tags.values())
