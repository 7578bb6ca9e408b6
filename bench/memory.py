"""What an idle virtual actor weighs: resident memory of a process before and after many are spawned."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Figure, cost, in_process, interleaved

ACTORS = 100_000
LIMIT = 3.0
"""KiB per idle actor."""


def resident() -> float:
    """Return this process's resident memory, KiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4.0


def kibibytes_per_actor(actors: int) -> float:
    """Spawn actors with two attributes of their own and an address; each has handled one message."""
    import pykka

    from claynet.actors.ports import Address
    from claynet.sim.virtual.system import VirtualSystem

    class Idle(pykka.Actor):
        def __init__(self, number: int, peer: Address) -> None:
            super().__init__()
            self.number = number
            self.peer = peer

        def on_receive(self, message: int) -> None:
            self.number += message

    system = VirtualSystem()
    gc.collect()
    before = resident()
    for number in range(actors):
        address = system.spawn(Idle, number, Address(f"node-{number}#1/peer"), address=Address(f"node-{number}#1/actor"))
        system.tell(address, 1)
    system.run()
    gc.collect()
    return (resident() - before) / actors


def measure() -> Sequence[Figure]:
    """Take the memory figure."""
    took = interleaved({"ours": lambda: in_process("bench.memory", str(ACTORS))})
    return [cost("memory.actor", took["ours"], LIMIT, f"limit of {LIMIT:g} KiB", "KiB per idle actor")]


if __name__ == "__main__":
    print(kibibytes_per_actor(int(sys.argv[1])))
