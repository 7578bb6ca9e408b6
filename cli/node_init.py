"""`claynet node init`: a data dir and its configuration file, made of answers.

Knows what is asked, how answers are checked, and what is told of them. Must not know how a node runs.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from claynet.actors.units import UnitError, format_duration, format_size
from claynet.cli import shown
from claynet.cli.asking import say
from claynet.cli.data_dir_option import data_dir_flag
from claynet.cli.node_settings import settings_of, wrong_settings
from claynet.cli.output import DONE, UNMET, Output, note
from claynet.net.configured import name_of
from claynet.net.link.identity import Ed25519Signer, KeyFileError, load_or_make_key
from claynet.net.machine import Machine, overbooked, suggestion, this_machine
from claynet.net.settings.config_file import write_config
from claynet.net.settings.node_settings import Finding, NodeSettings, Resolved, SettingsError
from claynet.net.settings.setting_keys import KEYS
from claynet.net.storage.data_dir import DataDir, DataDirError

_ASKED = ("name", "roles")
_ASKED_OF_PROVIDERS = ("lend.cores", "lend.memory", "lend.disk", "lend.price", "lend.hours")


def init(data_dir: Path, flags: Mapping[str, str], pairs: Sequence[str], yes: bool, output: Output) -> int:
    """Make a node that can be started."""
    place = DataDir(data_dir)
    try:
        if place.config.exists():
            way_out = "change it with: claynet config set KEY VALUE, or name another data dir"
            return output.error("data_dir", f"{place.config} is there already; {way_out}", code=UNMET)
        machine = this_machine(data_dir)
        given = dict(flags)
        asks = not yes and not output.as_json and sys.stdin.isatty()
        settings_of(place, pairs, given)  # what is wrong with what was given is told before anything is asked
        if asks:
            _ask(_ASKED, given, pairs)
        providers = "provider" in settings_of(place, pairs, given).settings.roles
        if providers:
            _suggest(machine, given, pairs)
            if asks:
                _ask(_ASKED_OF_PROVIDERS, given, pairs)
        found = settings_of(place, pairs, given)
        _check_room(found, machine)
        with place:
            node_id = Ed25519Signer(load_or_make_key(place.key)).node_id
            write_config(place.config, {key.name: found.value(key) for key in KEYS.values() if key.name in found.origins})
    except SettingsError as error:
        return wrong_settings(error, output)
    except (DataDirError, KeyFileError) as error:
        return output.error("data_dir", str(error), code=UNMET)
    except OSError as error:
        return output.error("data_dir", f"{data_dir} cannot be used ({error.strerror}); name another with --data-dir", code=UNMET)
    output.result({"id": node_id, "data_dir": str(place.path), "config": str(place.config), "roles": list(found.settings.roles)})
    if not output.as_json:
        _tell(found.settings, node_id, place)
    return DONE


def _ask(names: Sequence[str], given: dict[str, str], pairs: Sequence[str]) -> None:
    taken = {pair.partition("=")[0] for pair in pairs}
    for name in names:
        key = KEYS[name]
        if name in taken:
            continue
        note(f"\n{key.meaning}")
        default = given.get(name, ",".join(key.default) if isinstance(key.default, tuple) else key.show(key.default).strip('"'))
        while True:
            answer = typer.prompt(f"{name} ({key.kind})", default=default, err=True)
            try:
                key.read(answer)
            except UnitError as error:
                note(f"{error}{f'; {error.suggestion}' if error.suggestion else ''}")
                continue
            given[name] = answer
            break


def _suggest(machine: Machine, given: dict[str, str], pairs: Sequence[str]) -> None:
    """Lend half of the machine where nothing else was said."""
    taken = {pair.partition("=")[0] for pair in pairs}
    cores, memory, disk = suggestion(machine)
    usual: dict[str, Any] = {"lend.cores": cores, "lend.memory": memory, "lend.disk": disk}
    for name, value in usual.items():
        if name not in taken:
            given.setdefault(name, KEYS[name].show(value))


def _check_room(found: Resolved, machine: Machine) -> None:
    """Refuse to lend more than there is. Raises SettingsError."""
    settings = found.settings
    if "provider" not in settings.roles:
        return
    over = overbooked(machine, settings.lend_cores, settings.lend_memory, settings.lend_disk)
    if over:
        raise SettingsError([Finding(found.origins.get(key, "default"), key, message, "lend less") for key, message in over])


def _tell(settings: NodeSettings, node_id: str, place: DataDir) -> None:
    say(f"made {place.path}; its settings are in {place.config.name}")
    say("what will run here:")
    if "requestor" in settings.roles:
        say(f"  the requestor side of apps that you enable, in {settings.run_requestor}")
    if "provider" in settings.roles:
        when = f"at {settings.lend_hours}" if settings.lend_hours.ranges else "always"
        idle = ", while nobody else uses the processors" if settings.lend_idle_only else ""
        say(f"  work of others in {settings.run_provider}, {settings.lend_slots} at once, {when}{idle}")
        memory, disk = format_size(settings.lend_memory), format_size(settings.lend_disk)
        say(f"  with at most {settings.lend_cores:g} processors, {memory} of memory and {disk} of disk")
        allowed = ", ".join(settings.lend_sources) or "no source yet (claynet env whitelist add SOURCE)"
        say(f"  only images of: {allowed}")
    if not settings.run_on_host:
        say("  containers need a docker engine; to run apps without: claynet config explain run.on_host")
    say("what others can see: its node id, its address, what its benchmarks score and its price")
    say(f"  node {name_of(settings)} ({node_id[:12]}) listens on {settings.listen_host}:{settings.listen_port}")
    if "provider" in settings.roles:
        say(f"  it asks {shown.price(settings.lend_price)}")
    say(f"start it with: claynet node start{data_dir_flag(place.path)}; it takes up to {format_duration(settings.stop_limit)} to stop")
