"""What a killed owner leaves is swept by the next one, and nothing else is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from claynet.envs.docker_owner import containers_of, sweep
from claynet.envs.owner import this_process
from tests.envs.harness import ROOT, Driver, MemoryBlobs, make_docker_cpu, ok

pytestmark = pytest.mark.docker

NODE = """
import sys
from pathlib import Path
from claynet.envs.owner import this_process
from tests.envs.harness import Driver, MemoryBlobs, make_docker_cpu, ok
ok(Driver(make_docker_cpu(Path(sys.argv[1]), MemoryBlobs()), sys.argv[2]).requestor.start().run())
print(this_process().id, this_process().home, flush=True)
sys.stdin.read()
"""


def test_what_a_killed_node_left_is_swept_and_nothing_of_a_living_one(tmp_path: Path, docker_images: str) -> None:
    environment = make_docker_cpu(tmp_path / "mine", MemoryBlobs())
    ok(Driver(environment).requestor.start().run())
    command = [sys.executable, "-c", NODE, str(tmp_path / "other"), "parts"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        owner, home = other.stdout.readline().split()
        assert sweep(environment.engine) == 0
        assert len(containers_of(environment.engine, owner)) == 1
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
    assert len(containers_of(environment.engine, owner)) == 1
    assert sweep(environment.engine) == 1
    assert not containers_of(environment.engine, owner)
    assert not Path(home).exists()
    assert len(containers_of(environment.engine, this_process().id)) == 1
    environment.close()
    assert not containers_of(environment.engine, this_process().id)
    environment.close()
