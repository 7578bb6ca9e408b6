"""However a valid file is spoiled, it loads or is refused with findings; nothing else ever comes out."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claynet.sim.scenario.plan import Plan
from claynet.sim.scenario.reader import ScenarioErrors, load
from tests.scenario.samples import FULL, write

TOKENS = re.findall(r"[\w.%\-]+|[^\w\s]|\s+", FULL)
ODD = "0 -1 1e999 null ~ true [] {} [[]] {a:b} *x &x !!int | > ? - ' # % @ ` ... --- << é .nan 0x10 0o7".split()  # noqa: SIM905
ODD += ["", "\t", "\n", "\n\n  ", "{a: b}", "\U0001f600", "9" * 40, "- ", "? ", '"', '"\\0"']


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def outcome(folder: Path, text: str | bytes) -> Plan | None:
    refused: ScenarioErrors | None = None
    try:
        plan = load(write(folder, text))
    except ScenarioErrors as errors:
        refused = errors
    if refused is not None:
        assert refused.errors
        assert all(error.message for error in refused.errors)
        return None
    assert plan.digest()
    assert len(list(plan.instances())) == sum(len(task.by) * task.repeat for task in plan.tasks)
    return plan


words = st.one_of(st.sampled_from(sorted(set(TOKENS))), st.sampled_from(ODD), st.text(max_size=8))


@settings(max_examples=150, deadline=None)
@given(edits=st.lists(st.tuples(st.integers(0, len(TOKENS) - 1), words), min_size=1, max_size=3))
def test_replaced_words(folder: Path, edits: list[tuple[int, str]]) -> None:
    tokens = list(TOKENS)
    for place, word in edits:
        tokens[place] = word
    outcome(folder, "".join(tokens).encode("utf-8", "surrogatepass"))


@settings(max_examples=60, deadline=None)
@given(start=st.integers(0, len(FULL)), length=st.integers(0, 60), again=st.booleans())
def test_cut_and_doubled_pieces(folder: Path, start: int, length: int, again: bool) -> None:
    piece = FULL[start : start + length]
    outcome(folder, FULL[:start] + (piece + piece if again else "") + FULL[start + length :])


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, len(FULL) - 1), byte=st.binary(min_size=1, max_size=3))
def test_changed_bytes(folder: Path, place: int, byte: bytes) -> None:
    data = FULL.encode()
    outcome(folder, data[:place] + byte + data[place + len(byte) :])


def test_the_file_itself_loads(folder: Path) -> None:
    assert outcome(folder, FULL) is not None
