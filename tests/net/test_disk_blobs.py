"""Files by content: resume, corruption, odd paths."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from blake3 import blake3

from claynet.actors.ports import Blobs, CorruptBlobError, Digest
from claynet.net.storage.disk_blobs import DiskBlobs, _copy


def digest_of(data: bytes) -> Digest:
    return Digest(blake3(data).hexdigest())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def blobs(folder: Path) -> DiskBlobs:
    return DiskBlobs(folder)


def test_what_is_put_can_be_read_in_parts_and_survives(blobs: Blobs, folder: Path) -> None:
    digest = blobs.put(b"hello world")
    assert digest == digest_of(b"hello world") == blobs.put(b"hello world")
    assert (blobs.has(digest), blobs.size(digest), blobs.read(digest, 6, 100)) == (True, 11, b"world")
    assert blobs.read(digest, 100, 1) == b""
    again = DiskBlobs(folder)
    assert again.read(digest, 0, 5) == b"hello"
    with pytest.raises(ValueError, match="negative"):
        again.read(digest, -1, 5)
    again.delete(digest)
    again.delete(digest)
    assert not blobs.has(digest)


def test_a_partial_resumes_after_a_restart(blobs: Blobs, folder: Path) -> None:
    data = os.urandom(300_000)
    digest = digest_of(data)
    assert not blobs.extend(digest, 0, data[:100_000], len(data))
    assert (blobs.partial(digest), blobs.has(digest)) == (100_000, False)
    again = DiskBlobs(folder)
    assert again.partial(digest) == 100_000
    with pytest.raises(ValueError, match="100000 are here"):
        again.extend(digest, 0, data, len(data))
    assert not again.extend(digest, 100_000, data[100_000:200_000], len(data))
    assert again.extend(digest, 200_000, data[200_000:], len(data))
    assert (again.partial(digest), again.size(digest)) == (0, 300_000)
    assert again.read(digest, 0, len(data)) == data
    assert again.extend(digest, 5, b"late", len(data))


def test_corrupt_bytes_are_dropped(blobs: Blobs) -> None:
    digest = digest_of(b"right")
    blobs.extend(digest, 0, b"wr", 5)
    with pytest.raises(CorruptBlobError):
        blobs.extend(digest, 2, b"ong", 5)
    assert (blobs.partial(digest), blobs.has(digest)) == (0, False)
    assert blobs.extend(digest, 0, b"right", 5)


def test_an_empty_blob_and_one_with_too_many_bytes(blobs: Blobs) -> None:
    assert blobs.extend(digest_of(b""), 0, b"", 0)
    assert blobs.size(digest_of(b"")) == 0
    with pytest.raises(ValueError, match="6 bytes at 0 of 5"):
        blobs.extend(digest_of(b"right"), 0, b"right!", 5)


def test_a_blob_put_while_partial_is_whole(blobs: Blobs) -> None:
    digest = digest_of(b"right")
    blobs.extend(digest, 0, b"ri", 5)
    blobs.put(b"right")
    assert (blobs.partial(digest), blobs.has(digest)) == (0, True)


def test_files_go_in_and_out(blobs: Blobs, tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(b"x" * 3_000_000)
    digest, size = blobs.put_file(source)
    assert (digest, size) == (digest_of(b"x" * 3_000_000), 3_000_000)
    target.symlink_to(source)
    source.write_bytes(b"changed")
    blobs.copy_to(digest, target)
    assert not target.is_symlink()
    assert target.stat().st_size == 3_000_000
    assert source.read_bytes() == b"changed"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blobs", "in", "out"]


@pytest.mark.timeout(20)
def test_links_and_special_files_are_refused(blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "link").symlink_to("secret")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "."):
        with pytest.raises(ValueError, match="regular"):
            blobs.put_file(tmp_path / name)
    with pytest.raises(ValueError, match="regular"):
        blobs.put_file(Path("/dev/null"))
    with pytest.raises(FileNotFoundError):
        blobs.put_file(tmp_path / "nothing")


@pytest.mark.parametrize("text", ["", "..", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n", "/" * 64, "a" * 64 + "/x"])
def test_a_string_that_is_no_digest_never_becomes_a_path(blobs: Blobs, tmp_path: Path, text: str) -> None:
    digest = Digest(text)
    assert not blobs.has(digest)
    assert blobs.partial(digest) == 0
    blobs.delete(digest)
    for call in (lambda: blobs.size(digest), lambda: blobs.read(digest, 0, 1), lambda: blobs.copy_to(digest, tmp_path / "out")):
        with pytest.raises(KeyError):
            call()
    with pytest.raises(ValueError, match="not a digest"):
        blobs.extend(digest, 0, b"x", 1)


def test_half_written_files_of_a_crash_are_swept_and_partials_kept(folder: Path, blobs: Blobs) -> None:
    digest = digest_of(b"right")
    blobs.extend(digest, 0, b"ri", 5)
    (folder / "tmp" / "left").write_bytes(b"half")
    again = DiskBlobs(folder)
    assert list((folder / "tmp").iterdir()) == []
    assert again.partial(digest) == 2


def test_the_same_blob_from_several_threads(blobs: Blobs) -> None:
    data = os.urandom(500_000)
    threads = [threading.Thread(target=blobs.put, args=(data,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert blobs.read(digest_of(data), 0, len(data)) == data


def test_a_full_disk_leaves_a_partial_that_can_go_on(folder: Path) -> None:
    child = """
import resource, sys
from pathlib import Path
from claynet.net.storage.disk_blobs import DiskBlobs
blobs = DiskBlobs(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
blobs.extend(sys.argv[2], 0, b"x" * 100_000, 300_000)
for attempt in (lambda: blobs.extend(sys.argv[2], 100_000, b"x" * 100_000, 300_000), lambda: blobs.put(b"y" * 200_000)):
    try:
        attempt()
    except OSError as error:
        print(error.errno, flush=True)
"""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    digest = digest_of(b"x" * 300_000)
    done = subprocess.run([sys.executable, "-c", child, str(folder), digest], capture_output=True, text=True, timeout=20)
    assert done.stdout.split() == ["27", "27"], done.stderr
    blobs = DiskBlobs(folder)
    assert blobs.partial(digest) == 100_000
    assert blobs.extend(digest, 100_000, b"x" * 200_000, 300_000)
    assert list((folder / "tmp").iterdir()) == []


def open_files() -> set[str]:
    found = set()
    for number in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that listed them is closed by now
            found.add(str(number.readlink()))
    return found


def test_a_large_blob_in_pieces_from_several_lives(folder: Path) -> None:
    data = os.urandom(20 << 20)
    digest = digest_of(data)
    at = 0
    for life in range(3):
        blobs = DiskBlobs(folder)
        for _ in range(5):
            assert not blobs.extend(digest, at, memoryview(data)[at : at + (1 << 20)], len(data))
            at += 1 << 20
        if life < 2:
            blobs.close()  # the last one ends without a word
    assert DiskBlobs(folder).extend(digest, at, data[at:], len(data))
    assert DiskBlobs(folder).read(digest, 0, len(data)) == data


def test_a_partial_that_was_damaged_between_two_lives_is_found_and_fetched_again(folder: Path) -> None:
    data = os.urandom(20 << 20)
    digest = digest_of(data)
    blobs = DiskBlobs(folder)
    blobs.extend(digest, 0, data[: 10 << 20], len(data))
    blobs.close()
    with (folder / "partial" / digest).open("r+b") as file:
        file.seek(5 << 20)
        file.write(b"damage")
    again = DiskBlobs(folder)
    with pytest.raises(CorruptBlobError):
        again.extend(digest, 10 << 20, data[10 << 20 :], len(data))
    assert (again.partial(digest), again.has(digest)) == (0, False)
    assert again.extend(digest, 0, data, len(data))


def test_a_partial_that_is_deleted_or_put_while_it_grows_begins_anew(blobs: DiskBlobs, folder: Path) -> None:
    data = os.urandom(300_000)
    digest = digest_of(data)
    blobs.extend(digest, 0, data[:1000], len(data))
    blobs.delete(digest)
    assert blobs.partial(digest) == 0
    blobs.extend(digest, 0, data[:500], len(data))
    assert blobs.put(data) == digest
    assert blobs.partial(digest) == 0
    assert blobs.extend(digest, 500, data[500:], len(data)), "it is whole by now"
    blobs.delete(digest)
    assert not blobs.extend(digest, 0, data[:9], len(data))
    assert blobs.extend(digest, 9, data[9:], len(data))
    assert not [name for name in open_files() if name.startswith(str(folder))]


def test_a_blob_is_put_between_two_pieces_of_it_and_never_during_one(folder: Path, tmp_path: Path) -> None:
    alone = []

    class Watching(DiskBlobs):
        def _publish(self, path: Path, digest: Digest) -> None:
            alone.append(self._extending[int(digest[0], 16)].locked())
            super()._publish(path, digest)

    blobs = Watching(folder)
    for name in ("put", "put_file"):
        data = name.encode() * 1000
        digest = digest_of(data)
        assert not blobs.extend(digest, 0, data[:100], len(data))
        (tmp_path / name).write_bytes(data)
        assert blobs.put(data) == digest if name == "put" else blobs.put_file(tmp_path / name) == (digest, len(data))
        assert blobs.extend(digest, 100, data[100:], len(data)), "it is whole already"
    assert alone == [True, True]


def test_growing_files_that_are_kept_open_are_few_and_all_can_grow_on(blobs: DiskBlobs, folder: Path) -> None:
    many = [number.to_bytes(2, "big") * 500 for number in range(300)]
    for data in many:
        assert not blobs.extend(digest_of(data), 0, data[:600], 1000)
    assert len([name for name in open_files() if name.startswith(str(folder))]) <= 128
    for data in many:
        assert blobs.extend(digest_of(data), 600, data[600:], 1000)
    assert not [name for name in open_files() if name.startswith(str(folder))]
    blobs.close()


def test_two_links_that_bring_the_same_blob_make_one(blobs: DiskBlobs) -> None:
    data = os.urandom(8 << 20)
    digest = digest_of(data)
    piece = 1 << 16

    def bring() -> None:
        while not blobs.has(digest):
            at = blobs.partial(digest)
            with contextlib.suppress(ValueError):  # the other one was faster
                blobs.extend(digest, at, memoryview(data)[at : at + piece], len(data))

    threads = [threading.Thread(target=bring) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert blobs.read(digest, 0, len(data)) == data
    assert blobs.partial(digest) == 0


def test_a_copy_is_the_apps_own_file(blobs: DiskBlobs, tmp_path: Path) -> None:
    digest = blobs.put(b"x" * 3_000_000)
    blobs.copy_to(digest, tmp_path / "out")
    with (tmp_path / "out").open("r+b") as file:
        file.write(b"mine")
    assert blobs.read(digest, 0, 4) == b"xxxx"
    assert (tmp_path / "out").stat().st_nlink == 1


def test_a_copy_to_another_file_system_is_whole(blobs: DiskBlobs) -> None:
    data = os.urandom(3_000_000)
    digest = blobs.put(data)
    number = os.memfd_create("elsewhere")
    try:
        with blobs._open(digest) as source, os.fdopen(os.dup(number), "r+b") as target:
            _copy(source, target)
        with os.fdopen(os.dup(number), "rb") as copied:
            copied.seek(0)
            assert copied.read() == data
    finally:
        os.close(number)


def test_blobs_leave_the_disk_its_reserve_and_what_is_here_stays(folder: Path, tmp_path: Path) -> None:
    data = b"here already"
    digest = DiskBlobs(folder).put(data)
    full = DiskBlobs(folder, reserve=1 << 60)
    file = tmp_path / "file"
    file.write_bytes(b"another")
    other = digest_of(b"another")
    for write in (lambda: full.put_file(file), lambda: full.extend(other, 0, b"an", 7)):
        with pytest.raises(OSError, match="stay free") as caught:
            write()
        assert caught.value.errno == errno.ENOSPC
    assert full.partial(other) == 0
    assert full.put(data) == digest
    assert full.has(full.put(b"a node's own"))
    assert full.read(digest, 0, 100) == data
    assert DiskBlobs(folder, reserve=1 << 10).extend(other, 0, b"another", 7)
