"""The hub: order, bounds, and that nobody who listens holds up who emits."""

from __future__ import annotations

import threading

from claynet.net.view.event_hub import MOST_WAITING, Event, EventHub, Listeners


def test_a_slow_subscriber_loses_the_oldest_and_is_told_how_many() -> None:
    hub = EventHub()
    with hub.listen() as slow:
        for number in range(MOST_WAITING + 10):
            hub.emit("task", number=number)
        first, second = slow.next(0.0), slow.next(0.0)
    assert first is not None
    assert second is not None
    assert (first.fields["number"], first.dropped, second.dropped) == (10, 10, 0)


def test_a_callback_that_hangs_holds_nobody_up() -> None:
    hub = EventHub()
    begun, go_on, heard = threading.Event(), threading.Event(), []

    def hang(event: Event) -> None:
        begun.set()
        go_on.wait()
        heard.append(event.number)

    unsubscribe = hub.subscribe(hang, ["a"])
    hub.emit("a")
    assert begun.wait(10)
    hub.emit("a")
    hub.emit("b")
    assert heard == []
    go_on.set()
    hub.close()
    unsubscribe()
    assert heard == [1, 2]


def test_first_hears_in_the_emitting_thread_and_its_failure_ends_nobody() -> None:
    seen: list[tuple[str, int]] = []

    def fails(_event: Event) -> None:
        raise RuntimeError("a bug")

    hub = EventHub(fails, lambda event: seen.append((event.kind, threading.get_ident())), utc=lambda: 7)
    with hub.listen(["x"]) as listening:
        hub.emit("x")
        hub.emit("y")
        event = listening.next(0.0)
        assert listening.next(0.0) is None
    assert seen == [("x", threading.get_ident()), ("y", threading.get_ident())]
    assert event is not None
    assert event.at == 7


def test_listeners_of_one_part_end_together_and_wake_who_waits() -> None:
    hub = EventHub()
    part, other = Listeners(hub), hub.listen()
    waiting = part.listen()
    ended: list[Event | None] = []
    thread = threading.Thread(target=lambda: ended.append(waiting.next()))
    thread.start()
    part.close()
    thread.join(10)
    assert ended == [None]
    assert part.listen().closed
    hub.emit("x")
    assert other.next(0.0) is not None
    hub.close()
    assert other.next() is None
    assert hub.listen().closed
