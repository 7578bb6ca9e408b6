"""Every shipped scenario of virtual time holds with no flags at all, for its own seed and for others."""

import os

import pytest

from claynet.sim.options import RunOptions
from claynet.sim.runner import run_scenario
from claynet.sim.scenario.reader import Overrides, load
from tests.runs.command import SCENARIOS, claynet

QUICK = ("two-requestors", "lossy-wan", "partition-heal", "zero-price", "nobody-fits", "stalled")
SEEDS = range(200 if os.environ.get("CLAYNET_TESTS") == "deep" else 8)


@pytest.mark.parametrize("name", QUICK)
def test_it_holds_with_no_flags(name):
    code, report = claynet("run", SCENARIOS / f"{name}.yaml")
    assert (code, report["mode"], report["ok"]) == (0, "virtual", True), report


@pytest.mark.parametrize("name", QUICK)
def test_it_holds_for_any_seed(name):
    for seed in SEEDS:
        plan = load(SCENARIOS / f"{name}.yaml", Overrides(seed=seed))
        report = run_scenario(plan, RunOptions(self_check=False))
        assert report.ok, (seed, report.fields["expectations"])


def test_nobody_fits_says_why_for_each_provider():
    _, report = claynet("run", SCENARIOS / "nobody-fits.yaml")
    assert report["tasks"]["timed_out"] == 1
    providers = set(report["earnings"])
    assert {(entry["node"], entry["rule"]) for entry in report["why"]} == {(node, "price") for node in providers}
    assert all(entry["detail"] for entry in report["why"])


def test_a_thousand_nodes_finish(tmp_path):
    code, report = claynet("run", SCENARIOS / "thousand.yaml", "--self-check", "off")
    assert code == 0, report["expectations"]
    assert (report["nodes"], report["subtasks"]["finished"]) == (1000, 5000)
