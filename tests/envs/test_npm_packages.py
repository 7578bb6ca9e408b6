"""Lock files of npm: what is in them must be pinned, and what is wrong with one is said."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from claynet.envs.npm_lock import LOCK, MANIFEST, NpmError, read_lock, read_manifest
from claynet.envs.npm_packages import MODULES, gather_packages
from tests.envs.harness import ROOT

FOLDER = ROOT / "docs" / "examples" / "factors"
HASH = "sha512-" + "A" * 86 + "=="


GOOD = {"version": "1.0.0", "integrity": HASH, "resolved": "https://registry.npmjs.org/a/-/a-1.0.0.tgz"}
GIT = "git+ssh://git@example.org/a.git#0123"
NPM = f"""#!/bin/sh
echo "$@" > arguments
ls -A > files
mkdir {MODULES}
cp arguments files {LOCK} {MANIFEST} {MODULES}
"""


def lock(folder: Path, entry: dict[str, object], place: str = "node_modules/a") -> Path:
    path = folder / LOCK
    path.write_text(
        json.dumps({"name": "x", "lockfileVersion": 2, "packages": {"": {"name": "x"}, place: entry}, "dependencies": {"a": GIT}})
    )
    return path


def manifest(folder: Path, **fields: object) -> Path:
    path = folder / MANIFEST
    path.write_text(json.dumps({"name": "x", "version": "1.0.0", **fields}))
    return path


@pytest.mark.parametrize("place", ["node_modules/a", "node_modules/@s/a", "node_modules/@s/a/node_modules/JSONStream"])
def test_a_pinned_package(tmp_path: Path, place: str) -> None:
    needs = {"dependencies": {"b": "^1.0.0 || >=2", "@s/c": "npm:d@~1.2.3", "e": "*", "f": "", "g": "latest"}}
    extra = {"hasInstallScript": True, "funding": "https://example.org", "bin": {"a": "a.js"}}
    found = read_lock(lock(tmp_path, GOOD | needs | extra, place))
    assert found["packages"][place] == {"version": "1.0.0", "integrity": HASH, "bin": {"a": "a.js"}} | needs
    assert sorted(found) == ["lockfileVersion", "name", "packages", "requires"]


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"version": "1.0.0"}, "has no sha512 integrity"),
        ({"version": "1.0.0", "integrity": "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="}, "has no sha512 integrity"),
        ({"version": "1.0.0", "integrity": "sha512-"}, "has no sha512 integrity"),
        ({"resolved": GIT}, "has no sha512 integrity"),
        (GOOD | {"resolved": GIT}, "is not resolved to https://"),
        (GOOD | {"resolved": "http://example.org/a.tgz"}, "is not resolved to https://"),
        (GOOD | {"resolved": "file:a.tgz"}, "is not resolved to https://"),
        (GOOD | {"resolved": "../a", "link": True}, "is a link to a folder"),
        (GOOD | {"inBundle": True}, "comes inside of another package"),
        (GOOD | {"hasShrinkwrap": True}, "a lock file of its own"),
        (GOOD | {"version": GIT}, "version of another form"),
        (GOOD | {"version": "file:../a"}, "version of another form"),
        (GOOD | {"name": f"a@{GIT}"}, "version of another form"),
        (GOOD | {"dependencies": {"b": GIT}}, "dependencies: 'b' is wanted as 'git"),
        (GOOD | {"optionalDependencies": {"b": "user/repository"}}, "optionalDependencies: 'b'"),
        (GOOD | {"peerDependencies": {f"b@{GIT}": "1"}}, "peerDependencies: "),
    ],
)
def test_a_package_that_is_not_pinned(tmp_path: Path, entry: dict[str, object], why: str) -> None:
    with pytest.raises(NpmError, match=f"node_modules/a:? .*{why}"):
        read_lock(lock(tmp_path, entry))


@pytest.mark.parametrize("place", ["a", "packages/a", "../node_modules/a", "/node_modules/a", "node_modules/../a", "node_modules/.bin"])
def test_a_package_that_would_be_elsewhere(tmp_path: Path, place: str) -> None:
    with pytest.raises(NpmError, match="is no place of a package"):
        read_lock(lock(tmp_path, GOOD, place))


@pytest.mark.parametrize(
    "wanted", [GIT, "file:../a", "../a", ".", "~/a", "a.tgz", "user/repository", "https://example.org/a", "npm:a@../b"]
)
@pytest.mark.parametrize("key", ["dependencies", "devDependencies", "overrides"])
def test_a_manifest_that_wants_more_than_a_registry_has(tmp_path: Path, key: str, wanted: str) -> None:
    with pytest.raises(NpmError, match=f"package.json: {key}: 'a' is wanted as "):
        read_manifest(manifest(tmp_path, **{key: {"a": wanted}}))


def test_a_manifest_tells_npm_what_it_needs_and_no_more(tmp_path: Path) -> None:
    needs = {"dependencies": {"a": "1.0.0"}, "overrides": {"a": {".": "1.0.0", "b@1": "$a"}}}
    path = manifest(tmp_path, scripts={"preinstall": "touch here"}, config={"x": "y"}, **needs)
    assert read_manifest(path) == {"name": "x", "version": "1.0.0"} | needs
    with pytest.raises(NpmError, match="workspaces are folders"):
        read_manifest(manifest(tmp_path, workspaces=["packages/*"]))


def test_npm_is_given_what_was_checked_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs, folder = tmp_path / "bin", tmp_path / "app"
    programs.mkdir()
    folder.mkdir()
    (programs / "npm").write_text(NPM)
    (programs / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    lock(folder, GOOD)
    manifest(folder, scripts={"prepare": "touch here"}, dependencies={"a": "1.0.0"})
    (folder / "main.js").touch()
    gather_packages(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["main.js", MODULES, LOCK, MANIFEST]
    seen = folder / MODULES
    assert (seen / "files").read_text().split() == ["arguments", "files", LOCK, MANIFEST]
    assert "--ignore-scripts" in (seen / "arguments").read_text()
    assert json.loads((seen / LOCK).read_text()) == read_lock(folder / LOCK)
    assert "scripts" not in json.loads((seen / MANIFEST).read_text())


@pytest.mark.parametrize("name", ["npm-shrinkwrap.json", ".npmrc"])
def test_what_npm_would_heed_besides_is_refused(tmp_path: Path, name: str) -> None:
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns(MODULES))
    (tmp_path / name).symlink_to("nowhere")
    with pytest.raises(NpmError, match=f"^{name} cannot be taken: "):
        gather_packages(tmp_path)
    assert not (tmp_path / MODULES).exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"packages": []}', '{"packages": {"a": 1}}'])
def test_what_is_no_lock_file(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK).write_text(text)
    with pytest.raises(NpmError, match="is not a lock file"):
        read_lock(tmp_path / LOCK)


def test_without_npm_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    shutil.copy(FOLDER / LOCK, tmp_path)
    shutil.copy(FOLDER / MANIFEST, tmp_path)
    with pytest.raises(NpmError, match=r"npm is not here: install Node\.js"):
        gather_packages(tmp_path)


def test_the_example_is_pinned_and_names_no_host() -> None:
    read_lock(FOLDER / LOCK)
    packages = json.loads((FOLDER / LOCK).read_text())["packages"]
    hosts = {entry["resolved"].split("/")[2] for entry in packages.values() if "resolved" in entry}
    assert hosts <= {"registry.npmjs.org"}


def test_the_example_speaks_the_protocol_of_ours() -> None:
    assert (FOLDER / "golem_task_api.proto").read_bytes() == (ROOT / "proto" / "golem_task_api.proto").read_bytes()
