"""Lock files of npm: what is in them must be pinned, and what is wrong with one is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from claynet.envs.npm_packages import LOCK, NpmError, check_lock, gather_packages
from tests.envs.harness import ROOT

FOLDER = ROOT / "docs" / "examples" / "factors"
HASH = "sha512-" + "A" * 86 + "=="


def lock(folder: Path, entry: dict[str, object]) -> Path:
    path = folder / LOCK
    path.write_text(json.dumps({"lockfileVersion": 3, "packages": {"": {"name": "x"}, "node_modules/a": entry}}))
    return path


def test_a_pinned_package(tmp_path: Path) -> None:
    check_lock(lock(tmp_path, {"version": "1.0.0", "integrity": HASH}))


@pytest.mark.parametrize(
    "entry",
    [
        {"version": "1.0.0"},
        {"version": "1.0.0", "integrity": "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="},
        {"resolved": "git+ssh://git@example.org/a.git#0123"},
        {"resolved": "../a", "link": True},
    ],
)
def test_a_package_that_is_not_pinned(tmp_path: Path, entry: dict[str, object]) -> None:
    with pytest.raises(NpmError, match="node_modules/a has no sha512 integrity"):
        check_lock(lock(tmp_path, entry))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"packages": []}', '{"packages": {"a": 1}}'])
def test_what_is_no_lock_file(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK).write_text(text)
    with pytest.raises(NpmError, match="is not a lock file"):
        check_lock(tmp_path / LOCK)


def test_without_npm_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    shutil.copy(FOLDER / LOCK, tmp_path)
    with pytest.raises(NpmError, match=r"npm is not here: install Node\.js"):
        gather_packages(tmp_path)


def test_the_example_is_pinned_and_names_no_host() -> None:
    check_lock(FOLDER / LOCK)
    packages = json.loads((FOLDER / LOCK).read_text())["packages"]
    hosts = {entry["resolved"].split("/")[2] for entry in packages.values() if "resolved" in entry}
    assert hosts <= {"registry.npmjs.org"}


def test_the_example_speaks_the_protocol_of_ours() -> None:
    assert (FOLDER / "golem_task_api.proto").read_bytes() == (ROOT / "proto" / "golem_task_api.proto").read_bytes()
