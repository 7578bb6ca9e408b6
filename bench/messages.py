"""Messages per second of the virtual actor system, against SimPy and a bare heap loop, on the same work.

The work: pairs of actors play ping-pong with one ball a pair, a set number of hops. Each hop allocates a new two-field message and takes
one of 997 latencies, so that messages share instants; or latencies such that every time is unique.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Sequence
from heapq import heappop, heappush

import msgspec

from bench.figures import Figure, in_process, interleaved, rate

LATENCIES = [1_000_000 + 1_009 * n for n in range(997)]
"""Distinct latencies, ns."""


class Ball(msgspec.Struct, frozen=True, gc=False):
    """What is played."""

    hop: int
    sender: int


def latency_of(pairs: int, times: str) -> Callable[[int], int]:
    """Return pair number -> latency of its hops, ns."""
    if times == "997":
        return lambda pair: LATENCIES[pair % 997]
    # Multiples of one stride plus the pair's own offset: no two hops of two pairs ever meet.
    return lambda pair: 2 * pairs * (1 + pair % 997)


def first_of(pair: int, times: str) -> int:
    """When a pair's first ball arrives, ns."""
    return 1 + pair if times == "unique" else LATENCIES[pair % 997]


def ours(actors: int, times: str, messages: int) -> float:
    """Play on the virtual actor system."""
    import pykka

    from claynet.actors.ports import Address
    from claynet.sim.virtual.system import VirtualSystem

    system = VirtualSystem()
    pairs = actors // 2
    hops = messages // pairs
    latency = latency_of(pairs, times)

    class Player(pykka.Actor):
        def __init__(self, number: int, peer: Address, delay: int) -> None:
            super().__init__()
            self.number = number
            self.peer = peer
            self.delay = delay
            self.tell = system.tell_after

        def on_receive(self, message: Ball) -> None:
            if message.hop < hops:
                self.tell(self.delay, self.peer, Ball(message.hop + 1, self.number))

    for pair in range(pairs):
        for side in (0, 1):
            number, peer = 2 * pair + side, 2 * pair + 1 - side
            system.spawn(Player, number, Address(f"player/{peer}"), latency(pair), address=Address(f"player/{number}"))
        system.tell_at(first_of(pair, times), Address(f"player/{2 * pair}"), Ball(0, 2 * pair + 1))
    gc.collect()
    started = time.perf_counter()
    system.run()
    return system.deliveries / (time.perf_counter() - started)


def simpy(actors: int, times: str, messages: int) -> float:
    """Play on SimPy: a process and a store per actor, a timeout per hop."""
    import simpy as library

    env = library.Environment()
    pairs = actors // 2
    hops = messages // pairs
    latency = latency_of(pairs, times)
    played = 0

    def player(number: int, inbox: library.Store, peer: library.Store, delay: int):  # type: ignore[no-untyped-def]  # SimPy's generators
        nonlocal played
        while True:
            ball = yield inbox.get()
            played += 1
            if ball.hop < hops:
                yield env.timeout(delay)
                peer.put(Ball(ball.hop + 1, number))

    def serve(inbox: library.Store, at: int, ball: Ball):  # type: ignore[no-untyped-def]
        yield env.timeout(at)
        inbox.put(ball)

    for pair in range(pairs):
        left, right = library.Store(env), library.Store(env)
        env.process(player(2 * pair, left, right, latency(pair)))
        env.process(player(2 * pair + 1, right, left, latency(pair)))
        env.process(serve(left, first_of(pair, times), Ball(0, 2 * pair + 1)))
    gc.collect()
    started = time.perf_counter()
    env.run()
    return played / (time.perf_counter() - started)


def heap(actors: int, times: str, messages: int) -> float:
    """Play on a bare heap of (time, sequence number, callable, message)."""
    queue: list[tuple[int, int, Callable[[Ball], None], Ball]] = []
    pairs = actors // 2
    hops = messages // pairs
    latency = latency_of(pairs, times)
    now = sequence = 0

    class Player:
        __slots__ = ("delay", "number", "peer")

        def __init__(self, number: int, delay: int) -> None:
            self.number = number
            self.delay = delay
            self.peer: Callable[[Ball], None]

        def receive(self, message: Ball) -> None:
            nonlocal sequence
            if message.hop < hops:
                sequence += 1
                heappush(queue, (now + self.delay, sequence, self.peer, Ball(message.hop + 1, self.number)))

    for pair in range(pairs):
        left, right = Player(2 * pair, latency(pair)), Player(2 * pair + 1, latency(pair))
        left.peer, right.peer = right.receive, left.receive
        sequence += 1
        heappush(queue, (first_of(pair, times), sequence, left.receive, Ball(0, 2 * pair + 1)))
    gc.collect()
    started = time.perf_counter()
    played = 0
    while queue:
        now, _sequence, receive, message = heappop(queue)
        receive(message)
        played += 1
    return played / (time.perf_counter() - started)


SIDES = {"ours": ours, "simpy": simpy, "heap": heap}

GOALS = {(1_000, "997"): (5.0, 0.5), (1_000, "unique"): (5.0, 0.5), (100_000, "997"): (8.0, 0.5), (100_000, "unique"): (None, 0.5)}
"""(actors, times) -> least ratio to SimPy, to the heap loop."""

MESSAGES = {"ours": 1_000_000, "simpy": 150_000, "heap": 1_000_000}


def contender(side: str, actors: int, times: str) -> Callable[[], float]:
    """Measure one side in a process of its own."""
    messages = MESSAGES[side] if actors < 100_000 else MESSAGES[side] // 2 + 100_000
    return lambda: in_process("bench.messages", side, str(actors), times, str(messages))


def measure(actors: int, times: str) -> Sequence[Figure]:
    """Take the message figures of one size."""
    simpy_goal, heap_goal = GOALS[actors, times]
    took = interleaved({side: contender(side, actors, times) for side in SIDES if side != "simpy" or simpy_goal is not None})
    name = f"messages.{actors}.{times}"
    figures = [rate(f"{name}.heap", took["ours"], took["heap"], "bare heapq loop", heap_goal, "messages/s")]
    if simpy_goal is not None:
        figures.append(rate(f"{name}.simpy", took["ours"], took["simpy"], "SimPy", simpy_goal, "messages/s"))
    return figures


if __name__ == "__main__":
    side, actors, times, messages = sys.argv[1:]
    print(SIDES[side](int(actors), times, int(messages)))
