"""The page on environments shows what the example really has."""

from __future__ import annotations

import re

from tests.docs.pages import DOCS, ROOT

PAGE = (DOCS / "how-to" / "write-an-environment.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "tests" / "plugins" / "claynet-example-env"


def test_its_code_is_that_of_the_example() -> None:
    code = (EXAMPLE / "claynet_example_env.py").read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines() if line.strip()]
    assert lines
    for line in lines:
        assert f"{line}\n" in code, line


def test_its_entry_point_is_that_of_the_example() -> None:
    (block,) = re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL)
    assert block.strip() in (EXAMPLE / "setup.cfg").read_text(encoding="utf-8")
