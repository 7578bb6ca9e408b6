"""The oldest and the newest Pykka of the range that setup.cfg allows: actor system and clock keep their contracts on both."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OLDEST = "4.4.2"
CONTRACT = "tests/sim_core/test_contract_system.py"
ACTORS = "tests/sim_core/test_virtual_actors.py"


def installed(version: str) -> Path:
    """Find one version of Pykka in a folder of its own, fetching it on first use."""
    folder = Path(sys.prefix) / f"pykka-{version}"
    if not (folder / f"pykka-{version}.dist-info").is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target", str(folder)]
        done = subprocess.run([*command, f"pykka=={version}"], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.fail(f"pip cannot fetch pykka {version}, which this test runs against (a package index is needed once): {done.stderr}")
    return folder


def run(path: str) -> str:
    """Run the contracts with the Pykka found first on `path`; return the version that was used."""
    environment = {**os.environ, "PYTHONPATH": path}
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", CONTRACT, ACTORS]
    done = subprocess.run(tests, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    asked = "from importlib.metadata import version; print(version('pykka'))"
    return subprocess.run([sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_the_contracts_hold_on_the_oldest_pykka():
    assert run(str(installed(OLDEST))) == OLDEST


def test_setup_cfg_and_this_test_mean_the_same_oldest():
    assert f"pykka >={OLDEST}," in (ROOT / "setup.cfg").read_text()


def test_the_installed_pykka_is_the_newest_series_of_the_range():
    """The rest of the suite runs on it."""
    assert run("").startswith("4.5.")
