"""Every link leads somewhere, every shown file is the file, and nothing speaks of a place that readers do not have."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from claynet.sim.scenario.reader import load
from tests.docs.pages import DOCS, PAGES, ROOT, blocks, name_of, without_blocks

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
EXAMPLES = DOCS / "examples"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", without_blocks(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(without_blocks(page)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name_of(page)} links to {link}"
        assert target.is_relative_to(ROOT)
        if anchor:
            assert anchor in anchors(target), f"{name_of(page)} links to {link}"


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in LINK.findall(without_blocks(page)) if "://" not in link]
    assert reached == set(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_file_that_is_shown_is_shown_as_it_is(page: Path) -> None:
    for block in blocks(page):
        if block.file:
            assert block.text == (ROOT / block.file).read_text(encoding="utf-8"), f"{name_of(page)} shows another {block.file}"


def test_every_example_is_shown_or_named() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    for file in EXAMPLES.iterdir():
        if file.is_file():
            assert f"docs/examples/{file.name}" in text


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.name)
def test_an_example_is_a_scenario(file: Path) -> None:
    if "Wrong on purpose" not in file.read_text(encoding="utf-8"):
        assert load(file).name == file.stem


def test_the_hypothesis_example_passes(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        "/dev/null",
        "--rootdir",
        tmp_path,
        EXAMPLES / "test_walks.py",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_begins_with_its_title(page: Path) -> None:
    assert page.read_text(encoding="utf-8").startswith("# ")
