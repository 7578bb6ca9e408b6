"""Two runs that need one image that is not here: one builds it, the other waits for that and uses it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from claynet.envs.docker_engine import Engine
from tests.envs.harness import ROOT

pytestmark = pytest.mark.docker

IMAGE = "claynet-tests/turns:1.0.0"
BUILD = """
import sys
from pathlib import Path
from claynet.envs.docker_build import build_missing
folder = Path(sys.argv[2])
sys.stdin.readline()
build_missing(sys.argv[1], folder, folder / "descriptor.json", lambda text: print(text, flush=True))
"""


def test_one_builds_and_the_other_waits(tmp_path: Path, tutorial_image: str) -> None:
    folder = tmp_path / "app"
    shutil.copytree(ROOT / "apps" / "tutorial", folder, ignore=shutil.ignore_patterns("__pycache__"))
    descriptor = folder / "descriptor.json"
    text = descriptor.read_text().replace(tutorial_image.partition(":")[0], IMAGE.partition(":")[0])
    descriptor.write_text(json.dumps(json.loads(text) | {"name": IMAGE.partition(":")[0]}))
    command = [sys.executable, "-c", BUILD, IMAGE, str(folder)]
    with closing(Engine()) as engine:
        both = [
            subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for _ in range(2)
        ]
        for one in both:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        said = [one.communicate()[0] for one in both]
        assert [one.returncode for one in both] == [0, 0], said
        assert engine.has_image(IMAGE)
        with engine.api() as api:
            api.remove_image(IMAGE, force=True)
    assert sorted("building it from" in text for text in said) == [False, True], said
    (other,) = [text for text in said if "building it from" not in text]
    assert f"{IMAGE} is not here; waiting for another claynet that builds" in other
    assert f"{IMAGE} was built meanwhile" in other
