"""The trace's bytes and hash, and the report's fields."""

from __future__ import annotations

import json
import time
from hashlib import blake2b
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from claynet.sim.scenario.reader import load
from claynet.sim.watch.expect import Leftovers, Verdict
from claynet.sim.watch.metrics import Metrics
from claynet.sim.watch.report import Run, build_report
from claynet.sim.watch.trace import TraceWriter
from claynet.sim.watch.why import Why
from tests.scenario.samples import write


def fill(writer: TraceWriter, lines: int = 3) -> None:
    for n in range(lines):
        writer.record(n * 1000, "deliver", "honest-0", "requestors-1", tag="offer", digest="ab")
        writer.record(n * 1000, "job", "honest-0", "", zone=1, outcome="ök", alpha=None)
        if writer.is_full:
            writer.flush()


def test_the_hash_is_that_of_the_files_bytes(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    writer = TraceWriter(path)
    fill(writer)
    before = writer.hash()
    assert writer.close() == before == blake2b(path.read_bytes(), digest_size=32).hexdigest()


def test_without_a_file_the_hash_is_the_same(tmp_path: Path) -> None:
    with_file, without = TraceWriter(tmp_path / "t"), TraceWriter(None)
    for writer in (with_file, without):
        fill(writer, 5000)
    assert with_file.close() == without.close()


def test_lines_have_sorted_keys_and_no_spaces(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    writer = TraceWriter(path)
    fill(writer, 1)
    writer.close()
    first, second = path.read_bytes().splitlines()
    assert first == b'{"at":0,"digest":"ab","from":"honest-0","kind":"deliver","n":0,"tag":"offer","to":"requestors-1"}'
    assert (
        second == '{"alpha":null,"at":0,"digest":"","from":"honest-0","kind":"job","n":1,"outcome":"ök","tag":"","to":"","zone":1}'.encode()
    )


def test_nothing_is_on_disk_before_a_flush(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    writer = TraceWriter(path)
    fill(writer, 1)
    assert path.read_bytes() == b""
    writer.close()


@given(st.lists(st.tuples(st.integers(0, 2**63 - 1), st.text(max_size=20), st.text(max_size=20)), max_size=5))
def test_any_line_is_canonical_json(lines: list[tuple[int, str, str]]) -> None:
    writer = TraceWriter(None)
    total = blake2b(digest_size=32)
    for n, (at, source, tag) in enumerate(lines):
        writer.record(at, "k", source, "to", tag=tag)
        line = {"at": at, "digest": "", "from": source, "kind": "k", "n": n, "tag": tag, "to": "to"}
        total.update(json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")
    assert writer.hash().islower()
    if all(ord(character) >= 32 and character != "\x7f" for _, source, tag in lines for character in source + tag):
        assert writer.hash() == total.hexdigest()


def test_a_million_lines_take_seconds_not_minutes() -> None:
    writer = TraceWriter(None)
    start = time.process_time()
    for n in range(50_000):
        writer.record(n, "deliver", "honest-0#1/computer", "requestors-1#1/tasks", tag="assignment", digest="ab" * 32)
    assert (time.process_time() - start) * 20 < 20


def test_the_report_has_exactly_the_fields_of_the_contract(tmp_path: Path) -> None:
    plan = load(write(tmp_path))
    metrics = Metrics()
    metrics.on_event("task", 0, "requestors-0", {"id": "t1", "state": "finished"})
    metrics.on_event("task", 0, "requestors-0", {"id": "t2", "state": "timed_out"})
    metrics.on_event("payment", 0, "honest-0", {"id": "s1", "payer": "p", "amount": 7, "state": "received"})
    run = Run(replayed=False, trace_hash="ab", virtual_ns=1_500_000_000, wall_ns=2_000_000, messages=3, deliveries=4)
    verdicts = [Verdict("one", True, "fine")]
    report = build_report(plan, run, metrics, verdicts, [Why("pow (t2)", "liars-0", "price", "dear")], Leftovers())
    assert json.loads(report.to_json()) == {
        "schema": 1,
        "version": "0.1.0",
        "scenario": "first-light",
        "seed": 7,
        "mode": "paced",
        "replayed": False,
        "ok": True,
        "trace_hash": "ab",
        "reproducible": True,
        "measured": [],
        "calibration": None,
        "virtual_seconds": 1.5,
        "wall_seconds": 0.002,
        "nodes": 9,
        "messages": 3,
        "deliveries": 4,
        "tasks": {"total": 6, "finished": 1, "failed": 0, "failed_to_create": 0, "aborted": 0, "timed_out": 1, "unfinished": 4},
        "subtasks": {"assigned": 0, "finished": 0, "failed": 0, "timed_out": 0, "cancelled": 0, "restarted": 0},
        "earnings": {**{f"honest-{n}": 7 if n == 0 else 0 for n in range(5)}, "liars-0": 0, "mixed-0": 0},
        "expectations": [{"name": "one", "ok": True, "detail": "fine"}],
        "why": [{"task": "pow (t2)", "node": "liars-0", "rule": "price", "detail": "dear"}],
        "leftovers": {"containers": 0, "networks": 0, "processes": 0},
    }
    assert report.ok


def test_one_failed_expectation_or_a_diverged_replay_is_not_ok(tmp_path: Path) -> None:
    plan = load(write(tmp_path))
    run = Run(replayed=True, trace_hash=None, virtual_ns=0, wall_ns=0, messages=0, deliveries=0)
    verdicts = [Verdict("one", True, ""), Verdict("two", False, "")]
    assert not build_report(plan, run, Metrics(), verdicts, [], Leftovers()).ok
    diverged = Run(replayed=True, trace_hash="x", virtual_ns=0, wall_ns=0, messages=0, deliveries=0, ok=False)
    assert not build_report(plan, diverged, Metrics(), verdicts[:1], [], Leftovers()).ok
