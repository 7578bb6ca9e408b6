"""Weak points 4, 11, 20 to 22, 24 and 35: the life of an app's service, whatever ends it."""

from __future__ import annotations

from claynet.actors.config import NodeConfig, ProviderConfig, RequestorConfig
from claynet.actors.ports import SECOND, Outcome
from tests.actors.bent import DEAD, Call
from tests.actors.harness import APP, OTHER, PRICE, World


def services(world: World, node: str, side: str) -> dict[str, list[str]]:
    """The states that each service of a node went through."""
    found: dict[str, list[str]] = {}
    for event in world.seen("runtime", side=side):
        if event.node == node:
            found.setdefault(event["id"], []).append(event["state"])
    return found


def test_4_a_service_that_died_is_wound_down_and_the_requestor_hears_of_it() -> None:
    def dies_once(call: Call) -> Outcome | None:
        return DEAD if call.method == "Compute" and call.n == 1 else None

    with World() as world:
        world.provider(bend=dies_once)
        world.requestor()
        task_id = world.create(subtasks=2)
        assert world.finish(task_id).status == "finished"
        assert len(world.frames("p0", "failed")) == 1
        lives = [states for name, states in services(world, "p0", "provider").items() if "/slot/" in name]
        assert lives[0] == ["created", "starting", "running", "failing", "failed"]
        assert [states[-1] for states in lives[1:]] == ["stopped", "stopped"]
        world.clean()


def test_11_a_task_in_creation_keeps_its_service_when_the_last_other_task_ends() -> None:
    with World(create_task=20 * SECOND) as world:
        world.provider()
        world.requestor()
        first = world.create(subtasks=1)
        world.run_until(lambda: world.is_over(first))
        second = world.create(subtasks=1)
        world.run(10)
        assert world.task(second).status == "creating"
        assert ("task", "app") not in {(key.partition("/")[0], slot) for key, slot in world.places["r0"].store.undone() if first in key}
        assert world.finish(second).status == "finished"
        assert len(services(world, "r0", "requestor")) == 1, "one service served both"
        world.clean()


def most_at_once(world: World, node: str) -> int:
    """How many of a node's subtask services ever stood at the same time."""
    standing: set[str] = set()
    most = 0
    for event in world.seen("runtime", side="provider"):
        if event.node == node and "/slot/" in event["id"]:
            (standing.discard if event["state"] in ("stopped", "failed") else standing.add)(event["id"])
            most = max(most, len(standing))
    return most


def test_20_a_slot_is_free_only_when_its_service_is_gone() -> None:
    with World(stop=20 * SECOND) as world:
        world.provider()
        world.requestor()
        task_id = world.create(subtasks=3)
        assert world.finish(task_id).status == "finished"
        assert most_at_once(world, "p0") == 1


def test_a_provider_of_several_slots_fills_them_for_one_task() -> None:
    with World(compute=20 * SECOND) as world:
        world.provider(config={"slots": 3})
        world.requestor()
        task_id = world.create(subtasks=6)
        assert world.finish(task_id).status == "finished"
        assert most_at_once(world, "p0") == 3


def test_20_services_of_one_node_stand_side_by_side() -> None:
    provider = ProviderConfig("model", price=PRICE, slots=2, offers_per_slot=2)
    with World(compute=20 * SECOND) as world:
        world.add("both", NodeConfig("both", requestor=RequestorConfig(env="model"), provider=provider, descriptors=(APP, OTHER)))
        world.start("both")
        world.requestor()
        world.provider(price=2 * PRICE)
        ours = world.create("both", subtasks=1)
        theirs = [world.create("r0", subtasks=2) for _ in range(2)]
        world.run_until(lambda: world.is_over(ours, "both") and all(world.is_over(task) for task in theirs))
        world.run(5)
        assert {world.task(ours, "both").status, *(world.task(task).status for task in theirs)} == {"finished"}
        up: set[str] = set()
        most = 0
        for event in world.seen("runtime"):
            if event.node == "both":
                (up.add if event["state"] == "running" else up.discard)(event["id"])
                most = max(most, len(up))
        assert most >= 3, "a requestor side and two provider sides at once"
        world.clean()


def test_21_a_service_that_failed_to_start_holds_nothing_afterwards() -> None:
    def starts_late(call: Call) -> Outcome | None:
        wrong = call.method == "start" and call.n in (2, 3)
        return Outcome("error", code="not_serving", detail="no memory") if wrong else None

    with World() as world:
        world.provider(bend=starts_late)
        world.requestor()
        task_id = world.create(subtasks=2)
        assert world.finish(task_id).status == "finished"
        assert sum(one.status == "failed" for one in world.subtasks(task_id)) == 2
        assert not any(slot.is_busy for slot in world.slots())
        world.clean()


def test_22_a_task_aborted_while_its_service_starts_ends_cleanly() -> None:
    with World(start=10 * SECOND) as world:
        world.provider()
        world.requestor()
        task_id = world.create()
        world.run(2)
        world.abort(task_id)
        world.run(60)
        assert world.task(task_id).status == "aborted"
        [states] = services(world, "r0", "requestor").values()
        assert states[-1] == "stopped"
        world.clean()


def test_22_a_subtask_cancelled_while_its_service_starts_ends_cleanly() -> None:
    with World(start=10 * SECOND) as world:
        world.provider()
        world.requestor()
        task_id = world.create(subtasks=1)
        world.run_until(lambda: any(name.startswith("p0#1/slot/") for name in services(world, "p0", "provider")))
        world.abort(task_id)
        world.run(60)
        assert [slot.status for slot in world.slots()] == ["cancelled"]
        assert {states[-1] for states in services(world, "p0", "provider").values()} == {"stopped"}
        world.clean()


def test_24_a_node_requests_and_provides_at_the_same_time() -> None:
    with World(compute=10 * SECOND) as world:
        config = NodeConfig(
            "both", requestor=RequestorConfig(env="model"), provider=ProviderConfig(env="model", price=PRICE), descriptors=(APP,)
        )
        world.add("both", config)
        world.start("both")
        world.requestor()
        world.provider(price=2 * PRICE)
        ours = world.create("both", subtasks=2)
        theirs = world.create("r0", subtasks=2)
        world.run_until(lambda: world.is_over(ours, "both") and world.is_over(theirs))
        assert any(slot.requestor == world.id("r0") for slot in world.slots("both"))
        assert all(slot.requestor != world.id("both") for slot in world.slots("both"))
        world.clean()


def test_35_a_node_that_is_stopped_at_work_goes_on_when_it_is_back() -> None:
    with World(compute=20 * SECOND) as world:
        world.provider()
        world.requestor()
        task_id = world.create(subtasks=2)
        world.run_until(lambda: any(one.status == "computing" for one in world.subtasks(task_id)))
        place = world.places["r0"]
        assert place.node is not None
        place.node.stop()
        world.run(2)
        assert world.seen("node", state="stopped")
        world.restart("r0")
        assert world.finish(task_id).status == "finished"
        world.clean()
