"""The protocol's constants and paths."""

from pathlib import PurePosixPath

import pytest

from claynet.proto import layout


def test_constants() -> None:
    assert layout.TASK_FOLDERS == ("task_inputs", "subtask_inputs", "task_outputs", "subtask_outputs")
    assert str(layout.WORK_DIR) == "golem/work"
    assert str(layout.WORK_MOUNT) == "/golem/work"
    assert (layout.DOCKER_CPU, layout.DOCKER_GPU) == ("docker_cpu", "docker_gpu")
    assert layout.PORTS == {"requestor": 50005, "provider": 50006}
    assert layout.HEALTH_SERVICE == ""


def test_paths() -> None:
    assert layout.requestor_task_inputs("t") == PurePosixPath("t/task_inputs")
    assert layout.requestor_subtask_inputs("t") == PurePosixPath("t/subtask_inputs")
    assert layout.requestor_task_outputs("t") == PurePosixPath("t/task_outputs")
    assert layout.requestor_subtask_outputs("t") == PurePosixPath("t/subtask_outputs")
    assert layout.requestor_subtask_outputs("t", "s") == PurePosixPath("t/subtask_outputs/s")
    assert layout.provider_subtask_inputs() == PurePosixPath("subtask_inputs")
    assert layout.provider_subtask("s") == PurePosixPath("s")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", "a\0"])
def test_an_id_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a folder"):
        layout.requestor_task_inputs(name)
    with pytest.raises(ValueError, match="cannot name a folder"):
        layout.requestor_subtask_outputs("t", name)


def test_full_names() -> None:
    assert layout.method_path("requestor", "CreateTask") == "/golem_task_api.RequestorApp/CreateTask"
    assert layout.method_path("provider", "Compute") == "/golem_task_api.ProviderApp/Compute"
    with pytest.raises(ValueError, match="no method 'Compute' on the requestor side"):
        layout.method_path("requestor", "Compute")
