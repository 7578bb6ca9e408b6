"""The side logs: one line a measurement, from any thread, and nothing where nobody asked."""

import json
import threading

from claynet.envs.usage import Usage, no_usage
from claynet.sim.side_logs import DurationsLog, UsageLog


def test_what_services_used_is_kept_with_their_node(tmp_path):
    log = UsageLog(tmp_path / "logs" / "usage.jsonl")
    threads = [
        threading.Thread(
            target=log.of(f"n{number}"), args=(f"runtime/{number}", Usage(wall=number, cpu=2, max_rss=3, placed=4, collected=5))
        )
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [json.loads(line) for line in (tmp_path / "logs" / "usage.jsonl").read_text().splitlines()]
    assert sorted(line["wall"] for line in lines) == list(range(20))
    for line in lines:
        assert line == {
            "node": f"n{line['wall']}",
            "runtime": f"runtime/{line['wall']}",
            "wall": line["wall"],
            "cpu": 2,
            "max_rss": 3,
            "placed": 4,
            "collected": 5,
        }


def test_without_a_file_nobody_asks():
    assert UsageLog(None).of("n") is no_usage


def test_a_log_of_durations_begins_empty_and_grows_by_lines(tmp_path):
    path = tmp_path / "durations.jsonl"
    path.write_text("of an older run\n")
    log = DurationsLog(path)
    log("a#1/1", "compute", 5)
    assert path.read_bytes() == b'{"job":"a#1/1","kind":"compute","ns":5}\n'
