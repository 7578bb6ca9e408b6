"""What an app's requirements may ask for: wheels by name. Nothing of the app is ever run to gather them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from claynet.envs.requirements import read_requirements
from claynet.envs.wheels import WheelError, gather_wheels
from tests.envs.harness import ROOT

GATHER = """
import sys
from pathlib import Path
from claynet.envs.wheels import gather_wheels
gather_wheels(Path(sys.argv[1]), Path(sys.argv[2]), "3.11")
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "requirements.txt"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "line",
    [
        "claynet",
        "zope.interface",
        "name==1",
        "name == 1.0.* , < 2!3+local",
        "name>=1,!=1.5,<2",
        "name===1.0-1",
        "name[one, two]~=1.0",
        "name==1 ; python_version < '3.12' and (sys_platform == \"linux\" or extra == 'x-y')",
    ],
)
def test_what_can_be_asked_for(tmp_path: Path, line: str) -> None:
    assert read_requirements(written(tmp_path, f"\ufeff# first\n\n  {line}  # why\n")) == (line,)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("--no-binary evil", "options"),
        ("--no-index", "options"),
        ("  -i http://example.org", "options"),
        ("--find-links ./sd", "options"),
        ("-r other.txt", "options"),
        ("-e .", "options"),
        ("-c limits.txt", "options"),
        ("name==1 --config-settings=a=b", "options"),
        ("name==1 ; python_version > '3' --global-option=x", "options"),
        ("name==1 --hash=sha256:00", "hashes"),
        ("name==1 \\", "one line"),
        ("name @ https://example.org/name.tar.gz", "urls and paths"),
        ("name@file:x", "urls and paths"),
        ("git+https://example.org/name.git", "urls and paths"),
        ("./name", "urls and paths"),
        (".", "urls and paths"),
        ("sd/name", "urls and paths"),
        ("name.tar.gz", "urls and paths"),
        ("name-1.whl[extra] ; python_version > '3'", "urls and paths"),
        ("name==1.zip", "urls and paths"),
        ("${NAME}", "no requirement"),
        ("name==", "no requirement"),
        ("ｎame", "no requirement"),
        ("one two", "no requirement"),
        (f"name{'.zip[' * 300}", "longer than"),
    ],
)
def test_what_cannot_be_asked_for(tmp_path: Path, line: str, why: str) -> None:
    path = written(tmp_path, f"claynet\n{line}\n")
    with pytest.raises(WheelError, match=rf"^requirements\.txt:2: .*{why}"):
        gather_wheels(tmp_path, path, "3.11")
    assert list(tmp_path.iterdir()) == [path], "nothing was begun"


def test_a_line_that_only_pip_would_see_is_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"requirements\.txt:2: "):
        read_requirements(written(tmp_path, "# a comment\x0c--no-binary :all:\n"))


@pytest.mark.parametrize(("content", "why"), [(b"\xff\xfe-\0e\0", "not UTF-8"), (b"#" * 70_000, "more than 65536 bytes")])
def test_a_file_that_is_none(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "requirements.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"requirements\.txt: {why}"):
        read_requirements(path)


@pytest.mark.parametrize("path", sorted([*ROOT.glob("apps/*/requirements.txt"), *ROOT.glob("docs/examples/*/requirements.txt")]), ids=str)
def test_those_of_this_repository(path: Path) -> None:
    assert read_requirements(path)


def test_no_module_of_the_folder_it_is_called_in_is_run(tmp_path: Path) -> None:
    """`cd my-app; claynet app build .`"""
    app, wheels = tmp_path / "app", tmp_path / "wheels"
    app.mkdir()
    wheels.mkdir()
    (app / "pip.py").write_text("open('was-here', 'w')\n")
    variables = os.environ | {"PIP_NO_INDEX": "1", "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-P", "-c", GATHER, str(wheels), str(written(app, "claynet\n"))]
    done = subprocess.run(command, cwd=app, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert sorted(path.name for path in app.iterdir()) == ["pip.py", "requirements.txt"]
    assert done.returncode == 0 or "WheelError" in done.stderr, "pip itself was asked; without an index it may have found nothing"
