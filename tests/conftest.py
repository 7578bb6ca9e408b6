"""Hypothesis profiles of all tests: `quick` gives the same examples every time; CLAYNET_TESTS=deep looks much further."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

_PHASES = [phase for phase in Phase if phase is not Phase.explain]  # explaining traces every line: too slow for simulated worlds

settings.register_profile("quick", derandomize=True, deadline=None, print_blob=True, phases=_PHASES)
settings.register_profile(
    "deep",
    max_examples=3_000,
    stateful_step_count=100,
    deadline=None,
    print_blob=True,
    phases=_PHASES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("deep" if os.environ.get("CLAYNET_TESTS") == "deep" else "quick")
