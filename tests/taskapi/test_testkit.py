"""The test kit passes good apps by any launcher, and fails each broken one by the rule that it breaks."""

from collections.abc import Callable
from pathlib import Path

import pytest

from claynet.apps.tutorial.app import APP as TUTORIAL
from claynet.apps.tutorial.provider import TutorialProvider
from claynet.apps.tutorial.requestor import TutorialRequestor
from claynet.taskapi import App, ProviderAppHandler, RequestorAppHandler, SampleTask, rules
from claynet.taskapi.testkit import Launcher, Limits, ProcessLauncher, RuleResult, ThreadLauncher, check_app, rule_names
from claynet.taskapi.work_files import PlainFiles
from tests.taskapi import broken
from tests.taskapi.foreign import ForeignLauncher

QUICK = Limits(start=5, call=10, end=0.5)
SAMPLE = SampleTask(
    params={"difficulty": 3, "resources": ["a"]}, inputs={"a": b"a"}, max_subtasks=2, bad_params=({"difficulty": -1, "resources": []},)
)


Requestor = Callable[[], RequestorAppHandler]
Provider = Callable[[], ProviderAppHandler]


def app(requestor: Requestor = TutorialRequestor, provider: Provider = TutorialProvider) -> App:
    return App("test", requestor, provider)


def failed(launcher: Launcher, sample: SampleTask = SAMPLE, limits: Limits = QUICK) -> dict[str, str]:
    """Return the failed rules' function names and details."""
    names = {rule.__doc__.splitlines()[0].rstrip("."): rule.__name__ for rule in rules.FIRST + rules.RULES if rule.__doc__}
    return {names[result.name]: result.detail for result in check_app(launcher, sample, limits) if not result.ok}


def test_the_tutorial_passes_on_threads() -> None:
    results = list(check_app(ThreadLauncher(TUTORIAL), TUTORIAL.sample))
    assert [result for result in results if not result.ok] == []
    assert tuple(result.name for result in results) == rule_names()


def test_the_tutorial_passes_in_processes() -> None:
    sample = SampleTask(SAMPLE.params, SAMPLE.inputs, 1, slow_params={"difficulty": 32})
    results = list(check_app(ProcessLauncher("claynet.apps.tutorial.app:APP"), sample))
    assert [result for result in results if not result.ok] == []


def test_an_app_that_awaits_data_passes() -> None:
    assert failed(ThreadLauncher(app(broken.AwaitsAll))) == {}


@pytest.mark.parametrize(
    ("handler", "rules"),
    [
        (broken.NoEnvironment, {"create"}),
        (broken.AcceptsBroken, {"broken_result"}),
        (broken.AcceptsNothing, {"missing_result"}),
        (broken.KeepsNoOutputs, {"whole_life", "discard"}),
        (broken.DiscardsInWordsOnly, {"discard"}),
        (broken.DiscardsSilently, {"discard"}),
        (broken.DiscardsStrangers, {"unknown_ids"}),
        (broken.IgnoresAbortSubtask, {"abort_subtask"}),
        (broken.AbortsAllTasks, {"abort_task"}),
        (broken.TakesAnyParameters, {"bad_parameters"}),
        (broken.ForgetsAll, {"restart"}),
        (broken.NoRequestorScore, {"requestor_benchmark"}),
    ],
)
def test_a_requestor_side_that_breaks_a_rule_fails_by_it(handler: Requestor, rules: set[str]) -> None:
    assert set(failed(ThreadLauncher(app(handler)))) == rules


@pytest.mark.parametrize(
    ("handler", "rule"),
    [
        (broken.NothingPending, "pending"),
        (broken.MissingResource, "hand_out"),
        (broken.RefusesAll, "whole_life"),
        (broken.AlwaysPending, "whole_life"),
    ],
)
def test_a_fault_that_spoils_much_is_among_the_failed_rules(handler: Requestor, rule: str) -> None:
    assert rule in failed(ThreadLauncher(app(handler)))


def test_a_provider_side_without_a_score() -> None:
    assert failed(ThreadLauncher(app(provider=broken.NoProviderScore))) == {
        "provider_benchmark": "INTERNAL: ArithmeticError: I cannot count",
    }


def test_a_provider_side_without_a_result() -> None:
    details = failed(ThreadLauncher(app(provider=broken.NoResultFile)))
    assert details["compute"] == "INTERNAL: FileNotFoundError: Compute names a result that is not there: elsewhere.zip"


def test_a_service_that_does_not_end() -> None:
    limits = Limits(start=5, call=10, end=0.05)
    details = failed(ForeignLauncher(app()), limits=limits)
    assert {"compute", "provider_benchmark", "provider_shutdown", "requestor_shutdown"} <= set(details)
    assert details["provider_shutdown"] == "the provider side still runs 0.05 s after Shutdown"
    assert "create" not in details


def test_a_service_that_never_serves_leaves_the_rest_untried() -> None:
    limits = Limits(start=0.1)
    results = list(check_app(ForeignLauncher(app(), serving=False), SAMPLE, limits))
    assert results[0].detail == "the requestor side does not serve: not serving after 0.1 s; last seen: NOT_SERVING; it says: what it said"
    assert results[2] == RuleResult("CreateTask says where to compute", False, "not tried: a side does not serve")
    assert not any(result.ok for result in results)


def test_a_process_that_dies_says_why_at_once() -> None:
    first = next(check_app(ProcessLauncher("nowhere:APP"), SAMPLE))
    assert not first.ok
    assert "No module named 'nowhere'" in first.detail


def test_without_a_sample_an_app_that_wants_parameters_is_told_so() -> None:
    assert "difficulty must be a whole number" in failed(ThreadLauncher(app()), SampleTask())["create"]


def test_every_work_dir_is_removed_by_the_way_that_it_was_made() -> None:
    left: set[Path] = set()

    class Watched(PlainFiles):
        def __init__(self, work_dir: Path) -> None:
            super().__init__(work_dir)
            self._name = work_dir
            left.add(work_dir)

        def remove(self) -> None:
            super().remove()
            left.discard(self._name)

    assert list(check_app(ThreadLauncher(TUTORIAL), SAMPLE, QUICK, Watched))
    assert not left
