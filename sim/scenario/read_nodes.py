"""Reads `apps:` and `nodes:`: who there is, and what they can run.

Knows those keys and the defaults of node configurations. Must not know tasks or events.
"""

from __future__ import annotations

import json
import re
from typing import cast

from claynet.actors import descriptors, units
from claynet.actors.config import NodeConfig, ProviderConfig, RequestorConfig
from claynet.actors.nearest import nearest
from claynet.actors.ports import SECOND
from claynet.sim.scenario import environment_names
from claynet.sim.scenario.fields import Item, Section, is_name, name, number, one_of, positive_duration, text, whole
from claynet.sim.scenario.files import Files
from claynet.sim.scenario.plan import ROLES, AppPlan, Behaviour, Mode, NodePlan, Role
from claynet.sim.scenario.read_options import read_options

MOST_NODES = 100_000
_MIB = 1024 * 1024
_USUAL = NodeConfig("usual")
_MODULE = re.compile(r"[A-Za-z_][\w]*(\.[A-Za-z_][\w]*)*:[A-Za-z_][\w]*(\.[A-Za-z_][\w]*)*", re.ASCII)


# ---------------------------------------------------------------- apps


def read_apps(section: Section | None, files: Files) -> dict[str, AppPlan]:
    """Read `apps:`; apps with findings are left out."""
    found: dict[str, AppPlan] = {}
    if section is None:
        return found
    for key in section.names():
        item = section.item(key)
        inner = item.section() if item else None
        if item is None or inner is None:
            continue
        if not is_name(key):
            item.wrong("an app needs a name of letters, digits, '_' and '-'")
        app = _app(key, inner, files)
        if app is not None:
            found[key] = app
    return found


def _app(key: str, section: Section, files: Files) -> AppPlan | None:
    item = section.required("descriptor")
    source = files.read(item)
    build = files.folder(section.item("build"))
    module = section.value("module", _module, "")
    section.close()
    if item is None or source is None:
        return None
    path, data = source
    try:
        text = data.decode("utf-8")
        parsed = descriptors.parse(text)
    except ValueError as error:
        item.wrong(f"not a descriptor: {error}")
        return None
    prerequisites = json.loads(parsed.requestor_prereq_json)
    image, tag = prerequisites.get("image"), prerequisites.get("tag")
    full = f"{image}:{tag}" if isinstance(image, str) and isinstance(tag, str) else ""
    return AppPlan(key, parsed.name, parsed.app_id, full, path, text, build, module)


def _module(value: object) -> str:
    if not isinstance(value, str) or not _MODULE.fullmatch(value):
        raise units.UnitError("expected the app object as package.module:NAME")
    return value


# ---------------------------------------------------------------- nodes


def read_nodes(items: list[Item], mode: Mode, env_override: str | None) -> tuple[list[NodePlan], dict[str, int]]:
    """Read `nodes:`; return the nodes, and the line of every group name that stands in the file (also of groups with findings)."""
    nodes: list[NodePlan] = []
    groups: dict[str, int] = {}
    for item in items:
        section = item.section()
        if section is None:
            continue
        group = section.needed("group", name, "")
        if group in groups:
            section.wrong(f"the group {group!r} stands here twice; first in line {groups[group]}", key="group")
        elif group:
            groups[group] = item.line
        made = _group(section, group, mode, env_override)
        if len(nodes) + len(made) > MOST_NODES:
            section.wrong(f"more than {MOST_NODES} nodes")
            break
        nodes += made
    return nodes, groups


def _group(section: Section, group: str, mode: Mode, env_override: str | None) -> list[NodePlan]:
    count = section.needed("count", whole(1, MOST_NODES), 1)
    role = cast(Role, section.needed("role", one_of(ROLES, "role"), "both"))
    env, written = _env(section, mode, env_override)
    options = read_options(section.section("options"), written or env)
    requestor = _requestor(section, env)
    provider = _provider(section, env)
    whitelist = _sources(section.item("whitelist"))
    behaviour = _behaviour(section.section("behaviour"))
    offset = section.value("clock_offset", lambda value: units.duration(value, signed=True), 0)
    drift = section.value("clock_drift", number(-0.5, 0.5), 0.0)
    balance = section.value("balance", units.tokens, 1_000 * SECOND)
    start_limit = section.value("start_limit", positive_duration, _USUAL.start_limit)
    retry_first = section.value("retry_first", positive_duration, _USUAL.retry_first)
    retry_most = section.value("retry_most", positive_duration, _USUAL.retry_most)
    section.close()
    _refuse_other_side(section, role)
    return [
        NodePlan(
            name=f"{group}-{index}",
            group=group,
            index=index,
            role=role,
            env=env,
            requestor=None if role == "provider" else requestor,
            provider=None if role == "requestor" else provider,
            behaviour=behaviour,
            clock_offset=offset,
            clock_drift=drift,
            balance=balance,
            start_limit=start_limit,
            retry_first=retry_first,
            retry_most=retry_most,
            whitelist=whitelist,
            options=options if env == (written or env) else None,  # they are for the environment that they stand beside
        )
        for index in range(count)
    ]


def _env(section: Section, mode: Mode, override: str | None) -> tuple[str, str]:
    """Return the environment in effect, and the one that stands in the file (empty when there is none that is known)."""
    item = section.item("env") if override else section.required("env")
    written = item.parsed(one_of(environment_names.known(), "environment")) if item else None
    if override or written is None:
        return override or "", written or ""  # the reader has checked what the command line says
    refused = environment_names.refusal(written, mode)
    if refused:
        section.wrong(*refused, key="env")
    return written, written


_REQUESTOR_KEYS = ("pool_time", "verify_limit", "call_limit", "give_up_after", "announce_first", "announce_most")
_PROVIDER_KEYS = ("price", "slots", "memory", "offers_per_slot", "offer_lifetime", "cool_down", "decline_gap", "whitelist", "behaviour")


def _requestor(section: Section, env: str) -> RequestorConfig:
    usual = RequestorConfig(env)
    return RequestorConfig(
        env=env,
        pool_time=section.value("pool_time", units.duration, usual.pool_time),
        verify_limit=section.value("verify_limit", positive_duration, usual.verify_limit),
        call_limit=section.value("call_limit", positive_duration, usual.call_limit),
        give_up_after=section.value("give_up_after", whole(1, 1000), usual.give_up_after),
        announce_first=section.value("announce_first", positive_duration, usual.announce_first),
        announce_most=section.value("announce_most", positive_duration, usual.announce_most),
    )


def _provider(section: Section, env: str) -> ProviderConfig:
    usual = ProviderConfig(env)
    memory = section.optional("memory", units.size)
    return ProviderConfig(
        env=env,
        price=section.value("price", units.tokens, usual.price),
        slots=section.value("slots", whole(1, 1024), usual.slots),
        offers_per_slot=section.value("offers_per_slot", whole(1, 1024), usual.offers_per_slot),
        memory_mib=usual.memory_mib if memory is None else memory / _MIB,
        offer_lifetime=section.value("offer_lifetime", positive_duration, usual.offer_lifetime),
        cool_down=section.value("cool_down", positive_duration, usual.cool_down),
        decline_gap=section.value("decline_gap", positive_duration, usual.decline_gap),
    )


def _sources(item: Item | None) -> tuple[str, ...] | None:
    if item is None:
        return None
    return tuple(source for one in item.items() if (source := one.parsed(text)) is not None)


def _behaviour(section: Section | None) -> Behaviour:
    if section is None:
        return Behaviour()
    behaviour = Behaviour(
        wrong_result=section.value("wrong_result", units.fraction, 0.0),
        fails=section.value("fails", units.fraction, 0.0),
    )
    section.close()
    return behaviour


def _refuse_other_side(section: Section, role: Role) -> None:
    other = {"requestor": _PROVIDER_KEYS, "provider": _REQUESTOR_KEYS, "both": ()}[role]
    for key in other:
        if section.has(key):
            side = "provider" if role == "requestor" else "requestor"
            section.wrong(f"only a {side} has this", f"this group's role is {role}; {nearest(side, ROLES)}", key=key)
