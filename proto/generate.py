"""Regenerates the modules next to the .proto files, or with --check says whether they are up to date.

Knows protoc's options and this folder's files. Must not know the messages in them.

Imports of the generated modules read `from claynet.proto import ...`, since protoc sees the files under `src/`.
Exit codes: 0 done or up to date; 1 out of date, or protoc failed; 2 wrong use.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
SOURCE_ROOT = FOLDER.parent / "src"
PACKAGE_PATH = Path("claynet") / "proto"
SUFFIXES = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py")


def sources(services: bool = False) -> list[str]:
    """Return the .proto files, or those with services, as protoc is to see them: relative to `src/`, in name order."""
    paths = [path for path in sorted(FOLDER.glob("*.proto")) if not services or "\nservice " in path.read_text("utf-8")]
    return [str(PACKAGE_PATH / path.name) for path in paths]


def generate(out: Path) -> None:
    """Write the generated modules under `out`/claynet/proto; raises CalledProcessError when protoc refuses a file."""
    protoc = [sys.executable, "-m", "grpc_tools.protoc", "-I", str(SOURCE_ROOT)]
    for command in (
        [*protoc, f"--python_out={out}", f"--pyi_out={out}", *sources()],
        [*protoc, f"--grpc_python_out={out}", *sources(services=True)],
    ):
        subprocess.run(command, check=True, cwd=SOURCE_ROOT, stdin=subprocess.DEVNULL)


def generated(folder: Path) -> dict[str, bytes]:
    """Return the generated modules in a folder, by name."""
    files = sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIXES))
    return {path.name: path.read_bytes() for path in files}


def differences(fresh: dict[str, bytes], kept: dict[str, bytes]) -> list[str]:
    """Return one line for each generated module that is missing, left over or not as protoc writes it now."""
    lines = [f"{name}: missing" for name in sorted(fresh.keys() - kept.keys())]
    lines += [f"{name}: no .proto file makes it" for name in sorted(kept.keys() - fresh.keys())]
    lines += [f"{name}: out of date" for name in sorted(fresh.keys() & kept.keys()) if fresh[name] != kept[name]]
    return lines


def main(argv: list[str] | None = None) -> int:
    """Regenerate or check; returns the exit code."""
    parser = argparse.ArgumentParser(prog="proto/generate.py", description="Regenerate the modules of the .proto files.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a generated module is out of date")
    check = parser.parse_args(argv).check
    with tempfile.TemporaryDirectory() as name:
        try:
            generate(Path(name))
        except subprocess.CalledProcessError as error:
            sys.stderr.write(f"protoc failed with exit code {error.returncode}\n")
            return 1
        fresh = generated(Path(name) / PACKAGE_PATH)
    kept = generated(FOLDER)
    if check:
        lines = differences(fresh, kept)
        sys.stderr.writelines(f"{line}\n" for line in lines)
        return 1 if lines else 0
    for left_over in kept.keys() - fresh.keys():
        (FOLDER / left_over).unlink()
    for file_name, content in fresh.items():
        (FOLDER / file_name).write_bytes(content)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
