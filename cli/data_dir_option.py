"""`--data-dir`: whose node a command is for.

Knows the platform's folders and the variable. Must not know what is in a data dir.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from claynet.cli.paths import named_path

VARIABLE = "CLAYNET_DATA_DIR"

DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        parser=named_path,
        metavar="DIR",
        help=f"The node's data dir (else ${VARIABLE}, else the platform's).",
        show_default=False,
    ),
]


def default_data_dir() -> Path:
    """Return the data dir that is used when none is named."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).absolute()
    from platformdirs import user_data_path

    return user_data_path("claynet", appauthor=False)


def data_dir_of(given: Path | None) -> Path:
    """Return the data dir that a command is for."""
    return default_data_dir() if given is None else given.absolute()


def data_dir_flag(data_dir: Path) -> str:
    """Return ` --data-dir DIR`, for commands that are told to people; nothing where it is the usual one."""
    return "" if data_dir == default_data_dir() else f" --data-dir {shlex.quote(str(data_dir))}"
