"""A second engine, for tests that take one away in the middle of something."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.docker.engine import NoEngineError, PrivateEngine, install


@pytest.fixture
def second_engine(docker_engine: str, tutorial_image: str) -> Iterator[PrivateEngine]:
    """An engine of the test's own that holds the bundled app's image; the one of the other tests is not touched.

    Whatever is run with DOCKER_HOST set to its `url` uses it; only root can start one, so other users skip these tests and are told.
    """
    if os.geteuid() != 0:
        pytest.skip("only root can start a second engine")
    try:
        install()
        engine = PrivateEngine()
    except NoEngineError as error:
        pytest.fail(str(error), pytrace=False)
    try:
        engine.copy(tutorial_image)
        yield engine
    finally:
        engine.close()
