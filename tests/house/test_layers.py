"""The house: imports run downwards only and never in a circle, and the core stays pure. Read from the source with ast."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {
    "proto": set(),
    "taskapi": {"proto"},
    "apps": {"taskapi"},
    "actors": {"proto"},
    "envs": {"actors", "taskapi", "proto"},
    "net": {"actors", "envs", "taskapi", "proto"},
    "sim": {"actors", "envs", "taskapi", "proto"},
    "cli": {"proto", "taskapi", "apps", "actors", "envs", "net", "sim"},
}
IMPURE = {
    "asyncio", "concurrent", "docker", "grpc", "http", "io", "logging", "multiprocessing", "os", "pykka", "queue", "random",
    "secrets", "select", "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading",
    "time", "urllib", "uuid",
}  # fmt: skip
IMPURE_CALLS = {"open", "print", "input", "now", "today", "utcnow"}


def sources(folder):
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path):
    """Yield every module that a file imports, absolute, however it does it: import, from, relative, or by a literal name."""
    package = module_of(path).split(".") if path.name == "__init__.py" else module_of(path).split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            base = f"claynet.{base}" if node.level else base
            whole = f"{base}.{node.module}" if node.level and node.module else (node.module or base)
            yield whole, node.lineno
            yield from ((f"{whole}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("import_module", "__import__"):
                yield node.args[0].value, node.lineno


def inner(name):
    return name.removeprefix("claynet.") if name.startswith("claynet.") else None


@pytest.mark.parametrize("folder", sorted(ALLOWED))
def test_imports_run_downwards_only(folder):
    wrong = []
    for path in sources(folder):
        for name, line in imports(path):
            target = inner(name)
            if target is None:
                continue
            top = target.split(".")[0]
            if top in ALLOWED and top != folder and top not in ALLOWED[folder]:
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert not wrong
    assert sources(folder), f"{folder}/ is empty"


@pytest.mark.parametrize("folder", sorted(ALLOWED))
def test_no_circle_inside_a_folder(folder):
    modules = {module_of(path): path for path in sources(folder)}
    arrows = {name: set() for name in modules}
    for name, path in modules.items():
        for target, _ in imports(path):
            found = inner(target)
            if found in modules and found != name:
                arrows[name].add(found)
    for name in modules:  # a package's own face is not an arrow from what is in it
        arrows[name] = {target for target in arrows[name] if not name.startswith(f"{target}.")}
    done, path_now = set(), []

    def visit(name):
        if name in path_now:
            raise AssertionError("a circle: " + " -> ".join([*path_now[path_now.index(name) :], name]))
        if name in done:
            return
        path_now.append(name)
        for target in sorted(arrows[name]):
            visit(target)
        path_now.pop()
        done.add(name)

    for name in sorted(modules):
        visit(name)
    assert done == set(modules)


def test_the_core_is_pure():
    wrong = []
    for path in sources("actors/core"):
        wrong += [
            f"{path.relative_to(ROOT)}:{line} imports {name}"
            for name, line in imports(path)
            if name.split(".")[0] in IMPURE or (inner(name) or "actors.core").split(".")[0] != "actors"
        ]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in IMPURE_CALLS:
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} calls {name}")
    assert not wrong


def test_the_core_imports_nothing_of_the_shells():
    wrong = []
    allowed = ("actors.core", "actors.ports", "actors.config", "actors.events")
    for path in sources("actors/core"):
        for name, line in imports(path):
            target = inner(name)
            if target and target.startswith("actors.") and not target.startswith(allowed):
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert not wrong


def test_no_actor_asks_whether_it_is_simulated():
    names = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.id}"
        for path in sources("actors")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name) and ("simulat" in node.id.lower() or "virtual" in node.id.lower())
    ]
    assert not names


@pytest.mark.parametrize("folder", sorted(ALLOWED))
def test_every_folder_has_its_link(folder):
    link = ROOT / "src" / "claynet" / folder
    assert link.is_symlink()
    assert link.resolve() == (ROOT / folder).resolve()


def test_the_reader_of_imports_sees_every_kind(tmp_path, monkeypatch):
    path = tmp_path / "sim" / "sample.py"
    path.parent.mkdir()
    path.write_text(
        "import a.b\nfrom claynet.net import p2p\nfrom . import world\nfrom .network import SimNetwork\n"
        "def late():\n    import c\n    importlib.import_module('claynet.cli.main')\n"
    )
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert {name for name, _ in imports(path)} >= {
        "a.b",
        "claynet.net.p2p",
        "claynet.sim.world",
        "claynet.sim.network.SimNetwork",
        "c",
        "claynet.cli.main",
    }
