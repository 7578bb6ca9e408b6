"""What is generated for the docs is what the code gives."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_diagrams_are_drawn_from_the_tables():
    done = subprocess.run([sys.executable, ROOT / "docs" / "draw_machines.py", "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
