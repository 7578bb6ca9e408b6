"""Events of misuse are counted, whichever of many threads tells them."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from claynet.actors.ports import SECOND
from claynet.actors.tally import GAP, TalliedSink
from claynet.sim.virtual.clock import VirtualClock
from claynet.sim.virtual.system import VirtualSystem


class Counting:
    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, object]]] = []

    def emit(self, kind: str, **fields: object) -> None:
        self.seen.append((kind, fields))


def test_one_event_a_minute_with_a_count_and_others_as_they_come() -> None:
    system, inner = VirtualSystem(), Counting()
    sink = TalliedSink(inner, VirtualClock(system))
    for _ in range(5):
        sink.emit("misuse", peer="p", rule="r", detail="d")
        sink.emit("task", id="t")
    assert [kind for kind, _ in inner.seen].count("misuse") == 1
    assert [kind for kind, _ in inner.seen].count("task") == 5
    system.run(GAP + SECOND)
    sink.emit("misuse", peer="p", rule="r", detail="d")
    assert inner.seen[-1] == ("misuse", {"peer": "p", "rule": "r", "detail": "d", "count": 5})


def test_strangers_without_number_on_many_threads_break_nothing() -> None:
    inner = Counting()
    sink = TalliedSink(inner, VirtualClock(VirtualSystem()))
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            told = [
                pool.submit(lambda who: [sink.emit("ignored", peer=f"{who}-{n}", rule="r") for n in range(5_000)], who) for who in range(4)
            ]
            for one in told:
                one.result()
    finally:
        sys.setswitchinterval(before)
    assert len(inner.seen) == 20_000
    assert len(sink._seen) == 4_096
