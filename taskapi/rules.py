"""The rules that an app is held to, each a function that plays a piece of a task's life and raises when the app does not do its part.

Knows the Task API's rules. Must not know how services are started or where files lie (`stage` does). The docstring's first line is the
rule as a user reads it; what a rule returns is a remark on how it passed.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from claynet.proto import layout
from claynet.taskapi.errors import AppFailed, TaskApiError
from claynet.taskapi.handlers import Params, Verdict
from claynet.taskapi.stage import RuleBroken, Stage, expect

Rule = Callable[[Stage], str]

_UNDERWAY = 0.3
"""Seconds that a computation is given to get under way before it is interrupted."""
_GOOD = (Verdict.SUCCESS, Verdict.AWAITING_DATA)
"""What a right result may get."""
_BROKEN_JSON = '{"this is": not JSON'


def requestor_serves(stage: Stage) -> str:
    """The requestor side serves."""
    stage.requestor()
    return ""


def provider_serves(stage: Stage) -> str:
    """The provider side serves."""
    with stage.provider():
        return ""


def create(stage: Stage) -> str:
    """CreateTask says where to compute."""
    task_id = stage.new_id("task")
    stage.place_inputs(task_id)
    new = stage.requestor().create_task(task_id, stage.sample.max_subtasks, stage.sample.params, stage.limits.call)
    expect(bool(new.env_id), "CreateTask names no environment")
    expect(math.isfinite(new.min_memory_mib) and new.min_memory_mib >= 0, f"CreateTask asks for {new.min_memory_mib} MiB of memory")
    return f"{new.env_id} {dict(new.prerequisites)}"


def pending(stage: Stage) -> str:
    """A new task has pending subtasks."""
    expect(stage.pending(stage.new_task()), "HasPendingSubtasks is false for a new task")
    return ""


def hand_out(stage: Stage) -> str:
    """NextSubtask gives parameters, and files that are there."""
    handed = stage.hand_out(stage.new_task())
    return f"{len(handed.subtask.resources)} files"


def compute(stage: Stage) -> str:
    """Compute makes a result in the work dir, and the provider side ends."""
    stage.compute(stage.hand_out(stage.new_task()))
    return ""


def whole_life(stage: Stage) -> str:
    """A task runs to its end: all results accepted, nothing pending, final results there."""
    task_id = stage.new_task()
    accepted = stage.finish(task_id)
    expect(bool(stage.outputs(task_id)), "the task has ended, and there is nothing in task_outputs")
    expect(len(accepted) <= stage.sample.max_subtasks, f"{len(accepted)} subtasks; at most {stage.sample.max_subtasks} were wanted")
    return f"{len(accepted)} subtasks, {len(stage.outputs(task_id))} files"


def broken_result(stage: Stage) -> str:
    """Verify does not accept a broken result, and its part is pending again."""
    handed = stage.hand_out(stage.new_task())
    stage.deliver(handed, stage.compute(handed), b"this is not a result")
    verification = stage.verify(handed)
    if verification.verdict is Verdict.AWAITING_DATA:
        stage.finish(handed.task_id)
        verification = stage.verify(handed)
    refused = verification.verdict in (Verdict.FAILURE, Verdict.INCONCLUSIVE)
    expect(refused, f"Verify answers {verification.verdict.name} to a broken result")
    expect(stage.pending(handed.task_id), "nothing is pending after a broken result")
    stage.finish(handed.task_id)
    return verification.reason


def missing_result(stage: Stage) -> str:
    """Verify does not accept a result that is not there."""
    handed = stage.hand_out(stage.new_task())
    stage.files.write({}, [str(layout.requestor_subtask_outputs(handed.task_id, handed.subtask_id))])
    try:
        verification = stage.verify(handed)
    except AppFailed as error:
        return error.text
    expect(verification.verdict is not Verdict.SUCCESS, "Verify answers SUCCESS, and there was no result")
    return verification.reason


def discard(stage: Stage) -> str:
    """Discarded subtasks are computed again, and no others."""
    task_id = stage.new_task()
    accepted = stage.finish(task_id)
    for count in (1, len(accepted)):
        wanted = accepted[:count]
        discarded = stage.requestor().discard_subtasks(task_id, wanted, stage.limits.call)
        expect(set(wanted) <= set(discarded), f"DiscardSubtasks of {list(wanted)} returns {list(discarded)}")
        expect(stage.pending(task_id), "nothing is pending after DiscardSubtasks")
        again = stage.finish(task_id)
        expect(len(again) == len(discarded), f"{len(discarded)} subtasks were discarded, and {len(again)} computed again")
        accepted = (*(subtask_id for subtask_id in accepted if subtask_id not in discarded), *again)
    expect(bool(stage.outputs(task_id)), "after DiscardSubtasks and a second run there is nothing in task_outputs")
    return ""


def abort_subtask(stage: Stage) -> str:
    """AbortSubtask makes a subtask's part pending again, and the task can still run to its end."""
    task_id = stage.new_task()
    handed = [stage.hand_out(task_id)]
    while stage.pending(task_id) and len(handed) < stage.sample.max_subtasks:
        handed.append(stage.hand_out(task_id))
    aborted = handed.pop()
    stage.requestor().abort_subtask(task_id, aborted.subtask_id, stage.limits.call)
    expect(stage.pending(task_id), "nothing is pending after AbortSubtask")
    for other in handed:
        stage.compute(other)
        verdict = stage.verify(other).verdict
        expect(verdict in _GOOD, f"another subtask's right result gets {verdict.name} after AbortSubtask")
    stage.finish(task_id)
    return ""


def abort_task(stage: Stage) -> str:
    """AbortTask gives up one task, and another runs to its end."""
    aborted, other = stage.new_task(), stage.new_task()
    stage.hand_out(aborted)
    first = stage.hand_out(other)
    stage.requestor().abort_task(aborted, stage.limits.call)
    stage.compute(first)
    verdict = stage.verify(first).verdict
    expect(verdict in _GOOD, f"another task's right result gets {verdict.name} after AbortTask")
    if verdict is Verdict.SUCCESS:
        stage.finish(other)
    return ""


def bad_parameters(stage: Stage) -> str:
    """Parameters that cannot be served are refused with a reason, and the service goes on."""
    reasons = []
    refused: tuple[Params | str, ...] = (_BROKEN_JSON, *stage.sample.bad_params)
    for params in refused:
        try:
            stage.new_task(params)
        except AppFailed as error:
            expect(bool(error.text.strip()), f"CreateTask with {params} fails without a reason")
            reasons.append(error.text)
        else:
            raise RuleBroken(f"CreateTask takes the parameters {params}")
    expect(stage.pending(stage.new_task()), "after refused parameters a good task has nothing pending")
    return reasons[0]


def unknown_ids(stage: Stage) -> str:
    """Unknown subtask ids do no harm."""
    task_id, unknown = stage.new_task(), stage.new_id("unknown")
    client, limit = stage.requestor(), stage.limits.call
    discarded = client.discard_subtasks(task_id, [unknown], limit)
    expect(not discarded, f"DiscardSubtasks of an unknown id returns {list(discarded)}")
    client.abort_subtask(task_id, unknown, limit)
    try:
        verdict = client.verify(task_id, unknown, limit).verdict
    except AppFailed:
        pass  # an error is as good an answer to a question that makes no sense
    else:
        expect(verdict is not Verdict.SUCCESS, "Verify answers SUCCESS to an unknown subtask")
    stage.finish(task_id)
    return ""


def restart(stage: Stage) -> str:
    """Tasks outlive a restart of the requestor side."""
    task_id = stage.new_task()
    handed = stage.hand_out(task_id)
    stage.close()
    stage.compute(handed)
    verdict = stage.verify(handed).verdict
    expect(verdict in _GOOD, f"a right result gets {verdict.name} after a restart")
    if verdict is Verdict.SUCCESS:
        stage.finish(task_id)
    return ""


def requestor_benchmark(stage: Stage) -> str:
    """The requestor side's benchmark gives a score."""
    return _score(stage.requestor().run_benchmark(stage.limits.call))


def provider_benchmark(stage: Stage) -> str:
    """The provider side's benchmark gives a score, and the provider side ends."""
    with stage.provider() as (client, service, _):
        score = _score(client.run_benchmark(stage.limits.call))
        expect(service.wait_ended(stage.limits.end), f"the provider side still runs {stage.limits.end:g} s after RunBenchmark")
        return score


def provider_shutdown(stage: Stage) -> str:
    """Shutdown before any work ends the provider side; a second one does no harm."""
    with stage.provider() as (client, service, _):
        client.shutdown(stage.limits.end)
        client.shutdown(stage.limits.end)
        expect(service.wait_ended(stage.limits.end), f"the provider side still runs {stage.limits.end:g} s after Shutdown")
    return ""


def interrupt(stage: Stage) -> str:
    """Shutdown interrupts a running Compute."""
    handed = stage.hand_out(stage.new_task(stage.sample.slow_params))
    outcome: list[TaskApiError | str] = []
    with stage.provider() as (client, service, files):
        stage.place(handed, files)

        def work() -> None:
            try:
                outcome.append(client.compute(handed.task_id, handed.subtask_id, handed.subtask.params, stage.limits.call))
            except TaskApiError as error:
                outcome.append(error)

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        worker.join(_UNDERWAY)
        client.shutdown(stage.limits.end)
        worker.join(stage.limits.end)
        expect(bool(outcome), f"Compute still runs {stage.limits.end:g} s after Shutdown")
        expect(service.wait_ended(stage.limits.end), f"the provider side still runs {stage.limits.end:g} s after Shutdown")
    if isinstance(outcome[0], TaskApiError):
        return f"{outcome[0].status}: {outcome[0].text}"
    expect(stage.sample.slow_params is None, "Compute gave a reply; its parameters were said to be slow")
    return "it had ended before; the sample has no slow_params"


def requestor_shutdown(stage: Stage) -> str:
    """Shutdown ends the requestor side; a second one does no harm."""
    client = stage.requestor()
    client.shutdown(stage.limits.end)
    client.shutdown(stage.limits.end)
    expect(stage.requestor_ends(), f"the requestor side still runs {stage.limits.end:g} s after Shutdown")
    return ""


def _score(score: float) -> str:
    expect(math.isfinite(score) and score > 0, f"the score is {score}; a number above zero is wanted")
    return f"{score:.1f}"


FIRST: tuple[Rule, ...] = (requestor_serves, provider_serves)
"""Without these there is no point in trying the others."""

RULES: tuple[Rule, ...] = (
    create,
    pending,
    hand_out,
    compute,
    whole_life,
    broken_result,
    missing_result,
    discard,
    abort_subtask,
    abort_task,
    bad_parameters,
    unknown_ids,
    restart,
    requestor_benchmark,
    provider_benchmark,
    provider_shutdown,
    interrupt,
    requestor_shutdown,
)
