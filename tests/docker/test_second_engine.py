"""The second engine goes and comes back, with what was in it, and leaves nothing."""

from __future__ import annotations

import pytest

from claynet.envs.docker_engine import Engine
from tests.docker.engine import PrivateEngine, answers

pytestmark = pytest.mark.docker


def test_it_goes_and_comes_back(second_engine: PrivateEngine, tutorial_image: str, docker_engine: str) -> None:
    assert second_engine.url != docker_engine
    engine = Engine(second_engine.url)
    image = engine.image(tutorial_image)
    assert image == Engine().image(tutorial_image)
    with engine.api() as api:
        container = api.create_container(
            tutorial_image, ["sleep", "600"], entrypoint=[], host_config=api.create_host_config(network_mode="none")
        )
        api.start(container)
    second_engine.stop()
    assert not answers(second_engine.url)
    assert answers(docker_engine or None)
    second_engine.start()
    with engine.api() as api:
        assert api.inspect_container(container)["State"]["Status"] == "exited"
        api.remove_container(container)
    assert engine.image(tutorial_image) == image
    engine.close()
    second_engine.close()
    assert not second_engine.folder.exists()
