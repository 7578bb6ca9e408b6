"""One contract suite per port, run over all its implementations.

A suite is a class with fixtures that say `raise NotImplementedError`; a test file subclasses it as `TestSomething` and overrides them.
Suites never sleep: they wait through a `Driver`, which steps a virtual world or waits for threads.
"""

import pytest

pytest.register_assert_rewrite(
    *(f"tests.contracts.{name}" for name in ("actor_system", "blobs", "clock", "driver", "entropy", "jobs", "network", "signer", "store"))
)
