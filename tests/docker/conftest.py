"""A second engine, for tests that take one away in the middle of something."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.docker.engine import NoEngineError, PrivateEngine, install


@pytest.fixture
def second_engine(docker_engine: str, tutorial_image: str) -> Iterator[PrivateEngine]:
    """An engine of the test's own, which it may take away, that holds the bundled app's image; the one of the other tests is not touched.

    Whatever is run with DOCKER_HOST set to its `url` uses it; only root can start one, so other users skip these tests and are told.
    """
    with closing(_own_engine()) as engine:
        engine.copy(tutorial_image)
        yield engine


@pytest.fixture(scope="module")
def shared_second_engine(docker_images: str) -> Iterator[PrivateEngine]:
    """One for all tests of a file, each of which brings it back; it holds the small apps `hangs`, `mute` and `parts`."""
    with closing(_own_engine()) as engine:
        for app in ("hangs", "mute", "parts"):
            engine.copy(f"{app}:1")
        yield engine


def _own_engine() -> PrivateEngine:
    if os.geteuid() != 0:
        pytest.skip("only root can start a second engine")
    try:
        install()
        return PrivateEngine()
    except NoEngineError as error:
        pytest.fail(str(error), pytrace=False)
