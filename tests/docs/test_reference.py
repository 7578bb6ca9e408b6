"""The reference pages say what the code knows: keys, defaults, metrics, job kinds, events, options, exit codes, rules, fields."""

from __future__ import annotations

import ast
import re
from typing import Any

import msgspec
import typer

import claynet.taskapi
from claynet.actors import events, units
from claynet.actors.config import NodeConfig, ProviderConfig, RequestorConfig
from claynet.actors.rules import RULES
from claynet.cli import commands, output, task_file
from claynet.envs import registry
from claynet.net.settings.setting_keys import KEYS
from claynet.sim.durations import DEFAULTS
from claynet.sim.options import RunOptions
from claynet.sim.runner import run_scenario
from claynet.sim.scenario import plan, read_distribution, read_events, read_expect, read_network
from claynet.sim.scenario.read_distribution import format_distribution
from claynet.sim.scenario.reader import load
from claynet.sim.watch.metrics import METRICS
from claynet.taskapi.handlers import ProviderAppHandler, RequestorAppHandler
from claynet.taskapi.parts import Status
from claynet.taskapi.testkit import rule_names
from tests.docs.pages import DOCS, ROOT, codes, table, tables, without_blocks

REFERENCE = DOCS / "reference"
SCENARIO = REFERENCE / "scenario.md"
READS = {"item", "required", "value", "optional", "needed", "section", "items", "has", "_task"}


def keys_in_code() -> set[str]:
    """Every key that a reader of scenarios asks for by name, and those in its tables."""
    found = {
        *read_events.KINDS,
        *plan.PROGRESS,
        *read_distribution.SHAPES,
        *read_network.QUALITIES,
        *read_expect.FORMS,
        *read_expect.RELATIONS,
    }
    for file in [*(ROOT / "sim" / "scenario").glob("read_*.py"), ROOT / "sim" / "scenario" / "reader.py"]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READS:
                found |= {arg.value for arg in node.args[:2] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)}
    return {key for key in found if re.fullmatch(r"[a-z_]+", key)}


NOT_KEYS = {"both", "virtual", "none", "simulated", "pass"}
"""Defaults that stand in the source where a key could stand."""


def documented_keys() -> set[str]:
    found: set[str] = set()
    for rows in tables(SCENARIO):
        if rows[0][0].startswith(("key", "shape")):
            for row in rows[1:]:
                found |= set(codes(row[0]))
                found |= set(codes(row[1])) if rows[0][0] == "shape" else set()
    return found


def test_every_key_of_a_scenario_is_documented_and_no_other() -> None:
    known = keys_in_code()
    assert documented_keys() - known == set()
    assert known - documented_keys() <= NOT_KEYS


def test_defaults_of_nodes_are_the_documented_ones() -> None:
    documented = {codes(row[0])[0]: row[2].strip("`") for row in table(SCENARIO, "key", "kind", "default", "side")}
    configs: tuple[Any, ...] = (NodeConfig("x"), RequestorConfig("x"), ProviderConfig("x"))
    seen = 0
    for config in configs:
        for key, text in documented.items():
            value = getattr(config, key, None)
            if key in ("env", "balance", "whitelist") or value is None:
                continue
            seen += 1
            if key == "price":
                assert units.tokens(text) == value
            elif text.isdigit():
                assert int(text) == value
            else:
                assert units.duration(text) == value
    assert seen >= 15
    assert units.size(documented["memory"]) == ProviderConfig("x").memory_mib * 2**20


def test_options_of_environments() -> None:
    documented = {codes(row[0])[0]: (set(codes(row[1])), row[2].strip("`")) for row in table(SCENARIO, "option", "environment")}
    kinds = {name: registry.find(name).options for name in registry.built_in()}
    assert {name: names for name, (names, _) in documented.items()} == {
        field: {name for name, kind in kinds.items() if field in kind.__struct_fields__}
        for field in sorted({field for kind in kinds.values() for field in kind.__struct_fields__})
    }
    for kind in kinds.values():
        for field, value in msgspec.structs.asdict(kind()).items():
            text = documented[field][1]
            if isinstance(value, int | float):
                assert value == (units.size(text) if text[-1] == "B" else float(text)), field


def test_metrics() -> None:
    documented = [name for row in table(SCENARIO, "metric", "counts") for name in codes(row[0])]
    assert sorted(documented) == sorted(METRICS)


def test_job_kinds() -> None:
    rows = table(REFERENCE / "job-kinds.md", "kind", "default")
    assert {codes(row[0])[0]: codes(row[1])[0] for row in rows} == {kind: format_distribution(made) for kind, made in DEFAULTS.items()}


def test_events() -> None:
    rows = {codes(row[0])[0]: row[1] for row in table(REFERENCE / "events.md", "kind", "fields")}
    assert events.__doc__ is not None
    known = {}
    for line in events.__doc__.splitlines():
        match = re.fullmatch(r"\| `(\w+)` \| (.*) \|", line)
        if match:
            known[match[1]] = match[2]
    assert rows == known
    assert set(known) == events.KINDS


def test_options_and_commands() -> None:
    page = without_blocks(REFERENCE / "command-line.md")

    def walk(names: tuple[str, ...], command: Any) -> None:
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--") and option != "--help":
                    assert f"`{option}" in page, (names, option)
        for name, inner in getattr(command, "commands", {}).items():
            path = (*names, name)
            if len(path) == 1:
                assert f"## claynet {name}" in page
            elif not hasattr(inner, "commands"):
                assert re.search(rf"`{' '.join(path[1:])}[ `]|## claynet {' '.join(path)}\b", page), path
            walk(path, inner)

    walk((), typer.main.get_command(commands.app))


def test_settings_of_nodes() -> None:
    rows = table(REFERENCE / "settings.md", "setting", "takes", "default")
    told = [(codes(row[0])[0], row[1], row[2].strip("`"), codes(row[3])[0], row[4]) for row in rows]
    assert told == [(key.name, key.kind, key.show(key.default), key.variable, key.meaning) for key in KEYS.values()]


def test_keys_of_task_files() -> None:
    rows = table(REFERENCE / "task-file.md", "key of `golem`", "needed")
    assert [codes(row[0])[0] for row in rows if row[1] == "yes"] == list(task_file.REQUIRED)
    assert [codes(row[0])[0] for row in rows if row[1] == "no"] == list(task_file.OPTIONAL)


def test_rules_of_why_are_those_of_the_table() -> None:
    page = DOCS / "how-to" / "find-out-why.md"
    told = [
        (codes(row[0])[0], row[1], row[2]) for rows in tables(page) if rows[0] == ["rule", "it means", "what helps"] for row in rows[1:]
    ]
    assert told == [(rule.name, rule.means, rule.fix) for rule in RULES]


def test_exit_codes() -> None:
    documented = {int(row[0]) for row in table(REFERENCE / "command-line.md", "code")}
    assert documented == {output.DONE, output.UNMET, output.WRONG, output.BROKEN, output.INTERRUPTED, 141}


def test_make_targets() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)) - {"help"}
    assert {codes(row[0])[0] for row in table(REFERENCE / "command-line.md", "target")} == targets


def test_fields_of_the_report_and_keys_of_the_trace(tmp_path: Any) -> None:
    report = run_scenario(load(ROOT / "scenarios" / "zero-price.yaml"), RunOptions(out=tmp_path, self_check=False))
    rows = {codes(row[0])[0]: row[2] for row in table(REFERENCE / "report-and-trace.md", "field")}
    assert set(rows) == set(report.fields)
    for field in ("tasks", "subtasks", "leftovers"):
        assert set(codes(rows[field])) >= set(report.fields[field])
    written = {path.name for path in tmp_path.iterdir()}
    assert written <= {codes(row[0])[0] for row in table(REFERENCE / "report-and-trace.md", "file")}
    lines = (tmp_path / "trace.jsonl").read_text(encoding="utf-8").splitlines()
    keys = {codes(row[0])[0] for row in table(REFERENCE / "report-and-trace.md", "key")}
    kinds = {code for row in table(REFERENCE / "report-and-trace.md", "kind", "a line says") for code in codes(row[0])}
    kinds |= {codes(row[0])[0] for row in table(REFERENCE / "events.md", "kind", "fields")}
    for line in lines:
        assert set(re.findall(r'"(\w+)":', line)) >= keys
        found = re.search(r'"kind":"(\w+)"', line)
        assert found is not None
        assert found[1] in kinds


def test_the_task_api_library() -> None:
    page = REFERENCE / "task-api.md"
    names = {code.partition("(")[0] for row in table(page, "name", "what") for code in codes(row[0])}
    assert names == set(claynet.taskapi.__all__)
    methods = [{code.partition("(")[0] for row in rows[1:] for code in codes(row[0])} for rows in tables(page) if rows[0][0] == "method"]
    assert methods == [set(RequestorAppHandler.__abstractmethods__), set(ProviderAppHandler.__abstractmethods__)]
    text = without_blocks(page)
    assert all(f"`{status}`" in text for status in Status)
    rules = re.findall(r"^- (.+)$", text, re.MULTILINE)
    assert tuple(rules) == rule_names()


def test_rules_of_why_are_codes_of_the_source() -> None:
    source = "".join(path.read_text(encoding="utf-8") for folder in ("actors", "envs", "sim") for path in (ROOT / folder).rglob("*.py"))
    for rows in tables(DOCS / "how-to" / "find-out-why.md"):
        for row in rows[1:]:
            for rule in codes(row[0]):
                assert f'"{rule}"' in source, rule


def test_dependencies_are_all_explained_and_no_other() -> None:
    setup = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    block = setup[setup.index("install_requires") : setup.index("[options.entry_points]")]
    needed = {match[1] for match in re.finditer(r"^    ([a-z][a-z0-9._-]*) ?[<>=]", block, re.MULTILINE)}
    explained = {codes(row[0])[0] for rows in tables(DOCS / "dependencies.md") for row in rows[1:]}
    assert explained == needed
