"""What `claynet config ...` does.

Knows settings and their keys. Must not know YAML, nor nodes that run.
"""

from __future__ import annotations

from pathlib import Path

from claynet.actors.nearest import nearest
from claynet.actors.units import UnitError
from claynet.cli.asking import say
from claynet.cli.node_settings import settings_of, wrong_settings
from claynet.cli.output import DONE, UNMET, Output, note
from claynet.cli.tables import make_console, table
from claynet.net.settings.config_file import set_value
from claynet.net.settings.node_settings import Finding, SettingsError
from claynet.net.settings.setting_keys import KEYS, Key
from claynet.net.storage.data_dir import DataDir, DataDirError


def show(data_dir: Path, output: Output) -> int:
    """Show what holds."""
    place = DataDir(data_dir)
    try:
        found = settings_of(place)
    except SettingsError as error:
        return wrong_settings(error, output)
    rows = [{"setting": key.name, "value": key.show(found.value(key)), "from": found.origin(key)} for key in KEYS.values()]
    output.result({"config": str(place.config), "settings": rows})
    if not output.as_json:
        make_console().print(table(str(place.config), rows))
    return DONE


def change(name: str, value: str, data_dir: Path, output: Output) -> int:
    """Change one in the file."""
    place = DataDir(data_dir)
    try:
        key = _key(name)
        read = key.read(value)
        settings_of(place, [f"{name}={value}"])  # a file that is wrong elsewhere, or would be with it, is not made worse
        place.make()
        set_value(place.config, key, read)
    except UnitError as error:
        return wrong_settings(SettingsError([Finding("the argument VALUE", name, str(error), error.suggestion)]), output)
    except SettingsError as error:
        return wrong_settings(error, output)
    except DataDirError as error:
        return output.error("data_dir", str(error), code=UNMET)
    except OSError as error:
        return output.error("data_dir", f"{place.config} cannot be written ({error.strerror})", code=UNMET)
    output.result({"config": str(place.config), "setting": name, "value": key.show(read)})
    if not output.as_json:
        say(f"{name}: {key.show(read)}")
        if place.holder() is not None:
            note("the node runs with what held when it started: stop and start it")
    return DONE


def explain(name: str, output: Output) -> int:
    """Explain one, or all."""
    try:
        keys = [_key(name)] if name else list(KEYS.values())
    except SettingsError as error:
        return wrong_settings(error, output)
    rows = [
        {"setting": key.name, "takes": key.kind, "default": key.show(key.default), "variable": key.variable, "meaning": key.meaning}
        for key in keys
    ]
    output.result({"settings": rows})
    if not output.as_json:
        for row in rows:
            say(f"{row['setting']}: {row['takes']}; default {row['default']}; variable {row['variable']}")
            say(f"  {row['meaning']}")
    return DONE


def _key(name: str) -> Key:
    if name not in KEYS:
        raise SettingsError([Finding("the argument KEY", name, "unknown key", nearest(name, KEYS))])
    return KEYS[name]
