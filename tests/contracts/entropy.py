"""The contract of the Entropy port: what holds for seeded and system chance alike."""

from __future__ import annotations

import re

import pytest

from claynet.actors.ports import Entropy


class EntropyContract:
    @pytest.fixture
    def entropy(self) -> Entropy:
        raise NotImplementedError

    def test_ids_are_32_hex_digits_and_do_not_repeat(self, entropy):
        ids = [entropy.new_id() for _ in range(1000)]
        assert len(set(ids)) == 1000
        assert all(re.fullmatch("[0-9a-f]{32}", new) for new in ids)

    def test_streams_have_ids_of_their_own(self, entropy):
        streams = [entropy.stream(name) for name in ("a", "b", "ab", "")]
        assert len({stream.new_id() for stream in [*streams, entropy]}) == 5

    def test_nonces_have_the_size_asked_for(self, entropy):
        assert [len(entropy.nonce(size)) for size in (0, 1, 16, 33)] == [0, 1, 16, 33]
        assert entropy.nonce(16) != entropy.nonce(16)

    def test_fractions_fill_their_range(self, entropy):
        drawn = [entropy.fraction() for _ in range(2000)]
        assert all(0.0 <= value < 1.0 for value in drawn)
        assert min(drawn) < 0.05
        assert max(drawn) > 0.95

    def test_below_gives_every_value_and_no_other(self, entropy):
        assert {entropy.below(5) for _ in range(500)} == set(range(5))
        assert entropy.below(1) == 0
        assert 0 <= entropy.below(1 << 200) < 1 << 200

    @pytest.mark.parametrize("bound", [0, -1])
    def test_below_nothing_is_refused(self, entropy, bound):
        with pytest.raises(ValueError):
            entropy.below(bound)

    def test_choice_gives_every_element_and_refuses_none(self, entropy):
        assert {entropy.choice("xyz") for _ in range(200)} == set("xyz")
        with pytest.raises(IndexError):
            entropy.choice([])

    def test_gauss_is_standard_normal(self, entropy):
        drawn = [entropy.gauss() for _ in range(4000)]
        mean = sum(drawn) / len(drawn)
        assert abs(mean) < 0.15
        assert 0.8 < sum((value - mean) ** 2 for value in drawn) / len(drawn) < 1.25
