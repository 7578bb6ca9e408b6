"""An app in another language: the JavaScript example is built from its lock file, keeps the rules, and runs in a network."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from claynet.cli.app_check_image import check_image
from claynet.envs.docker_base import build
from claynet.envs.docker_build import BuildError, build_app
from claynet.envs.docker_engine import Engine, EngineProblem
from claynet.envs.image_facts import look
from tests.envs.harness import ROOT
from tests.runs.command import claynet

pytestmark = pytest.mark.docker

FOLDER = ROOT / "docs" / "examples" / "factors"
WHOLE_LIFE = "A task runs to its end: all results accepted, nothing pending, final results there"
BY_TCP = "claynet-examples/factors:by-tcp"
SCENARIO = f"""
schema: 1
name: factors
seed: 7
mode: paced
at_most: 10m
apps:
  factors: {{descriptor: {FOLDER}/descriptor.json}}
nodes:
  - {{group: requestors, count: 1, role: requestor, env: docker_cpu}}
  - {{group: providers, count: 2, role: provider, env: docker_cpu, price: 0.5tok, slots: 1}}
tasks:
  - {{name: factors, by: requestors, app: factors, params: {{numbers: numbers.txt}}, inputs: [numbers.txt],
     subtasks: 3, max_price: 1tok, task_timeout: 5m, subtask_timeout: 30s, start: 1s}}
expect:
  - {{tasks: {{name: factors, state: finished}}, count: all, within: 5m}}
  - {{metric: subtasks_finished, equals: 3}}
  - {{leftovers: none}}
"""


@pytest.fixture(scope="module")
def engine(docker_engine: str) -> Iterator[Engine]:
    made = Engine(timeout=300.0)
    yield made
    made.close()


@pytest.fixture(scope="module")
def image(engine: Engine) -> str:
    """Needs npm, and a registry or what is left of one in npm's cache: without them it fails and says so."""
    try:
        return build_app(FOLDER, engine, lambda text: None, FOLDER / "descriptor.json").image
    except BuildError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def image_by_tcp(engine: Engine, image: str) -> Iterator[str]:
    """The same image as one of which nobody knows that it can listen on a unix socket."""
    build(engine, BY_TCP, fileobj=io.BytesIO(f"FROM {image}\nLABEL claynet.socket=0\n".encode()))
    yield BY_TCP
    with suppress(EngineProblem), engine.api() as api:
        api.remove_image(BY_TCP, force=True)


def test_it_keeps_the_rules(image: str) -> None:
    code, found = claynet("app", "check", FOLDER / "descriptor.json")
    assert (code, found["ok"]) == (0, True), [rule for rule in found["rules"] if not rule["ok"]]
    assert found["target"] == image
    assert (found["image"]["socket"], found["image"]["sample"]) == (True, True)


def test_it_is_reached_by_tcp_too(engine: Engine, image_by_tcp: str) -> None:
    """A relay only carries what was checked by socket: serving and a whole task are enough."""
    facts = look(engine, image_by_tcp)
    assert not facts.by_socket
    tried = []
    with closing(check_image(facts, facts.sample)) as results:  # type: ignore[type-var]
        for result in results:
            tried.append(result)
            if result.name == WHOLE_LIFE:
                break
    assert tried[-1].name == WHOLE_LIFE
    assert all(result.ok for result in tried), tried


def test_it_runs_in_a_network(image: str, tmp_path: Path) -> None:
    (tmp_path / "numbers.txt").write_text("1000003\n600851475143\n12345678910111213\n")
    (tmp_path / "factors.yaml").write_text(SCENARIO)
    code, report = claynet("run", tmp_path / "factors.yaml", "--out", tmp_path / "out")
    assert code == 0, report
    results = sorted(path.read_text() for path in (tmp_path / "out" / "results").rglob("part-*.json"))
    assert results == ['[["1000003"]]', '[["113","125693","869211457"]]', '[["71","839","1471","6857"]]']


def test_the_image_holds_no_more_than_it_needs(engine: Engine, image: str) -> None:
    assert look(engine, image).size < 260_000_000


def test_a_lock_file_that_is_not_true_is_refused(engine: Engine, tmp_path: Path) -> None:
    """Packages that are not what the lock file's hashes say never reach an image."""
    folder = tmp_path / "factors"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("node_modules"))
    lock = folder / "package-lock.json"
    text = lock.read_text()
    begin = text.index('"node_modules/long"')
    hash_at = text.index("sha512-", begin) + len("sha512-")
    lock.write_text(text[:hash_at] + "A" * 86 + text[hash_at + 86 :])
    with pytest.raises(BuildError, match=r"no npm packages: .*(EINTEGRITY|integrity)"):
        build_app(folder, engine, lambda text: None, folder / "descriptor.json")
