"""The wire's numbers and names against the agreed tables, which are spelt out here."""

from google.protobuf.descriptor import FieldDescriptor, FileDescriptor

from claynet.proto import golem_task_api_envs_pb2 as envs
from claynet.proto import golem_task_api_pb2 as pb
from claynet.proto import layout

SERVICES = {
    "RequestorApp": [
        "CreateTask",
        "NextSubtask",
        "Verify",
        "DiscardSubtasks",
        "RunBenchmark",
        "HasPendingSubtasks",
        "AbortTask",
        "AbortSubtask",
        "Shutdown",
    ],
    "ProviderApp": ["Compute", "RunBenchmark", "Shutdown"],
}

MESSAGES = {
    "CreateTaskRequest": {"task_id": (1, "string"), "max_subtasks_count": (2, "int32"), "task_params_json": (3, "string")},
    "CreateTaskReply": {"env_id": (1, "string"), "prerequisites_json": (2, "string"), "inf_requirements": (3, "Infrastructure")},
    "Infrastructure": {"min_memory_mib": (1, "float")},
    "NextSubtaskRequest": {"task_id": (1, "string"), "subtask_id": (2, "string"), "opaque_node_id": (3, "string")},
    "NextSubtaskReply": {"subtask": (1, "SubtaskReply")},
    "SubtaskReply": {"subtask_params_json": (1, "string"), "resources": (2, "repeated string")},
    "ComputeRequest": {"task_id": (1, "string"), "subtask_id": (2, "string"), "subtask_params_json": (3, "string")},
    "ComputeReply": {"output_filepath": (1, "string")},
    "VerifyRequest": {"task_id": (1, "string"), "subtask_id": (2, "string")},
    "VerifyReply": {"result": (1, "VerifyResult"), "reason": (2, "string")},
    "DiscardSubtasksRequest": {"task_id": (1, "string"), "subtask_ids": (2, "repeated string")},
    "DiscardSubtasksReply": {"discarded_subtask_ids": (1, "repeated string")},
    "RunBenchmarkRequest": {},
    "RunBenchmarkReply": {"score": (1, "float")},
    "HasPendingSubtasksRequest": {"task_id": (1, "string")},
    "HasPendingSubtasksReply": {"has_pending_subtasks": (1, "bool")},
    "AbortTaskRequest": {"task_id": (1, "string")},
    "AbortTaskReply": {},
    "AbortSubtaskRequest": {"task_id": (1, "string"), "subtask_id": (2, "string")},
    "AbortSubtaskReply": {},
    "ShutdownRequest": {},
    "ShutdownReply": {},
}

TYPES = {
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_FLOAT: "float",
    FieldDescriptor.TYPE_BOOL: "bool",
}


def kind(field: FieldDescriptor) -> str:
    if field.message_type is not None:
        name = field.message_type.name
    elif field.enum_type is not None:
        name = field.enum_type.name
    else:
        name = TYPES[field.type]
    return f"repeated {name}" if field.is_repeated else name


def messages(file: FileDescriptor) -> dict[str, dict[str, tuple[int, str]]]:
    return {
        name: {field.name: (field.number, kind(field)) for field in message.fields} for name, message in file.message_types_by_name.items()
    }


def test_messages() -> None:
    assert messages(pb.DESCRIPTOR) == MESSAGES
    assert messages(envs.DESCRIPTOR) == {"DockerPrerequisites": {"image": (1, "string"), "tag": (2, "string")}}


def test_package_and_files() -> None:
    assert pb.DESCRIPTOR.package == envs.DESCRIPTOR.package == "golem_task_api"
    assert pb.DESCRIPTOR.name == "claynet/proto/golem_task_api.proto"


def test_services() -> None:
    services = pb.DESCRIPTOR.services_by_name
    assert {name: [method.name for method in service.methods] for name, service in services.items()} == SERVICES
    for service in services.values():
        for method in service.methods:
            assert (method.input_type.name, method.output_type.name) == (f"{method.name}Request", f"{method.name}Reply")
            assert not method.client_streaming
            assert not method.server_streaming


def test_verdicts() -> None:
    assert dict(pb.VerifyReply.VerifyResult.items()) == {"SUCCESS": 0, "FAILURE": 1, "AWAITING_DATA": 2, "INCONCLUSIVE": 3}


def test_an_absent_subtask_is_told_from_an_empty_one() -> None:
    oneof = pb.NextSubtaskReply.DESCRIPTOR.oneofs_by_name["subtask_oneof"]
    assert [field.name for field in oneof.fields] == ["subtask"]
    assert pb.NextSubtaskReply().SerializeToString() == b""
    assert pb.NextSubtaskReply(subtask=pb.SubtaskReply()).SerializeToString() == b"\x0a\x00"


def test_bytes_of_a_request() -> None:
    request = pb.CreateTaskRequest(task_id="t", max_subtasks_count=300, task_params_json="{}")
    assert request.SerializeToString() == b"\x0a\x01t\x10\xac\x02\x1a\x02{}"
    assert pb.VerifyReply(result="INCONCLUSIVE", reason="r").SerializeToString() == b"\x08\x03\x12\x01r"
    assert pb.RunBenchmarkReply(score=1.0).SerializeToString() == b"\x0d\x00\x00\x80\x3f"


def test_the_layout_names_the_services_methods_in_order() -> None:
    assert list(layout.REQUESTOR_METHODS) == SERVICES["RequestorApp"]
    assert list(layout.PROVIDER_METHODS) == SERVICES["ProviderApp"]
    assert {service.full_name for service in pb.DESCRIPTOR.services_by_name.values()} == set(layout.SERVICES.values())
