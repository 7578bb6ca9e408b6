"""Weak points 14, 15, 17 and 29: offers, who may make them and what becomes of them."""

from __future__ import annotations

from claynet.actors.config import NodeConfig, ProviderConfig, RequestorConfig
from claynet.actors.core.records import Offer
from claynet.actors.market import Pool
from claynet.actors.ports import SECOND, NodeId, Outcome
from tests.actors.bent import Call
from tests.actors.harness import APP, PRICE, World
from tests.weak_points.verdicts import verdict


def offer(name: str, provider: str, price: int = 1, score: float = 1.0, lifetime: int = 100) -> Offer:
    return Offer(offer_id=name, task_id="t", provider=NodeId(provider), price=price, score=score, lifetime=lifetime, header=b"")


def test_14_a_node_never_works_for_itself() -> None:
    with World() as world:
        world.add("both", NodeConfig("both", requestor=RequestorConfig("model"), provider=ProviderConfig("model"), descriptors=(APP,)))
        world.start("both")
        task_id = world.create("both", subtasks=1, task_timeout=60 * SECOND)
        world.run_until(lambda: world.is_over(task_id, "both"))
        assert world.task(task_id, "both").status == "timed_out"
        assert not world.frames("both", "offer")
        world.clean()


def test_15_a_restarted_subtask_comes_back_under_a_new_id() -> None:
    with World(compute=10 * SECOND) as world:
        world.provider()
        world.requestor()
        task_id = world.create(subtasks=1)
        world.run_until(lambda: any(one.status == "computing" for one in world.subtasks(task_id)))
        [first] = world.subtasks(task_id)
        node = world.places["r0"].node
        assert node is not None
        node.restart_subtask(first.id)
        assert world.finish(task_id).status == "finished"
        states = {one.id: one.status for one in world.subtasks(task_id)}
        assert states.pop(first.id) == "restarted"
        assert list(states.values()) == ["finished"]
        world.clean()


def test_17_a_newer_offer_of_a_provider_takes_the_place_of_its_older_one() -> None:
    pool = Pool()
    assert not pool.add(offer("old", "p"), b"", 0)
    assert [entry.offer.offer_id for entry in pool.add(offer("new", "p"), b"", 0)] == ["old"]
    assert len(pool) == 1


def test_17_offers_expire_and_the_order_is_binding() -> None:
    pool = Pool()
    for entry in (offer("late", "a", lifetime=5), offer("dear", "b", price=9), offer("cheap", "c", price=1), offer("failed", "d", price=0)):
        pool.add(entry, b"", 0)
    assert [entry.offer.offer_id for entry in pool.expire(5)] == ["late"]
    chosen = []
    while (entry := pool.choose(10, frozenset({NodeId("d")}))) is not None:
        chosen.append(entry.offer.offer_id)
    assert chosen == ["cheap", "dear", "failed"]


def test_17_a_pool_ends_with_its_task() -> None:
    with World(next_subtask=10 * SECOND) as world:
        for n in range(3):
            world.provider(f"p{n}")
        world.requestor()
        task_id = world.create(subtasks=3)
        world.run_until(lambda: bool(world.subtasks(task_id)))
        assert len(world.seen("offer")) == 3
        world.abort(task_id)
        world.run(30)
        assert len(world.seen("decline", by="requestor", rule="task_over")) == 3
        assert len(world.seen("offer")) == 3
        world.clean()


def test_29_a_score_above_what_the_app_allows_is_not_believed() -> None:
    with World() as world:
        world.provider("boaster", price=0, score=10_001.0)
        world.provider("p0")
        world.requestor()
        task_id = world.create(subtasks=2)
        assert world.finish(task_id).status == "finished"
        assert {one.provider for one in world.subtasks(task_id)} == {world.id("p0")}
        assert world.seen("decline", provider=world.id("boaster"), rule="score", by="requestor")
        world.clean()


def test_29_a_provider_whose_result_was_rejected_comes_last_in_that_task() -> None:
    def rejects_first(call: Call) -> Outcome | None:
        return verdict("FAILURE", "wrong") if call.method == "Verify" and call.n == 1 else None

    with World() as world:
        world.provider("cheap", price=PRICE // 10)
        world.requestor(bend=rejects_first)
        task_id = world.create(subtasks=2)
        world.run_until(lambda: bool(world.task(task_id).failed_providers))
        world.provider("dear", price=PRICE)
        assert world.finish(task_id).status == "finished"
        assert world.task(task_id).failed_providers == {world.id("cheap")}
        world.clean()
