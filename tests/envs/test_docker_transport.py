"""A call of an engine that is not there leaves nothing open: docker-py alone leaves a socket, which is found much later, anywhere."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from claynet.envs.docker_engine import ENGINE, Engine, EngineProblem


@contextmanager
def nobody(at: Path) -> Iterator[None]:
    yield


@contextmanager
def not_listening(at: Path) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(at))
        yield


def sockets() -> set[str]:
    found = set()
    for number in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own
            found.add(str(number.readlink()))
    return {name for name in found if name.startswith("socket:")}


@pytest.mark.parametrize("place", [nobody, not_listening])
def test_nothing_stays_open(tmp_path: Path, place: type) -> None:
    gc.collect()
    gc.disable()  # nothing is closed by being forgotten
    engine = Engine(f"unix://{tmp_path}/s")
    try:
        with place(tmp_path / "s"):
            before = sockets()
            for _ in range(3):
                with pytest.raises(EngineProblem) as caught:
                    engine.ping()
                assert caught.value.code == ENGINE
            assert sockets() <= before
    finally:
        gc.enable()
        engine.close()
