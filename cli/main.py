"""The entry point of the `claynet` command: says what to install when the node's packages are missing.

Must not import anything of the node at the top: the base install has only the Task API library.
"""

from __future__ import annotations

import os
import sys

from claynet.cli.output import INTERRUPTED, WRONG, Output, prepare_streams
from claynet.cli.packages import is_missing_extra


def main() -> None:
    """Run the command line and exit with its code."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its lines about services that end as they should
    prepare_streams()
    try:
        from claynet.cli.commands import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # while that import went on; `run` sees to all others
        code = Output("--json" in sys.argv).error("interrupted", "interrupted", code=INTERRUPTED)
    except ModuleNotFoundError as error:
        if not is_missing_extra(error):
            raise
        code = Output("--json" in sys.argv).error("not_installed", 'this needs "pip install claynet[node]"', code=WRONG)
    sys.exit(code)


if __name__ == "__main__":
    main()
