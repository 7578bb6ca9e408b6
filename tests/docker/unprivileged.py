"""`python -m tests.docker.unprivileged`: the core docker tests as a user who is not root and whose only right is the docker group.

As root: makes a user, a copy of the tree and a venv that the user can reach, runs the tests there, and removes all of it. Anybody else
runs every test as such a user anyhow, and is told so. Ends with 1 when a test fails or anything of the user is left.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from claynet.envs.docker_engine import Engine
from claynet.envs.docker_owner import HOME_LABEL, containers_of
from tests.docker.engine import NoEngineError, engine_for_tests
from tests.docker.engine import say as say_line

ROOT = Path(__file__).parents[2]
SELECTION = (
    "tests/docker/test_hardening.py",
    "tests/docker/test_ends.py",
    "tests/docker/test_escape.py",
    "tests/docker/test_leftovers.py",
    "tests/docker/test_testnet.py",
    "tests/envs/test_core_rules.py",
)
_WHICH = "docker"
"""Marker of the tests that are taken from the files above."""
_CUSTOMARY = "unix:///var/run/docker.sock"
_FITS = "import sys, venv; sys.exit(sys.version_info < (3, 11))"


class CannotError(Exception):
    """The step cannot be done here; the text is one line that says why, and what to do."""


def main() -> int:
    """Run the step."""
    if os.geteuid() != 0:
        say("you are not root, so `make test` runs all of them that way; nothing to do")
        return 0
    if os.environ.get("DOCKER") == "no":
        say("left out (DOCKER=no)")
        return 0
    try:
        with engine_for_tests() as url, _user(_group_of(url)) as name, _tree(name) as folder:
            code = _tests(name, folder)
            left = _left(name, folder)
    except (CannotError, NoEngineError) as error:
        say(str(error))
        return 1
    for line in left:
        say(f"left behind: {line}")
    return 1 if code or left else 0


def say(text: str) -> None:
    """Tell what is going on."""
    say_line(f"unprivileged docker tests: {text}")


def _group_of(url: str) -> str:
    """Return the group that may use the engine's socket."""
    url = url or _CUSTOMARY
    if not url.startswith("unix:"):
        raise CannotError(f"the engine at {url} has no socket here whose group a user could be in; unset DOCKER_HOST")
    path = Path("/" + url.removeprefix("unix:").lstrip("/"))
    found = path.stat()
    if found.st_gid == 0 or not found.st_mode & 0o020:
        raise CannotError("the engine's socket is root's alone: make a group (groupadd --system docker) and start the engine again")
    return grp.getgrgid(found.st_gid).gr_name


@contextmanager
def _user(group: str) -> Iterator[str]:
    name = f"claynet-{os.getpid()}"
    _do("useradd", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/sh", "--groups", group, name)
    try:
        yield name
    finally:
        for pid in _processes(name):
            os.kill(pid, 9)
        _do("userdel", name)


@contextmanager
def _tree(name: str) -> Iterator[Path]:
    """Copy what git knows of this tree, and make a venv there; all of it belongs to the user."""
    folder = Path(tempfile.mkdtemp(prefix="claynet-tree-"))
    try:
        folder.chmod(0o755)
        tree = folder / "tree"
        listed = subprocess.run(["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
        for path in filter(None, listed.stdout.split("\0")):
            if (ROOT / path).is_symlink() or (ROOT / path).exists():
                (tree / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, tree / path, follow_symlinks=False)
        (folder / "tmp").mkdir()
        _venv(name, tree)
        _do("chown", "-R", "--no-dereference", f"{name}:", str(folder))
        yield folder
    finally:
        shutil.rmtree(folder)


def _venv(name: str, tree: Path) -> None:
    python = next((found for found in _interpreters() if not _as(name, [found, "-c", _FITS], Path("/"), {}).returncode), None)
    if python is None:
        raise CannotError("no Python 3.11 that other users can execute (root's own folder is closed to them): apt-get install python3")
    say(f"installing for user {name} with {python} ...")
    _do(python, "-m", "venv", "--without-pip", str(tree / ".venv"))
    # our own pip installs: a system's interpreter may come without one
    pip = [sys.executable, "-m", "pip", "--python", str(tree / ".venv/bin/python"), "install", "--quiet", "--disable-pip-version-check"]
    _do(*pip, "pip", "-e", f"{tree}[dev]")


def _interpreters() -> Iterator[str]:
    yield sys.executable
    for folder in dict.fromkeys([*os.environ.get("PATH", "").split(":"), "/usr/local/bin", "/usr/bin"]):
        yield from map(str, sorted(Path(folder or ".").glob("python3.[0-9][0-9]"), reverse=True))


def _tests(name: str, folder: Path) -> int:
    say(f"running as user {name} ...")
    variables = {"TMPDIR": str(folder / "tmp"), "HOME": str(folder / "tmp")}
    command = [str(folder / "tree/.venv/bin/pytest"), "-q", "-m", _WHICH, *SELECTION]
    return _as(name, command, folder / "tree", variables, quiet=False).returncode


def _left(name: str, folder: Path) -> list[str]:
    """Name the processes and containers that the user's tests did not take with them."""
    left = [f"process {pid}" for pid in _processes(name)]
    with closing(Engine()) as engine:
        homes = [(found["Id"], (found.get("Labels") or {}).get(HOME_LABEL, "")) for found in containers_of(engine)]
    left += [f"container {container}" for container, home in homes if home.startswith(str(folder))]
    return left


def _processes(name: str) -> list[int]:
    uid = pwd.getpwnam(name).pw_uid
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.stat().st_uid == uid:
                found.append(int(folder.name))
        except FileNotFoundError:  # it ended meanwhile
            continue
    return found


def _as(
    name: str, command: Sequence[str], cwd: Path, variables: dict[str, str], *, quiet: bool = True
) -> subprocess.CompletedProcess[bytes]:
    where = subprocess.DEVNULL if quiet else None
    full = ["runuser", "-u", name, "--", *command]
    return subprocess.run(full, cwd=cwd, env={**os.environ, **variables}, stdout=where, stderr=where, check=False)


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotError(f"{' '.join(command[:3])} failed: {done.stderr.strip()[-400:]}")


if __name__ == "__main__":
    raise SystemExit(main())
