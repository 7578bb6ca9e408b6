"""A growing file: its digest is the file's whatever the pieces, what failed is told, and no thread outlives the need."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from blake3 import blake3

from claynet.net.storage import growing
from claynet.net.storage.growing import GrowingFile

MIB = 1 << 20


def digest_of(data: bytes) -> str:
    return blake3(data).hexdigest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "growing"


def followers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("digest-", "sync-"))]


@pytest.mark.parametrize("piece", [1 * MIB, 3 * MIB + 17, 50 * MIB])
def test_the_digest_is_the_files_whatever_the_pieces(path: Path, piece: int) -> None:
    data = os.urandom(50 * MIB + 3)
    file = GrowingFile(path)
    for at in range(0, len(data), piece):
        file.append(memoryview(data)[at : at + piece])
    assert file.size == len(data)
    assert file.finish() == digest_of(data)
    file.close()
    assert path.read_bytes() == data
    assert not followers()


def test_most_of_it_is_hashed_and_on_the_disk_before_its_end_comes(path: Path) -> None:
    file = GrowingFile(path)
    for _ in range(40):
        file.append(bytes(MIB))
    file._digest.end()  # waits for what runs
    file._sync.end()
    assert file._digest._done >= growing._TO_HASH
    assert file._sync._done >= growing._TO_SYNC
    file.close()


def test_what_an_earlier_life_left_is_read_from_its_beginning(path: Path) -> None:
    path.write_bytes(b"left" * MIB)
    file = GrowingFile(path)
    file.append(b"and more")
    assert file.finish() == digest_of(b"left" * MIB + b"and more")
    file.close()


def test_bytes_that_were_changed_behind_its_back_are_in_the_digest(path: Path) -> None:
    path.write_bytes(b"left")
    file = GrowingFile(path)
    with path.open("r+b") as other:
        other.write(b"bent")
    file.append(b"!")
    assert file.finish() == digest_of(b"bent!")
    file.close()


@pytest.mark.parametrize("size", [10, 20 * MIB])
def test_a_file_that_was_cut_behind_its_back_is_an_error_and_no_endless_wait(path: Path, size: int) -> None:
    path.write_bytes(b"x" * size)
    file = GrowingFile(path)
    os.truncate(path, 3)
    file._size = size + 1  # as if the last piece were written before the cut
    with pytest.raises(OSError, match="shorter"):
        file.finish()
    file.close()


def test_what_failed_on_a_thread_is_told_by_finish(path: Path) -> None:
    file = GrowingFile(path)
    file.append(bytes(MIB))
    spare = os.dup(file._number)
    os.close(file._number)  # its number is free: whoever uses it fails
    for follower in (file._digest, file._sync):
        follower.grown(64 * MIB)
        with follower._changed:
            assert follower._changed.wait_for(lambda: not follower._runs, 10)  # noqa: B023
        with pytest.raises(OSError, match="Bad file descriptor"):
            follower.rest(64 * MIB)
    os.dup2(spare, file._number)
    os.close(spare)
    file.close()


def test_closing_in_the_middle_waits_for_the_threads_and_leaves_the_file(path: Path) -> None:
    file = GrowingFile(path)
    for _ in range(64):
        file.append(bytes(MIB))
    file.close()
    assert not followers()
    assert path.stat().st_size == 64 * MIB
