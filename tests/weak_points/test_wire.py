"""Weak points 9 and 32: evidence that carries what it answers, and no message that nobody handles."""

from __future__ import annotations

import ast
import inspect

from claynet.actors import session, switchboard, task_computer, task_flow, task_manager, verification
from claynet.actors.core.frames import open_as
from claynet.actors.core.records import EVIDENCE, TAGS
from claynet.actors.ports import Outcome
from tests.actors.bent import Call
from tests.actors.harness import World
from tests.weak_points.verdicts import verdict


def fails_first(call: Call) -> Outcome | None:
    return verdict("FAILURE", "wrong") if call.method == "Verify" and call.n == 1 else None


def test_9_a_rejection_carries_the_whole_story_of_its_subtask() -> None:
    with World() as world:
        world.provider()
        world.requestor(bend=fails_first)
        task_id = world.create(subtasks=1)
        assert world.finish(task_id).status == "finished"
        [rejection] = world.frames("r0", "rejection")
        story = ["rejection"]
        body = rejection.record.report
        for tag, inner in (("report", "assignment"), ("assignment", "offer"), ("offer", "header")):
            record = open_as(body, tag)
            story.append(tag)
            body = getattr(record, inner)
        assert open_as(body, "header").task_id == task_id
        assert set(story) <= EVIDENCE
        world.clean()


def test_9_a_payment_carries_the_acceptance_and_through_it_the_report() -> None:
    with World() as world:
        world.provider()
        world.requestor()
        task_id = world.create(subtasks=1)
        world.finish(task_id)
        [payment] = world.frames("r0", "payment")
        acceptance = open_as(payment.record.acceptance, "acceptance")
        report = open_as(acceptance.report, "report")
        assert report.provider == world.id("p0") == payment.record.payee


def test_32_every_record_has_a_reader() -> None:
    used: set[str] = set()
    for module in (session, switchboard, task_computer, task_flow, task_manager, verification):
        used |= {node.id for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Name)}
    routed = session.FOR_REQUESTOR | session.FOR_PROVIDER | {"hello", "bye", "decline", "want", "chunk", "missing", "wanted"}
    assert set(TAGS) == routed
    assert {record.__name__ for record in TAGS.values()} <= used
