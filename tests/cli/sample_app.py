"""Apps to check: one whose module is sound and does not serve, and a module that cannot be imported is `broken_module`."""

from __future__ import annotations

from claynet.taskapi.app import App


def _no_handler() -> object:
    raise RuntimeError("this app does not serve")


APP = App("sample/silent", _no_handler, _no_handler)  # type: ignore[arg-type]
NOT_AN_APP = 5
