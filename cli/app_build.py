"""`claynet app build`: makes an app's image, and the base image when there is none.

Knows what a build came to. Must not know how one is made.
"""

from __future__ import annotations

from pathlib import Path

from claynet.cli.output import DONE, UNMET, Output, note


def build_folder(folder: Path, output: Output) -> int:
    """Build the app of a folder, say what was made, and return the exit code."""
    from claynet.envs.docker_build import BuildError, build_app
    from claynet.envs.docker_engine import REMEDY, Engine, EngineProblem

    engine = Engine(timeout=300.0)
    try:
        engine.ping()
        built = build_app(folder, engine, note)
    except EngineProblem as problem:
        return output.error("engine", f"{problem.detail}; {REMEDY}", code=UNMET)
    except BuildError as error:
        return output.error("build", str(error), code=UNMET)
    finally:
        engine.close()
    fields = {
        "image": built.image,
        "image_id": built.image_id,
        "size": built.size,
        "base": built.base,
        "app_id": built.app_id,
        "descriptor": str(built.descriptor),
    }
    output.result({"schema": 1, "ok": True, **fields})
    if not output.as_json:
        from claynet.cli.tables import make_console, table

        make_console().print(table("built", [fields]))
    return DONE
