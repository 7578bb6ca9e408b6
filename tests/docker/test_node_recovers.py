"""A live node whose engine is not there: it starts all the same, says so, and works soon after the engine does."""

from __future__ import annotations

import pytest

from tests.docker.engine import PrivateEngine
from tests.live.test_node_commands import Shell, shell  # noqa: F401 - a fixture

pytestmark = pytest.mark.docker


@pytest.mark.timeout(180)
def test_an_engine_that_comes_later_is_used(second_engine: PrivateEngine, shell: Shell) -> None:  # noqa: F811 - the fixture
    second_engine.stop()
    shell.run("node", "init", "--yes", "--role", "provider", "--set", "listen.port=0", "--set", "lend.sources=claynet", data_dir="n")
    shell.run("node", "start", "--detach", data_dir="n", DOCKER_HOST=second_engine.url)

    def until(state: str) -> str:
        """Ask until it is so; each question is a process of its own."""
        while True:
            (found,) = shell.ask("env", "list", data_dir="n")["environments"]
            if found["state"] == state:
                return str(found["reason"])

    assert "the docker engine does not answer" in until("broken")
    second_engine.start()
    assert until("ready") == ""
    shell.run("node", "stop", data_dir="n")
