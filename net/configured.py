"""What a node is built from, made of its settings.

Knows settings, what the environments' kinds ask for and how machines are shared out. Must not know files, nor how a node is run.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from claynet.actors.config import NodeConfig, ProviderConfig, RequestorConfig
from claynet.actors.environment import Environment
from claynet.actors.ports import Blobs, EventSink
from claynet.envs import registry
from claynet.envs.registry import EnvironmentKind, EnvironmentSettings
from claynet.envs.resolve import AppTable
from claynet.net.link.relay import RelayLimits
from claynet.net.live import OPENING_BALANCE, LinkOptions, MakeEnvironments
from claynet.net.settings.node_settings import NodeSettings
from claynet.net.settings.setting_keys import NOWHERE

_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What a live node is made from, besides its data dir and where it listens."""

    config: NodeConfig
    environments: MakeEnvironments
    balance: int = OPENING_BALANCE
    """Of a new node, in 10^-9 token."""
    sink: EventSink | None = None
    """Hears every event, in the emitting thread; None: only the log does."""


def blueprint(settings: NodeSettings, descriptors: tuple[tuple[str, str], ...]) -> Blueprint:
    """Return that of an operator's node; `descriptors` are those that claynet itself brings."""
    return Blueprint(_node_config(settings, descriptors), _environments_of(settings))


def _node_config(settings: NodeSettings, descriptors: tuple[tuple[str, str], ...]) -> NodeConfig:
    """Return the node's configuration; `descriptors` are those that claynet itself brings."""
    requestor = RequestorConfig(env=settings.run_requestor) if "requestor" in settings.roles else None
    provider = None
    if "provider" in settings.roles:
        provider = ProviderConfig(
            env=settings.run_provider,
            price=settings.lend_price,
            slots=settings.lend_slots,
            memory_mib=settings.lend_memory / settings.lend_slots / _MIB,
            whitelist=settings.lend_sources,
        )
    return NodeConfig(name=name_of(settings), requestor=requestor, provider=provider, descriptors=descriptors)


def name_of(settings: NodeSettings) -> str:
    """Return what the node is called: the machine's name when its operator gave none."""
    return settings.name or re.sub(r"[^A-Za-z0-9._-]", "-", platform.node())[:63].strip(".-") or "node"


def link_options(settings: NodeSettings) -> LinkOptions:
    """Return how the node is reached."""
    lent = RelayLimits(pairs=settings.relay_pairs, rate=settings.relay_rate, hourly=settings.relay_hourly, idle=settings.relay_idle)
    return LinkOptions(
        host="" if settings.listen_host == NOWHERE else settings.listen_host,
        port=settings.listen_port,
        network=settings.network,
        relay=lent if settings.relay_serve else None,
        meets=settings.relay_use,
    )


def _environments_of(settings: NodeSettings) -> MakeEnvironments:
    """Return what makes the environments that the node's roles need."""

    def make(folder: Path, blobs: Blobs) -> Mapping[str, Environment]:
        made: dict[str, Environment] = {}
        try:
            for name in settings.environments:
                kind = registry.find(name)
                chosen = EnvironmentSettings(
                    data_dir=folder / name, blobs=blobs, table=AppTable.installed(), options=options_of(kind, name, settings)
                )
                made[name] = kind.make(chosen)
        except BaseException:
            for environment in made.values():
                environment.close()
            raise
        return made

    return make


def options_of(kind: EnvironmentKind, name: str, settings: NodeSettings) -> msgspec.Struct | None:
    """Return a slot's share of what is lent, as far as this kind of environment can keep to it; None where nothing of others runs."""
    if "provider" not in settings.roles or name != settings.run_provider:
        return None
    shares: dict[str, Any] = {
        "memory": settings.lend_memory // settings.lend_slots,
        "cpus": settings.lend_cores / settings.lend_slots,
        "disk": settings.lend_disk // settings.lend_slots,
    }
    asked = {field.name for field in msgspec.structs.fields(kind.options)}
    return msgspec.convert({key: share for key, share in shares.items() if key in asked}, kind.options)
