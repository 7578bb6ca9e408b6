"""The entry point of the `claynet` command: says what to install when the node's packages are missing.

Must not import anything of the node at the top: the base install has only the Task API library.
"""

from __future__ import annotations

import os
import sys

from claynet.cli.packages import is_missing_extra


def main() -> None:
    """Run the command line and exit with its code."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its lines about services that end as they should
    try:
        from claynet.cli.commands import run

        code = run(sys.argv[1:])
    except ModuleNotFoundError as error:
        if not is_missing_extra(error):
            raise
        code = _say_what_is_missing()
    sys.exit(code)


def _say_what_is_missing() -> int:
    text = 'this needs "pip install claynet[node]"'
    if "--json" in sys.argv:
        import json

        sys.stdout.write(json.dumps({"error": {"kind": "not_installed", "message": text}}) + "\n")
    else:
        sys.stderr.write(text + "\n")
    return 2


if __name__ == "__main__":
    main()
