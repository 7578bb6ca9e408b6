"""Every `claynet` command on a page is run, with the exit code that the page says; what is shown of its output is what it writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, blocks, name_of
from tests.docs.session import Done, Session, follow

WITH_COMMANDS = [page for page in PAGES if any(block.language == "console" for block in blocks(page))]
NEED_ENGINE = {"docs/how-to/three-nodes.md"}
"""Followed by a test in tests/docker."""


@pytest.fixture(scope="module")
def seen() -> dict[tuple[str, str], Done]:
    return {}


@pytest.mark.parametrize("page", [page for page in WITH_COMMANDS if name_of(page) not in NEED_ENGINE], ids=name_of)
def test_commands_do_what_the_page_says(page: Path, tmp_path: Path, seen: dict[tuple[str, str], Done]) -> None:
    follow(page, Session(tmp_path, seen))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_command_is_shown_that_is_not_run(page: Path) -> None:
    for block in blocks(page):
        if block.language != "console":
            for line in block.text.splitlines():
                assert not re.match(r"\s*(\$ )?(\S*/)?claynet (run|check|app|node|task)\b", line), f"put it into a console block: {line}"
