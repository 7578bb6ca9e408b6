"""The generated modules are those of the .proto files, and a change is noticed."""

from pathlib import Path

import pytest

from claynet.proto import generate


def test_generated_modules_are_up_to_date() -> None:
    assert generate.main(["--check"]) == 0


def test_a_difference_is_told_by_name() -> None:
    fresh = {"a_pb2.py": b"1", "b_pb2.py": b"2"}
    assert generate.differences(fresh, fresh) == []
    assert generate.differences(fresh, {"b_pb2.py": b"old", "c_pb2.py": b"3"}) == [
        "a_pb2.py: missing",
        "c_pb2.py: no .proto file makes it",
        "b_pb2.py: out of date",
    ]


def test_imports_read_from_the_package(tmp_path: Path) -> None:
    generate.generate(tmp_path)
    text = (tmp_path / "claynet" / "proto" / "golem_task_api_pb2_grpc.py").read_text()
    assert "from claynet.proto import golem_task_api_pb2" in text


def test_wrong_use() -> None:
    with pytest.raises(SystemExit) as ended:
        generate.main(["--chekc"])
    assert ended.value.code == 2
