"""A node's identity: an Ed25519 key in a file, signatures by it, and a certificate that shows it.

Knows the cryptography library and one key file. Must not know what is signed, nor who listens.
"""

from __future__ import annotations

import datetime as dt
import os
import stat
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from claynet.actors.ports import NodeId

_BIGGEST_KEY_FILE = 16384


class KeyFileError(Exception):
    """A key file cannot be used; the text names the file, the cause and the remedy."""


def load_or_make_key(path: Path) -> Ed25519PrivateKey:
    """Load the key of this file, or make one where there is no file (mode 0600, PEM).

    Raises KeyFileError when the file is not a readable Ed25519 key or others may read it.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return _make_key(path)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        facts = os.fstat(number)
        if not stat.S_ISREG(facts.st_mode):
            raise KeyFileError(f"{path}: not a regular file")
        if facts.st_mode & 0o077:
            raise KeyFileError(f"{path}: others may read this key (mode {facts.st_mode & 0o777:04o}); run: chmod 600 {path}")
        text = os.read(number, _BIGGEST_KEY_FILE)
    finally:
        os.close(number)
    try:
        key = serialization.load_pem_private_key(text, password=None)
    except Exception as error:  # the library raises several kinds for a broken file
        raise KeyFileError(f"{path}: not a private key in PEM; restore it, or move it away to get a new identity") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path}: a private key, but not an Ed25519 one")
    return key


def _make_key(path: Path) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    # A name of its own, then a link: a crash leaves no half-written key, and of two makers one wins.
    written = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(_private_pem(key))
                file.flush()
                os.fsync(number)
            path.hardlink_to(written)
        finally:
            written.unlink(missing_ok=True)
    except FileExistsError:
        return load_or_make_key(path)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be made ({error.strerror})") from error
    return key


class Ed25519Signer:
    """One node's identity (`ports.Signer`)."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._node_id = node_id_of(key.public_key())

    @property
    def node_id(self) -> NodeId:
        """The public key, as 64 hex digits."""
        return self._node_id

    def sign(self, data: bytes) -> bytes:
        """Return the 64 bytes of an Ed25519 signature."""
        return self._key.sign(data)

    def verify(self, signer: NodeId, data: bytes, signature: bytes) -> bool:
        """Tell whether `signature` is `signer`'s over `data`. Garbage of any kind is False."""
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(signer)).verify(signature, data)
        except (InvalidSignature, ValueError, TypeError):
            return False
        return node_id_is_canonical(signer)

    def tls_pem(self) -> bytes:
        """The private key and a self-signed certificate of it, in PEM: what a TLS listener needs. Keep it out of files."""
        return _private_pem(self._key) + self_signed_certificate(self._key)


def node_id_is_canonical(text: str) -> bool:
    """Tell whether this is the one way to write a node id: 64 lower-case hex digits."""
    return len(text) == 64 and all(digit in "0123456789abcdef" for digit in text)


def node_id_of(key: Ed25519PublicKey) -> NodeId:
    """Return the node id that this public key is."""
    return NodeId(key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex())


def self_signed_certificate(key: Ed25519PrivateKey) -> bytes:
    """Make an X.509 certificate (PEM) of the key by itself. Only its key counts: dates are wide open, so that no clock matters."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, node_id_of(key.public_key()))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(dt.datetime(2000, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(9999, 12, 31, tzinfo=dt.UTC))
        .sign(key, algorithm=None)
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def node_id_of_certificate(der: bytes) -> NodeId:
    """Return the node id that a peer's certificate (DER) shows. Raises ValueError when it shows none."""
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except Exception as error:  # hostile bytes: the library raises several kinds
        raise ValueError("its certificate cannot be read") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("its certificate is not of an Ed25519 key")
    return node_id_of(key)


def _private_pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
