"""The contract of the Signer port."""

from __future__ import annotations

import re

import pytest

from claynet.actors.ports import NodeId, Signer


class SignerContract:
    @pytest.fixture
    def signers(self) -> tuple[Signer, Signer]:
        """Two nodes of one world."""
        raise NotImplementedError

    def test_a_node_id_is_64_hex_digits_and_the_nodes_own(self, signers):
        one, other = signers
        assert re.fullmatch("[0-9a-f]{64}", one.node_id)
        assert one.node_id == one.node_id != other.node_id

    @pytest.mark.parametrize("data", [b"", b"x", bytes(100_000)])
    def test_any_node_verifies_a_signature_by_the_signers_id(self, signers, data):
        one, other = signers
        signature = one.sign(data)
        assert one.verify(one.node_id, data, signature)
        assert other.verify(one.node_id, data, signature)

    def test_other_data_signer_or_signature_is_false(self, signers):
        one, other = signers
        signature = one.sign(b"data")
        flipped = bytes([signature[0] ^ 1]) + signature[1:]
        assert not other.verify(one.node_id, b"dat", signature)
        assert not other.verify(other.node_id, b"data", signature)
        assert not other.verify(one.node_id, b"data", flipped)
        assert not other.verify(one.node_id, b"data", signature[:-1])
        assert not other.verify(one.node_id, b"data", signature + b"\0")

    @pytest.mark.parametrize("signer", ["", "zz" * 32, "00" * 31, "é" * 64, "0" * 10_000, " " * 64])
    @pytest.mark.parametrize("signature", [b"", bytes(32), bytes(64), bytes(5000)])
    def test_garbage_is_false_never_an_exception(self, signers, signer, signature):
        assert signers[0].verify(NodeId(signer), b"data", signature) is False

    def test_an_id_in_capitals_is_not_that_node(self, signers):
        one, other = signers
        if one.node_id.upper() != one.node_id:
            assert not other.verify(NodeId(one.node_id.upper()), b"data", one.sign(b"data"))
