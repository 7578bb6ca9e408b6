"""Equal file, seed and version: equal bytes of the trace, in any process. A changed delivery: another trace."""

from hashlib import blake2b

import pytest

from tests.runs.command import SCENARIOS, claynet

FILES = ("first-light", "lossy-wan", "partition-heal")


def run(name, out, *flags, **variables):
    env = () if name != "first-light" else ("--env", "inproc")
    code, report = claynet("run", SCENARIOS / f"{name}.yaml", "--mode", "virtual", "--out", out, *env, *flags, **variables)
    assert code == 0, report
    return report, (out / "trace.jsonl").read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_every_process_writes_the_same_bytes(name, tmp_path):
    traces = set()
    for hash_seed in ("0", "1", "random", "random"):
        out = tmp_path / f"{len(traces)}-{hash_seed}"
        out.mkdir(exist_ok=True)
        report, data = run(name, out, "--self-check", "off", PYTHONHASHSEED=hash_seed)
        traces.add(data)
        assert report["trace_hash"] == blake2b(data, digest_size=32).hexdigest()
    assert len(traces) == 1


def test_another_seed_is_another_trace(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert run("lossy-wan", tmp_path / "a")[1] != run("lossy-wan", tmp_path / "b", "--seed", "1001")[1]


def test_one_link_a_millisecond_slower_is_another_trace(tmp_path):
    text = (SCENARIOS / "lossy-wan.yaml").read_text().replace("../apps", str(SCENARIOS.parent / "apps"))
    text = text.replace("data/", f"{SCENARIOS}/data/")
    hashes = []
    for latency in ("15ms", "16ms"):
        file = tmp_path / f"{latency}.yaml"
        file.write_text(text.replace("latency: 15ms", f"latency: {latency}"))
        code, report = claynet("run", file)
        assert code == 0, report
        hashes.append(report["trace_hash"])
    assert hashes[0] != hashes[1]


def test_the_self_check_runs_twice_and_agrees(tmp_path):
    code, report = claynet("run", SCENARIOS / "two-requestors.yaml", "--self-check", "on")
    assert (code, report["ok"]) == (0, True)
