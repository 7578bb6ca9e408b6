"""The contract of the Blobs port."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from blake3 import blake3

from claynet.actors.ports import Blobs, CorruptBlobError, Digest

DATA = bytes(range(256)) * 40


def digest_of(data: bytes) -> Digest:
    return Digest(blake3(data).hexdigest())


class BlobsContract:
    @pytest.fixture
    def blobs(self) -> Blobs:
        raise NotImplementedError

    @pytest.fixture
    def reopened(self) -> Callable[[Blobs], Blobs]:
        """The same blobs after a restart of the node."""
        raise NotImplementedError

    def test_bytes_put_are_read_back_by_digest(self, blobs):
        digest = blobs.put(DATA)
        assert digest == digest_of(DATA) == blobs.put(DATA)
        assert blobs.has(digest)
        assert blobs.size(digest) == len(DATA)
        assert blobs.read(digest, 0, len(DATA) + 5) == DATA
        assert blobs.read(digest, 300, 7) == DATA[300:307]
        assert blobs.read(digest, len(DATA), 7) == b""

    def test_an_empty_blob_is_a_blob(self, blobs):
        digest = blobs.put(b"")
        assert blobs.size(digest) == 0
        assert blobs.read(digest, 0, 1) == b""

    def test_what_is_not_here_is_a_key_error(self, blobs, tmp_path):
        digest = digest_of(b"elsewhere")
        assert not blobs.has(digest)
        assert blobs.partial(digest) == 0
        for ask in (lambda: blobs.size(digest), lambda: blobs.read(digest, 0, 1), lambda: blobs.copy_to(digest, tmp_path / "out")):
            with pytest.raises(KeyError):
                ask()
        assert list(tmp_path.glob("out*")) == []

    def test_a_file_is_put_and_copied_out(self, blobs, tmp_path):
        (tmp_path / "in").write_bytes(DATA)
        digest, size = blobs.put_file(tmp_path / "in")
        assert (digest, size) == (digest_of(DATA), len(DATA))
        blobs.copy_to(digest, tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == DATA
        (tmp_path / "out").write_bytes(b"changed")
        assert blobs.read(digest, 0, 10) == DATA[:10]

    def test_links_and_special_files_are_refused(self, blobs, tmp_path):
        (tmp_path / "real").write_bytes(DATA)
        (tmp_path / "link").symlink_to(tmp_path / "real")
        os.mkfifo(tmp_path / "pipe")
        for name in ("link", "pipe", "."):
            with pytest.raises(ValueError):
                blobs.put_file(tmp_path / name)

    def test_a_blob_comes_in_pieces(self, blobs):
        digest, total = digest_of(DATA), len(DATA)
        assert blobs.extend(digest, 0, DATA[:100], total) is False
        assert blobs.partial(digest) == 100
        assert not blobs.has(digest)
        assert blobs.extend(digest, 100, DATA[100:], total) is True
        assert blobs.has(digest)
        assert blobs.partial(digest) == 0
        assert blobs.read(digest, 0, total) == DATA

    def test_an_empty_blob_comes_in_one_empty_piece(self, blobs):
        assert blobs.extend(digest_of(b""), 0, b"", 0) is True
        assert blobs.has(digest_of(b""))

    @pytest.mark.parametrize("offset", [0, 99, 101])
    def test_a_piece_elsewhere_than_the_end_is_refused(self, blobs, offset):
        digest = digest_of(DATA)
        blobs.extend(digest, 0, DATA[:100], len(DATA))
        with pytest.raises(ValueError):
            blobs.extend(digest, offset, b"abc", len(DATA))
        assert blobs.partial(digest) == 100

    def test_wrong_bytes_are_dropped_and_can_be_fetched_again(self, blobs):
        digest = digest_of(DATA)
        blobs.extend(digest, 0, DATA[:100], len(DATA))
        with pytest.raises(CorruptBlobError):
            blobs.extend(digest, 100, bytes(len(DATA) - 100), len(DATA))
        assert blobs.partial(digest) == 0
        assert not blobs.has(digest)
        assert blobs.extend(digest, 0, DATA, len(DATA)) is True

    def test_whole_and_partial_blobs_survive_a_restart(self, blobs, reopened):
        whole, part = blobs.put(b"whole"), digest_of(DATA)
        blobs.extend(part, 0, DATA[:100], len(DATA))
        again = reopened(blobs)
        assert again.read(whole, 0, 10) == b"whole"
        assert again.partial(part) == 100
        assert again.extend(part, 100, DATA[100:], len(DATA)) is True

    def test_deleting_forgets_and_is_idempotent(self, blobs):
        whole, part = blobs.put(b"whole"), digest_of(DATA)
        blobs.extend(part, 0, DATA[:100], len(DATA))
        for digest in (whole, part, whole):
            blobs.delete(digest)
        assert not blobs.has(whole)
        assert blobs.partial(part) == 0
