"""The page "three nodes on your desk", followed to the letter with an engine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS
from tests.docs.session import Done, Session, follow

pytestmark = pytest.mark.docker

TOKENS = re.compile(r"has ([0-9.]+)tok")


def test_the_page_works_as_written(tmp_path: Path, tutorial_image: str) -> None:
    seen: dict[tuple[str, str], Done] = {}
    follow(DOCS / "how-to" / "three-nodes.md", Session(tmp_path, seen))
    said = {command: done.stdout for (command, _), done in seen.items()}
    has = {name: _nano(said[f"claynet node status --data-dir desk/{name}"]) for name in ("alice", "bob", "carol")}
    spent = 1_000 * 10**9 - has["alice"]
    assert spent > 0
    assert sum(has.values()) == 3_000 * 10**9, "what alice spent, bob and carol earned"
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == [f"part-{number}.zip" for number in range(4)]


def _nano(status: str) -> int:
    found = TOKENS.search(status)
    assert found is not None
    whole, _, part = found[1].partition(".")
    return int(whole) * 10**9 + int(f"{part:0<9}")
