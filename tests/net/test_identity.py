"""Keys, signatures, certificates."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from claynet.actors.ports import NodeId, Signer
from claynet.net.link.identity import Ed25519Signer, KeyFileError, load_or_make_key, node_id_of_certificate, self_signed_certificate


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "node" / "key.pem"


def test_a_key_is_made_once_and_only_its_owner_can_read_it(path: Path) -> None:
    made = Ed25519Signer(load_or_make_key(path))
    assert path.stat().st_mode & 0o777 == 0o600
    assert Ed25519Signer(load_or_make_key(path)).node_id == made.node_id
    assert [file.name for file in path.parent.iterdir()] == ["key.pem"]


def test_a_key_others_may_read_is_refused_with_the_remedy(path: Path) -> None:
    load_or_make_key(path)
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match=rf"mode 0644\); run: chmod 600 {path}"):
        load_or_make_key(path)


@pytest.mark.parametrize("content", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", b"\xff" * 40000])
def test_a_broken_key_file_is_refused_and_kept(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match=r"key\.pem: not a private key in PEM"):
        load_or_make_key(path)
    assert path.read_bytes() == content


def test_another_kind_of_key_a_folder_and_an_impossible_place_are_refused(path: Path) -> None:
    path.parent.mkdir()
    path.touch(0o600)
    other = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(
        other.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    with pytest.raises(KeyFileError, match="not an Ed25519"):
        load_or_make_key(path)
    with pytest.raises(KeyFileError, match="not a regular file"):
        load_or_make_key(path.parent)
    with pytest.raises(KeyFileError, match=r"cannot be (read|made)"):
        load_or_make_key(path / "below" / "key.pem")


def test_signatures_are_checked_and_garbage_is_false() -> None:
    one, other = (Ed25519Signer(Ed25519PrivateKey.generate()) for _ in range(2))
    signer: Signer = one
    signature = signer.sign(b"text")
    assert other.verify(one.node_id, b"text", signature)
    assert not other.verify(one.node_id, b"texT", signature)
    assert not other.verify(other.node_id, b"text", signature)
    for node_id in ("", "zz", "00" * 32, "ff" * 32, one.node_id.upper(), one.node_id + " ", "é" * 64):
        assert not other.verify(NodeId(node_id), b"text", signature)
    for garbage in (b"", b"x", b"\x00" * 64, signature + b"x"):
        assert not other.verify(one.node_id, b"text", garbage)


def test_a_certificate_shows_the_node_id() -> None:
    key = Ed25519PrivateKey.generate()
    certificate = x509.load_pem_x509_certificate(self_signed_certificate(key))
    der = certificate.public_bytes(serialization.Encoding.DER)
    assert node_id_of_certificate(der) == Ed25519Signer(key).node_id
    certificate.verify_directly_issued_by(certificate)
    for garbage in (b"", der[:-5], b"\x30\x82"):
        with pytest.raises(ValueError, match="cannot be read"):
            node_id_of_certificate(garbage)
