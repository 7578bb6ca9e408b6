"""`claynet sweep`: removes what killed runs and nodes of this user left on the machine.

Knows hygiene. Must not know what there is to be removed.
"""

from __future__ import annotations

from claynet.cli.asking import say
from claynet.cli.output import DONE, Output
from claynet.envs.hygiene import sweep as sweep_all


def sweep(output: Output) -> int:
    """Sweep, and say how many owners that were."""
    swept = sweep_all(())
    output.result({"owners": swept})
    if not output.as_json:
        say(f"removed what {swept} dead processes left" if swept else "nothing is left of dead processes")
    return DONE
