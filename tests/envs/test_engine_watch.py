"""The watch over an engine: it tells those who depend on it, once, and is there only while somebody does."""

from __future__ import annotations

import queue
import threading

from claynet.envs.engine_watch import EngineWatch


class Hears:
    def __init__(self) -> None:
        self.heard: queue.Queue[str] = queue.Queue()

    def lost(self, problem: str) -> None:
        self.heard.put(problem)

    def tick(self) -> None:
        self.heard.put("")


class Asked:
    """An engine's answers, each given when the test wants it."""

    def __init__(self) -> None:
        self.answers: queue.Queue[str | None] = queue.Queue()
        self.threads: list[threading.Thread] = []

    def __call__(self) -> str | None:
        self.threads.append(threading.current_thread())
        return self.answers.get(timeout=30)


def test_it_ticks_while_the_engine_answers_and_tells_a_loss_once() -> None:
    asked, one, other = Asked(), Hears(), Hears()
    watch = EngineWatch(asked, gap=0.01)
    watch.add(one)
    watch.add(other)
    asked.answers.put(None)
    assert [each.heard.get(timeout=30) for each in (one, other)] == ["", ""]
    asked.answers.put("gone")
    assert [each.heard.get(timeout=30) for each in (one, other)] == ["gone", "gone"]
    asked.threads[0].join(30)
    assert not asked.threads[0].is_alive(), "nobody is left to be told"
    assert one.heard.empty()
    assert other.heard.empty()


def test_who_left_hears_nothing_and_who_comes_later_is_told() -> None:
    asked, left, late = Asked(), Hears(), Hears()
    watch = EngineWatch(asked, gap=0.01)
    watch.add(left)
    watch.remove(left)
    watch.remove(left)
    watch.add(late)
    asked.answers.put("gone")
    assert late.heard.get(timeout=30) == "gone"
    asked.threads[-1].join(30)
    watch.add(late)
    asked.answers.put(None)
    assert late.heard.get(timeout=30) == ""
    watch.remove(late)
    asked.answers.put(None)  # it may be asking at this moment
    asked.threads[-1].join(30)
    assert not asked.threads[-1].is_alive()
    assert left.heard.empty()


def test_who_comes_while_the_engine_is_asked_is_not_told_of_that_answer() -> None:
    """What it wants may be the first thing that works again."""
    asked, before, meanwhile = Asked(), Hears(), Hears()
    watch = EngineWatch(asked, gap=0.01)
    watch.add(before)
    asked.answers.put(None)
    assert before.heard.get(timeout=30) == ""
    while len(asked.threads) < 2:
        continue
    watch.add(meanwhile)
    asked.answers.put("gone")
    assert before.heard.get(timeout=30) == "gone"
    asked.answers.put(None)
    assert meanwhile.heard.get(timeout=30) == ""
    watch.remove(meanwhile)
    asked.answers.put(None)
