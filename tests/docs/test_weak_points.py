"""The table of weak points has all 39, and every test that it names is there."""

from __future__ import annotations

import ast
import re

from tests.docs.pages import DOCS, ROOT, codes, table

ROWS = table(DOCS / "weak-points.md", "#")


def names_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_all_are_there() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, 40))


def test_every_test_that_is_named_exists() -> None:
    for row in ROWS:
        named = codes(row[3])
        assert named or "not yet" in row[2], f"point {row[0]} names no test and does not say why"
        for test in named:
            file, _, name = test.partition("::")
            assert name in names_in(file), f"point {row[0]}: {test}"


def test_every_test_of_a_weak_point_is_named() -> None:
    named = {test for row in ROWS for test in codes(row[3])}
    for file in sorted((ROOT / "tests" / "weak_points").glob("test_*.py")):
        for name in names_in(str(file.relative_to(ROOT))):
            point = re.match(r"test_(\d+)_", name)
            if point:
                assert f"tests/weak_points/{file.name}::{name}" in named
                assert 1 <= int(point[1]) <= 39
