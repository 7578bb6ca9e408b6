"""The bare command is quick and imports little; without the node's packages it says what to install."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

HEAVY = ("grpc", "pykka", "msgspec", "msgpack", "ruamel", "cryptography")

PROBE = """
import sys
sys.argv = ["claynet", *{arguments!r}]
from claynet.cli.main import main
try:
    main()
except SystemExit as end:
    code = end.code
import json
print()
print(json.dumps([code, [name for name in {heavy!r} if name in sys.modules]]))
"""


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["app", "--help"], ["check", "--help"], []])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = PROBE.format(arguments=arguments, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    exit_code, imported = json.loads(done.stdout.splitlines()[-1])
    assert imported == []
    assert exit_code == (0 if arguments else 2)


def test_help_is_quick() -> None:
    best = 10.0
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "claynet.cli.main", "--help"], capture_output=True, check=True)
        best = min(best, time.perf_counter() - start)
    assert best < 1.0  # about 0.15 s alone; the bound leaves room for a busy machine


@pytest.mark.parametrize("missing", ["typer", "ruamel", "msgspec"])
@pytest.mark.parametrize("as_json", [False, True])
def test_without_the_nodes_packages(missing: str, as_json: bool) -> None:
    # An import of a module that sys.modules maps to None raises ModuleNotFoundError, as a package that is not installed does.
    arguments = ["claynet", "check", "some.yaml", *(["--json"] if as_json else [])]
    code = f"import sys; sys.modules[{missing!r}] = None; sys.argv = {arguments!r}; from claynet.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    text = 'this needs "pip install claynet[node]"'
    assert done.returncode == 2
    if as_json:
        assert json.loads(done.stdout) == {"error": {"kind": "not_installed", "message": text}}
    else:
        assert done.stderr == text + "\n"
