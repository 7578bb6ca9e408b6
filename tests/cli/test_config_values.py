"""What is written to a configuration file is read back as it was: no value is taken for something else that YAML knows."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from claynet.actors.units import UnitError
from claynet.cli.commands import run
from claynet.net.settings.config_file import read_config, set_value, write_config
from claynet.net.settings.node_settings import Given, SettingsError
from claynet.net.settings.setting_keys import KEYS

TEXTS = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), max_size=40)
WORDS = ["null", "Null", "~", "true", "YES", "no", "on", "y", "1", "1e5", "0x1f", ".inf", "2024-01-01", "a # b", "# a", "a: b", "- a"]
WORDS += [" a ", "", "'", '"', "\\n", "[a]", "{a: b}", "&a", "*a", "!a", "%a", "@a", "`a", "|", ">", "a,b", "---", "?", "<<", "=", "é€𝄞"]


def read(given: Given, name: str) -> Any:
    return KEYS[name].read(given.values[name])


def written_and_read(name: str, text: object) -> tuple[Any, list[Any]]:
    """Return a value, and what is read of a new file with it, of one in which it was in a comment, and of one in which it was another."""
    key = KEYS[name]
    value = key.read(text)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        found = []
        write_config(path, {name: value})
        found.append(read(read_config(path), name))
        write_config(path, {})
        for _ in range(2):
            set_value(path, key, value)
            found.append(read(read_config(path), name))
    return value, found


@settings(max_examples=50, deadline=None)
@given(TEXTS)
def test_texts_are_read_back(text: str) -> None:
    value, found = written_and_read("run.requestor", text)
    assert found == [value] * 3
    sources, found = written_and_read("lend.sources", [text, "golem", text[::-1]])
    assert found == [sources] * 3


@pytest.mark.parametrize("text", WORDS)
def test_what_yaml_has_another_meaning_for_is_read_back(text: str) -> None:
    value, found = written_and_read("run.provider", text)
    assert (value, found) == (text.strip(), [text.strip()] * 3)


@settings(max_examples=50, deadline=None)
@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,12}", fullmatch=True))
@example("null")
@example("1e5")
def test_names_are_read_back(name: str) -> None:
    assert written_and_read("name", name) == (name, [name] * 3)


@given(st.integers(1, 999_999_999).map(lambda thousandths: f"{thousandths // 1000}.{thousandths % 1000:03}"))
def test_processors_are_shown_as_they_are(text: str) -> None:
    key = KEYS["lend.cores"]
    assert key.read(key.show(key.read(text))) == key.read(text)


@pytest.mark.parametrize("name", ["null", "true", "yes", "123", "1e5", "2024-01-01"])
def test_a_node_of_any_name_has_a_file_that_can_be_used(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--data-dir", str(tmp_path / "n"), "--json"]
    assert run(["node", "init", "--yes", "--name", name, *place]) == 0
    assert run(["config", "set", "network", name, *place]) == 0
    capsys.readouterr()
    assert run(["config", "show", *place]) == 0
    found = {one["setting"]: one["value"] for one in json.loads(capsys.readouterr().out)["settings"]}
    assert {found["name"].strip('"'), found["network"].strip('"')} == {name}


@pytest.mark.parametrize("host", ["", " ", "a..b", "a" * 70])
def test_a_host_that_can_be_none_is_refused_at_reading(host: str) -> None:
    with pytest.raises(UnitError) as refused:
        KEYS["listen.host"].read(host)
    assert refused.value.suggestion


@pytest.mark.parametrize("host", ["127.0.0.1", "::", "none", "desk.example", "fe80::1%eth0", "bücher.example"])
def test_other_hosts_are_taken(host: str) -> None:
    assert KEYS["listen.host"].read(host) == host


@pytest.mark.parametrize("text", ["lend: &a\n  slots: 1\nlog:\n  <<: *a\n", "<<: {name: x}\n"])
def test_merge_keys_are_a_finding(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError) as refused:
        read_config(path)
    (finding,) = refused.value.findings
    assert finding.key.endswith("<<")
    assert finding.place.startswith(f"{path}:")
    assert "merge" in finding.message
    assert finding.suggestion
