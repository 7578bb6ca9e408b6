"""A requestor and a provider in two processes; one tutorial task finishes, verified and paid, over a real TLS link."""

import contextlib
import json
import subprocess
import sys
import threading
from pathlib import Path

PROGRAM = Path(__file__).with_name("live_process.py")
PATIENCE = 90
"""Seconds until a hanging child is killed, which ends its output."""


@contextlib.contextmanager
def child(*args):
    process = subprocess.Popen(
        [sys.executable, PROGRAM, *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    alarm = threading.Timer(PATIENCE, process.kill)
    alarm.start()
    try:
        yield process
    finally:
        alarm.cancel()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.wait(30)
        process.stdout.close()
        process.stderr.close()


def until(process, found):
    """Read events until `found` holds for one; all that were read, that one last."""
    events = []
    for line in process.stdout:
        events.append(json.loads(line))
        if found(events[-1]):
            return events
    raise AssertionError(f"ended after {events[-3:]}: {process.stderr.read()[-2000:]}")


def rest(process):
    process.stdin.close()
    return [json.loads(line) for line in process.stdout]


def test_a_task_finishes_over_a_real_link(tmp_path):
    with child("requestor", tmp_path / "r", 0, 0) as requestor:
        hello = until(requestor, lambda event: "port" in event)[-1]
        with child("provider", tmp_path / "p", 0, hello["port"]) as provider:
            provider_id = until(provider, lambda event: "port" in event)[-1]["id"]
            seen = []

            def over(event):
                seen.append((event.get("kind"), event.get("state")))
                return seen.count(("payment", "acknowledged")) == 2 and ("task", "finished") in seen

            events = until(requestor, over)
            received = until(provider, lambda event: event.get("kind") == "payment")
            events += rest(requestor)
            received += rest(provider)
    tasks = [event["state"] for event in events if event.get("kind") == "task"]
    assert tasks == ["creating", "waiting", "computing", "finished"]
    assert not [event for event in events + received if event.get("kind") in ("misuse", "actor_failed")]
    finished = {event["id"] for event in events if event.get("kind") == "subtask" and event["state"] == "finished"}
    for tag, heard in (("assignment", events), ("report", received), ("acceptance", events), ("payment", events)):
        assert {event["id"] for event in heard if event.get("kind") == "evidence" and event["tag"] == tag} == finished
    acknowledged = [event for event in events if event.get("kind") == "payment" and event["state"] == "acknowledged"]
    amount = {event["amount"] for event in acknowledged}.pop()
    assert {event["payee"] for event in acknowledged} == {provider_id}
    opening = 1_000 * 10**9
    assert [event["balance"] for event in events if "balance" in event] == [opening - 2 * amount]
    assert [event["balance"] for event in received if "balance" in event] == [opening + 2 * amount]


def over(seen):
    """Make a predicate: the task is finished and both payments acknowledged, counting what `seen` holds from earlier lives."""

    def found(event):
        if event.get("kind") in ("task", "payment"):
            seen.append((event["kind"], event["state"], event["id"]))
        acknowledged = {entry for entry in seen if entry[:2] == ("payment", "acknowledged")}
        return len(acknowledged) == 2 and any(entry[:2] == ("task", "finished") for entry in seen)

    return found


def state(kind, name):
    return lambda event: event.get("kind") == kind and event["state"] == name


def hello(process):
    return until(process, lambda event: "port" in event)[-1]


def test_a_provider_that_is_killed_takes_up_its_work_again(tmp_path):
    with child("requestor", tmp_path / "r", 0, 0) as requestor:
        port = hello(requestor)["port"]
        with child("provider", tmp_path / "p", 0, port) as provider:
            until(provider, state("slot", "computing"))
            provider.kill()
        with child("provider", tmp_path / "p", 0, port) as provider:
            events = until(requestor, over([]))
            until(provider, state("slot", "paid"))
    assert not [event for event in events if event.get("kind") in ("misuse", "actor_failed")]
    finished = [event["id"] for event in events if event.get("kind") == "subtask" and event["state"] == "finished"]
    assert len(finished) == 2


def test_a_requestor_that_is_killed_takes_up_its_task_again(tmp_path):
    seen = []
    with child("requestor", tmp_path / "r", 0, 0) as requestor:
        port = hello(requestor)["port"]
        with child("provider", tmp_path / "p", 0, port) as provider:
            before = until(requestor, state("subtask", "computing"))
            requestor.kill()
            with child("requestor", tmp_path / "r", port, 0) as again:
                events = until(again, over(seen))
            until(provider, state("slot", "paid"))
    assert not [event for event in events if event.get("kind") in ("misuse", "actor_failed")]
    # The subtask that was under way is the one whose result is accepted: nothing was computed twice.
    under_way = [event["id"] for event in before if event.get("kind") == "subtask" and event["state"] == "computing"]
    finished = [event["id"] for event in events if event.get("kind") == "subtask" and event["state"] == "finished"]
    assert set(under_way) <= set(finished)
    assert len(set(finished)) == 2
