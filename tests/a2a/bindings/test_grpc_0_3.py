"""gRPC of A2A 0.3: a message of protobuf may lack any field, and what is needed is named where it is missing."""

from __future__ import annotations

from typing import Any

import pytest
from a2a.compat.v0_3 import a2a_v0_3_pb2

from meshgate.a2a.bindings import grpc_0_3 as binding
from meshgate.a2a.bindings.base import Request
from meshgate.a2a.errors import InvalidAgentResponse, InvalidParams
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import JsonPayload

pb: Any = a2a_v0_3_pb2


@pytest.mark.parametrize(
    ("message", "missing"),
    [
        (pb.CreateTaskPushNotificationConfigRequest(parent="tasks/t"), "config"),
        (
            pb.CreateTaskPushNotificationConfigRequest(parent="tasks/t", config=pb.TaskPushNotificationConfig()),
            "config.pushNotificationConfig",
        ),
    ],
)
@pytest.mark.requirement("a2a.any_bytes")
def test_a_request_without_its_configuration_names_the_field(message: Any, missing: str) -> None:
    path = "/a2a.v1.A2AService/CreateTaskPushNotificationConfig"
    with pytest.raises(InvalidParams) as caught:
        binding.BINDING.server().decode_request(Request(path=path, body=message.SerializeToString()))
    assert caught.value.violations == ((missing, "must be there"),)


@pytest.mark.requirement("a2a.any_bytes")
def test_a_configuration_for_no_task_names_the_field() -> None:
    config = pb.TaskPushNotificationConfig(push_notification_config=pb.PushNotificationConfig(url="https://a.example"))
    message = pb.CreateTaskPushNotificationConfigRequest(config=config)
    path = "/a2a.v1.A2AService/CreateTaskPushNotificationConfig"
    with pytest.raises(InvalidParams, match=r"^parent"):
        binding.BINDING.server().decode_request(Request(path=path, body=message.SerializeToString()))


@pytest.mark.requirement("a2a.any_bytes")
def test_an_answer_without_its_configuration_is_the_agents_fault() -> None:
    method = METHODS["GetTaskPushNotificationConfig"]
    exchange = binding.BINDING.client(method, JsonPayload(method.request, {"taskId": "t", "id": "c"}))
    answer = pb.TaskPushNotificationConfig(name="tasks/t/pushNotificationConfigs/c")
    with pytest.raises(InvalidAgentResponse, match="pushNotificationConfig: must be there"):
        exchange.decode_answer(answer.SerializeToString())
