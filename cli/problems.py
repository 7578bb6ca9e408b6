"""Turns findings about a scenario into output.

Knows ScenarioErrors and Output. Must not know how a scenario is read.
"""

from __future__ import annotations

from claynet.cli.output import WRONG, Output
from claynet.sim.scenario.problems import ScenarioErrors


def report_problems(errors: ScenarioErrors, output: Output) -> int:
    """Write every finding, one a line, and return the exit code."""
    details = [
        {"file": error.file, "line": error.line, "key": error.key, "message": error.message, "suggestion": error.suggestion}
        for error in errors.errors
    ]
    return output.error("scenario", str(errors), details, WRONG)
