"""What an operator may choose of the child processes of a node: `options:` of a group in a scenario.

Knows names, bounds and units of options. Must not know processes.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from claynet.envs.disk_watch import DISK, RESERVE
from claynet.envs.options import SIZE


class ProcessOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a service's work dir may hold, and what stays free of the node's disk."""

    disk: Annotated[int, Meta(ge=1024 * 1024), SIZE] = DISK
    reserve: Annotated[int, Meta(ge=0), SIZE] = RESERVE
