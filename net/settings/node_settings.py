"""What an operator decides about a node, and where each decision came from: default, file, environment variable or flag, the last wins.

Knows how the sources lie over each other and which values do not go together. Must not know YAML, nor what is done with a setting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from claynet.actors.nearest import nearest
from claynet.actors.units import UnitError
from claynet.envs import registry
from claynet.net.settings.hours import Hours
from claynet.net.settings.setting_keys import KEYS, NOWHERE, Key


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """All settings of one node; a field is a key with `_` for its dot. Sizes in bytes, durations in ns, amounts in 10^-9 token."""

    name: str = KEYS["name"].default
    roles: tuple[str, ...] = KEYS["roles"].default
    discover: bool = KEYS["discover"].default
    listen_host: str = KEYS["listen.host"].default
    listen_port: int = KEYS["listen.port"].default
    network: str = KEYS["network"].default
    peers: tuple[tuple[str, int], ...] = KEYS["peers"].default
    relay_use: bool = KEYS["relay.use"].default
    relay_serve: bool = KEYS["relay.serve"].default
    relay_pairs: int = KEYS["relay.pairs"].default
    relay_rate: int = KEYS["relay.rate"].default
    relay_hourly: int = KEYS["relay.hourly"].default
    relay_idle: int = KEYS["relay.idle"].default
    run_requestor: str = KEYS["run.requestor"].default
    run_provider: str = KEYS["run.provider"].default
    run_on_host: bool = KEYS["run.on_host"].default
    lend_cores: float = KEYS["lend.cores"].default
    lend_memory: int = KEYS["lend.memory"].default
    lend_disk: int = KEYS["lend.disk"].default
    lend_slots: int = KEYS["lend.slots"].default
    lend_price: int = KEYS["lend.price"].default
    lend_hours: Hours = KEYS["lend.hours"].default
    lend_idle_only: bool = KEYS["lend.idle_only"].default
    lend_sources: tuple[str, ...] = KEYS["lend.sources"].default
    log_level: str = KEYS["log.level"].default
    log_format: str = KEYS["log.format"].default
    log_size: int = KEYS["log.size"].default
    log_keep: int = KEYS["log.keep"].default
    stop_limit: int = KEYS["stop.limit"].default

    @property
    def environments(self) -> tuple[str, ...]:
        """The environments that its roles need, each once."""
        needed = {"requestor": self.run_requestor, "provider": self.run_provider}
        return tuple(dict.fromkeys(needed[role] for role in self.roles))


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a setting, and where it was given."""

    place: str
    """`FILE:LINE`, `the variable X`, `the flag X`."""
    key: str
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.key}: {self.message}" + (f"; {self.suggestion}" if self.suggestion else "")


class SettingsError(Exception):
    """Settings that cannot be used; a line for each finding."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in findings))


@dataclass(frozen=True, slots=True)
class Given:
    """One source of settings."""

    values: Mapping[str, object]
    """Raw values by key."""
    places: Mapping[str, str]
    """Where each stands."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """The settings that hold, and where each comes from."""

    settings: NodeSettings
    origins: Mapping[str, str] = field(default_factory=dict)
    """Key to place; absent: the default."""

    def value(self, key: Key) -> Any:
        """Return what holds for a key."""
        return getattr(self.settings, key.field)

    def origin(self, key: Key) -> str:
        """Return where it comes from."""
        return self.origins.get(key.name, "default")


def from_variables(variables: Mapping[str, str]) -> Given:
    """Find the settings among environment variables."""
    found = {key.name: variables[key.variable] for key in KEYS.values() if key.variable in variables}
    return Given(found, {name: f"the variable {KEYS[name].variable}" for name in found})


def from_flags(flags: Mapping[str, object], shown: Mapping[str, str] | None = None) -> Given:
    """Take settings of a command line; `shown` says which flag each came by."""
    return Given(flags, {name: f"the flag {(shown or {}).get(name, f'--set {name}')}" for name in flags})


def resolve(*sources: Given) -> Resolved:
    """Lay sources over the defaults, later over earlier. Raises SettingsError with everything that is wrong in any of them."""
    findings: list[Finding] = []
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for source in sources:
        for name, raw in source.values.items():
            key = KEYS.get(name)
            if key is None:
                findings.append(Finding(source.places[name], name, "unknown key", nearest(name, KEYS)))
                continue
            try:
                values[key.field] = key.read(raw)
            except UnitError as error:
                findings.append(Finding(source.places[name], name, str(error), error.suggestion))
            origins[name] = source.places[name]
    if findings:
        raise SettingsError(findings)
    settings = NodeSettings(**values)
    findings = _disagreements(settings, origins)
    if findings:
        raise SettingsError(findings)
    return Resolved(settings, origins)


def _disagreements(settings: NodeSettings, origins: Mapping[str, str]) -> list[Finding]:
    found = []
    for name in ("run.requestor", "run.provider"):
        value = getattr(settings, KEYS[name].field)
        place = origins.get(name, "default")
        if value not in registry.names():
            found.append(Finding(place, name, f"no environment is called {value!r}", nearest(value, registry.names())))
        elif name.removeprefix("run.") in settings.roles and not settings.run_on_host and registry.find(value).runs_on_host:
            message = f"{value} runs apps on this machine without a container"
            found.append(Finding(place, name, message, "set run.on_host to true if that is what you want"))
    if settings.relay_serve and settings.listen_host == NOWHERE:
        message = "a relay has to be called, and this node does not listen"
        found.append(Finding(origins["relay.serve"], "relay.serve", message, "set listen.host to an address that others reach"))
    if not settings.roles:
        found.append(Finding(origins["roles"], "roles", "a node without a role does nothing", "name requestor, provider or both"))
    if "provider" in settings.roles and settings.lend_memory // settings.lend_slots < 64 * 2**20:
        found.append(Finding(origins.get("lend.slots", "default"), "lend.slots", "each slot has less than 64MiB of lend.memory"))
    return found
