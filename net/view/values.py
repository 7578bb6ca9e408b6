"""What a node's view is made of: frozen values that any thread may read.

Knows names and units (UTC ns, 10^-9 token). Must not know where a value came from, nor who asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from claynet.actors.ports import FileRef


class TaskRecord(msgspec.Struct, frozen=True, kw_only=True, tag="task_record"):
    """What is kept of a task beside its machine: what the user wanted done with it. Stored under `record/ID`."""

    id: str
    created: int
    output_directory: str = ""
    ended: int = 0
    results: tuple[FileRef, ...] = ()
    delivery: str = ""
    """stored: they are blobs of this node; delivered: copied to `delivered_to` too; failed: see `delivery_problem`."""
    delivered_to: str = ""
    delivery_problem: str = ""


class AppsRecord(msgspec.Struct, frozen=True, kw_only=True, tag="apps_record"):
    """What the operator said about apps. Stored under `apps`."""

    enabled: tuple[str, ...] = ()
    """App ids."""
    stocked: tuple[str, ...] = ()
    """Ids of bundled apps that were put there once: one that was removed does not come back."""


class LendingRecord(msgspec.Struct, frozen=True, kw_only=True, tag="lending_record"):
    """What the operator said about lending by command. Stored under `lending`."""

    disabled: tuple[str, ...] = ()
    """Environments that take no work."""


RECORDS: Any = TaskRecord | AppsRecord | LendingRecord
"""What a live node's Store holds beside the states of its actors."""


@dataclass(frozen=True, slots=True)
class DeclineSeen:
    """The last word of one side by one rule."""

    rule: str
    side: str
    """requestor or provider."""
    detail: str
    at: int
    count: int = 1


@dataclass(frozen=True, slots=True)
class OfferSeen:
    """The last offer of a provider."""

    price: int
    score: float
    at: int
    count: int = 1


@dataclass(frozen=True, slots=True)
class EnvironmentSeen:
    """An environment as one side of the node uses it."""

    name: str
    side: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class ScoreSeen:
    """What a benchmark came to; no image: the environment itself."""

    environment: str
    image: str
    state: str
    score: float
    reason: str


@dataclass(frozen=True, slots=True)
class MoneySeen:
    """Test tokens, without the balance itself."""

    reserved: int
    earned: int
    spent: int
    awaited: int
