"""Tapes that were tampered with, never finished, or belong elsewhere; and a replay that finds nothing of what recorded the tape."""

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
from hashlib import blake2b

import msgpack
import pytest

from claynet.sim.virtual.tape import Tape
from tests.runs.command import ROOT, SCENARIOS, claynet

EXAMPLES = ROOT / "docs" / "examples"
PATIENCE = 60


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A paced run of an app whose module is gone now; the scenario's files are still there."""
    folder = tmp_path_factory.mktemp("squares")
    for name in ("squares.yaml", "squares.json", "squares.py", "factors"):
        source = EXAMPLES / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    code, report = claynet("run", folder / "squares.yaml", "--mode", "paced", "--env", "process", "--out", folder / "out")
    assert code == 0, report
    (folder / "squares.py").unlink()
    return folder, report


def replay(folder, tape, *more, **variables):
    return claynet("run", folder / "squares.yaml", "--mode", "paced", "--env", "process", "--replay", tape, *more, **variables)


def test_a_replay_needs_no_app_and_no_engine(recorded):
    folder, report = recorded
    assert claynet("run", folder / "squares.yaml", "--mode", "paced", "--env", "process")[0] == 2  # it would be needed to run
    code, again = replay(folder, folder / "out" / "tape.msgpack", DOCKER_HOST="unix:///nowhere", PATH="/nowhere")
    assert (code, again["trace_hash"], again["replayed"]) == (0, report["trace_hash"], True)


@pytest.mark.parametrize("tail", [1, 40, 2000])
def test_a_tape_cut_short_is_incomplete(recorded, tmp_path, tail):
    folder, _ = recorded
    tape = tmp_path / "tape"
    tape.write_bytes((folder / "out" / "tape.msgpack").read_bytes()[:-tail])
    code, answer = replay(folder, tape)
    assert (code, answer["error"]["kind"]) == (2, "tape")
    assert f"{tape}: incomplete after" in answer["error"]["message"]


def test_a_changed_byte_is_damage(recorded, tmp_path):
    folder, _ = recorded
    data = bytearray((folder / "out" / "tape.msgpack").read_bytes())
    data[len(data) // 2] ^= 1
    tape = tmp_path / "tape"
    tape.write_bytes(data)
    code, answer = replay(folder, tape)
    assert (code, answer["error"]["kind"]) == (2, "tape")
    assert "damaged" in answer["error"]["message"]


def resealed(path, change):
    """Write a tape anew, its records changed, and seal it as if it had been recorded so."""
    records = list(msgpack.Unpacker(io.BytesIO(path.read_bytes()), raw=False, strict_map_key=False))[:-1]
    change(records)
    body = b"".join(map(msgpack.packb, records))
    jobs = sum(isinstance(record, list) and len(record) == 8 for record in records)
    return body + msgpack.packb(["end", jobs, blake2b(body, digest_size=32).hexdigest()])


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("version", "9.9", "another version of claynet (on the tape 9.9, now"),
        ("platform", "plan9 mips", "another platform (on the tape plan9 mips, now"),
        ("seed", 99, "the seed is another (on the tape 99, now 1)"),
        ("scenario", "00", "the scenario (its file, a file it names, the mode or an environment) is another"),
        ("calibration", {"compute": {"constant": 5, "samples": 1}}, "calibration cannot be read"),
        ("format", "claynet-tape-1", "claynet-tape-1, of another version of claynet"),
    ],
)
def test_what_differs_is_named(recorded, tmp_path, field, value, text):
    folder, _ = recorded
    tape = tmp_path / "tape"
    tape.write_bytes(resealed(folder / "out" / "tape.msgpack", lambda records: records[0].update({field: value})))
    code, answer = replay(folder, tape)
    assert (code, answer["error"]["kind"]) == (2, "tape")
    assert text in answer["error"]["message"]


def test_a_run_that_differs_in_the_middle_ends_with_1_and_names_the_job(recorded, tmp_path):
    folder, _ = recorded
    jobs = Tape.read(folder / "out" / "tape.msgpack").entries
    gone = jobs[len(jobs) // 2].job_id
    tape = tmp_path / "tape"
    tape.write_bytes(
        resealed(
            folder / "out" / "tape.msgpack",
            lambda records: records.remove(next(record for record in records if isinstance(record, list) and record[0] == gone)),
        )
    )
    code, answer = replay(folder, tape)
    assert (code, answer["error"]["kind"]) == (1, "diverged")
    assert repr(gone) in answer["error"]["message"]


def test_a_recording_that_was_killed_leaves_a_tape_known_as_incomplete(tmp_path):
    file = SCENARIOS / "first-light.yaml"
    with subprocess.Popen(
        [sys.executable, "-m", "claynet.cli.main", "run", file, "--out", tmp_path],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as run:
        log = tmp_path / "logs" / "durations.jsonl"
        for _ in range(PATIENCE * 20):
            if log.is_file() and log.stat().st_size:
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(0.05)
        assert run.poll() is None, "it ended before it could be killed"
        os.kill(run.pid, signal.SIGKILL)
    code, answer = claynet("run", file, "--replay", tmp_path / "tape.msgpack")
    assert (code, answer["error"]["kind"]) == (2, "tape")
    assert "incomplete after" in answer["error"]["message"]
    assert "interrupted or killed" in answer["error"]["message"]
