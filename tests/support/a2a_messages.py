"""Hypothesis strategies that make A2A 1.0 messages as JSON trees: every field, every combination."""

import base64
from typing import Any

from google.protobuf import timestamp_pb2
from hypothesis import strategies as st

from meshgate.a2a.card_types import AgentCard, GetExtendedAgentCardRequest
from meshgate.a2a.codec.strict_json import is_array, is_object
from meshgate.a2a.lists.task_list import ListTasksRequest, ListTasksResponse
from meshgate.a2a.messages.base import A2AMessage, Empty
from meshgate.a2a.messages.push_config import (
    CreateTaskPushNotificationConfigRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetTaskPushNotificationConfigRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTaskPushNotificationConfigsResponse,
    TaskPushNotificationConfig,
)
from meshgate.a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    SendMessageRequest,
    SendMessageResponse,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
)

Tree = dict[str, Any]


def children(tree: Any) -> list[tuple[str | int, Any]]:
    """The values in an object or an array, each with its key or index."""
    if is_object(tree):
        return list(tree.items())
    return list(enumerate(tree)) if is_array(tree) else []


texts = st.text(max_size=12)
ids = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
secrets = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=12)
"""What goes into a header."""
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False, width=64)
    | texts
)
json_values: st.SearchStrategy[Any] = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
json_objects = st.dictionaries(texts, json_values, max_size=3)
base64s = st.binary(max_size=9).map(lambda data: base64.b64encode(data).decode())


@st.composite
def timestamps(draw: st.DrawFn) -> str:
    """RFC 3339 in the one spelling that protobuf's own runtime gives it."""
    stamp = timestamp_pb2.Timestamp(
        seconds=draw(st.integers(0, 4_000_000_000)), nanos=draw(st.integers(0, 999_999_999))
    )
    return stamp.ToJsonString()


def _message(
    needed: dict[str, st.SearchStrategy[Any]], more: dict[str, st.SearchStrategy[Any]]
) -> st.SearchStrategy[Tree]:
    return st.fixed_dictionaries(needed, optional=more)


def _flag() -> st.SearchStrategy[bool]:
    return st.sampled_from([True])  # false is the default, so it is not written


_content = (
    st.fixed_dictionaries({"text": texts})
    | st.fixed_dictionaries({"raw": base64s})
    | st.fixed_dictionaries({"url": texts})
    | st.fixed_dictionaries({"data": json_values})
)
_around = st.fixed_dictionaries({}, optional={"metadata": json_objects, "filename": ids, "mediaType": ids})
parts = st.tuples(_content, _around).map(lambda both: {**both[0], **both[1]})
messages = _message(
    {
        "messageId": ids,
        "role": st.sampled_from(["ROLE_USER", "ROLE_AGENT"]),
        "parts": st.lists(parts, min_size=1, max_size=2),
    },
    {
        "contextId": ids,
        "taskId": ids,
        "metadata": json_objects,
        "extensions": st.lists(ids, min_size=1, max_size=2),
        "referenceTaskIds": st.lists(ids, min_size=1, max_size=2),
    },
)
artifacts = _message(
    {"artifactId": ids, "parts": st.lists(parts, max_size=2)},
    {"name": ids, "description": ids, "metadata": json_objects, "extensions": st.lists(ids, min_size=1, max_size=2)},
)
states = st.sampled_from(
    [
        "TASK_STATE_SUBMITTED",
        "TASK_STATE_WORKING",
        "TASK_STATE_COMPLETED",
        "TASK_STATE_INPUT_REQUIRED",
        "TASK_STATE_UNSPECIFIED",
    ]
)
statuses = _message({"state": states}, {"message": messages, "timestamp": timestamps()})
tasks = _message(
    {"id": ids, "status": statuses},
    {
        "contextId": ids,
        "artifacts": st.lists(artifacts, min_size=1, max_size=2),
        "history": st.lists(messages, min_size=1, max_size=2),
        "metadata": json_objects,
    },
)
status_updates = _message({"taskId": ids, "status": statuses}, {"contextId": ids, "metadata": json_objects})
artifact_updates = _message(
    {"taskId": ids, "artifact": artifacts},
    {"contextId": ids, "append": _flag(), "lastChunk": _flag(), "metadata": json_objects},
)
_authentications = _message({"scheme": st.sampled_from(["Bearer", "Basic"])}, {"credentials": secrets})
_push = {"url": ids, "taskId": ids}
_push_more = {"id": ids, "token": secrets, "authentication": _authentications}
push_configs = _message(_push, _push_more)
configurations = _message(
    {},
    {
        "acceptedOutputModes": st.lists(ids, min_size=1, max_size=2),
        "historyLength": st.integers(0, 2**31 - 1),
        "returnImmediately": _flag(),
        "taskPushNotificationConfig": _message({"url": ids}, _push_more),
    },
)
_requirements = st.lists(
    st.fixed_dictionaries({"schemes": st.dictionaries(ids, st.just({"list": ["read"]}), min_size=1, max_size=2)}),
    min_size=1,
    max_size=2,
)
_skills = _message(
    {"id": ids, "name": ids, "description": ids, "tags": st.lists(ids, max_size=2)},
    {"examples": st.lists(ids, min_size=1, max_size=2), "securityRequirements": _requirements},
)
_schemes = (
    st.fixed_dictionaries({"apiKeySecurityScheme": st.just({"location": "header", "name": "x-key"})})
    | st.fixed_dictionaries({"httpAuthSecurityScheme": st.just({"scheme": "Bearer"})})
    | st.fixed_dictionaries({"openIdConnectSecurityScheme": st.just({"openIdConnectUrl": "https://i.example"})})
)
_addresses = st.fixed_dictionaries(
    {"url": ids, "protocolBinding": st.sampled_from(["JSONRPC", "GRPC"]), "protocolVersion": st.just("0.3")}
)
cards = _message(
    {
        "name": ids,
        "description": ids,
        "version": ids,
        "supportedInterfaces": st.lists(_addresses, min_size=1, max_size=2, unique_by=repr),
        "capabilities": _message({}, {"streaming": _flag(), "pushNotifications": _flag()}),
        "defaultInputModes": st.lists(ids, max_size=2),
        "defaultOutputModes": st.lists(ids, max_size=2),
        "skills": st.lists(_skills, max_size=2),
    },
    {
        "securitySchemes": st.dictionaries(ids, _schemes, min_size=1, max_size=2),
        "securityRequirements": _requirements,
        "documentationUrl": ids,
        "provider": _message({"organization": ids, "url": ids}, {}),
    },
)
by_kind: dict[type[A2AMessage], st.SearchStrategy[Tree]] = {
    SendMessageRequest: _message(
        {"message": messages}, {"tenant": ids, "configuration": configurations, "metadata": json_objects}
    ),
    GetTaskRequest: _message({"id": ids}, {"tenant": ids, "historyLength": st.integers(0, 2**31 - 1)}),
    CancelTaskRequest: _message({"id": ids}, {"tenant": ids, "metadata": json_objects}),
    SubscribeToTaskRequest: _message({"id": ids}, {"tenant": ids}),
    Task: tasks,
    ListTasksRequest: _message(
        {"contextId": ids},
        {
            "tenant": ids,
            "status": states.filter(lambda state: not state.endswith("UNSPECIFIED")),
            "pageSize": st.integers(1, 100),
            "pageToken": ids,
            "historyLength": st.integers(0, 2**31 - 1),
            "statusTimestampAfter": timestamps(),
            "includeArtifacts": st.booleans(),
        },
    ),
    ListTasksResponse: _message(
        {
            "tasks": st.lists(tasks, max_size=2),
            "nextPageToken": st.just("") | ids,
            "pageSize": st.integers(0, 100),
            "totalSize": st.integers(0, 1000),
        },
        {},
    ),
    CreateTaskPushNotificationConfigRequest: _message(_push, {**_push_more, "tenant": ids}),
    TaskPushNotificationConfig: push_configs,
    GetTaskPushNotificationConfigRequest: _message({"taskId": ids, "id": ids}, {"tenant": ids}),
    DeleteTaskPushNotificationConfigRequest: _message({"taskId": ids, "id": ids}, {"tenant": ids}),
    ListTaskPushNotificationConfigsRequest: _message({"taskId": ids}, {"tenant": ids}),
    ListTaskPushNotificationConfigsResponse: _message({"configs": st.lists(push_configs, min_size=1, max_size=2)}, {}),
    GetExtendedAgentCardRequest: _message({}, {"tenant": ids}),
    AgentCard: cards,
    Empty: st.just({}),
    SendMessageResponse: st.fixed_dictionaries({"task": tasks}) | st.fixed_dictionaries({"message": messages}),
    StreamResponse: (
        st.fixed_dictionaries({"task": tasks})
        | st.fixed_dictionaries({"message": messages})
        | st.fixed_dictionaries({"statusUpdate": status_updates})
        | st.fixed_dictionaries({"artifactUpdate": artifact_updates})
    ),
}
"""The messages of a binding, by the class of their view."""


def _of(kind: type[A2AMessage]) -> st.SearchStrategy[tuple[type[A2AMessage], Tree]]:
    return st.tuples(st.just(kind), by_kind[kind])


anything: st.SearchStrategy[tuple[type[A2AMessage], Tree]] = st.sampled_from(list(by_kind)).flatmap(_of)
"""Any of these messages, with its class."""
