"""`claynet calibrate`: fits durations to what jobs really took, and prints them for a scenario.

Knows calibrations and output. Must not know runs.
"""

from __future__ import annotations

import sys
from pathlib import Path

from claynet.cli.output import DONE, Output, readable
from claynet.sim.calibration import CalibrationError, read_calibration


def calibrate(place: Path, output: Output) -> int:
    """Read a side log, print what was fitted, and return the exit code."""
    try:
        found = read_calibration(place)
    except CalibrationError as error:
        return output.error("calibration", str(error))
    output.result({"durations": found.to_json()})
    if not output.as_json:
        sys.stdout.write(readable(found.to_yaml()) + "\n")
    return DONE
