"""What a run leaves on the machine is found from outside; failing providers cost tries, not tasks."""

import subprocess
import sys

from claynet.sim.watch.leftovers import children
from tests.runs.command import SCENARIOS, claynet


def test_a_child_that_is_still_there_is_found_and_its_own_children_too():
    before = children()
    program = "import subprocess, sys; p = subprocess.Popen(['cat'], stdin=subprocess.PIPE); print(p.pid, flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        grandchild = int(process.stdout.readline())
        assert children() - before == {process.pid, grandchild}
        process.stdin.close()
    assert process.pid not in children()


def test_a_provider_that_fails_half_the_time_fails_no_task(tmp_path):
    text = (SCENARIOS / "two-requestors.yaml").read_text().replace("../apps", str(SCENARIOS.parent / "apps"))
    text = text.replace("data/", f"{SCENARIOS}/data/")
    text = text.replace("price: 0.5tok", "price: 0.5tok, behaviour: {fails: 30%}", 1)
    text = text[: text.index("\nexpect:")] + "\nexpect:\n  - {tasks: {name: pow, state: finished}, count: all}\n"
    file = tmp_path / "fails.yaml"
    file.write_text(text)
    code, report = claynet("run", file, "--seed", "3")
    assert code == 0, report
    assert report["subtasks"]["failed"] >= 1


def test_real_time_cannot_be_replayed(tmp_path):
    tape = tmp_path / "tape"
    tape.write_bytes(b"")
    code, answer = claynet("run", SCENARIOS / "first-light.yaml", "--mode", "real", "--replay", tape)
    assert code == 2
    assert "real time" in answer["error"]["message"]
