"""The targets by name: what each one runs, and whose lines it must reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.fuzz import documents, messages

__all__ = ["TARGETS", "Target"]


class Target(NamedTuple):
    """One parser.

    Attributes:
        run: takes any bytes, and raises if something does not hold.
        modules: the modules whose lines count as its coverage, below ``meshgate``.
        form: how inputs are changed: as JSON, behind a first line if there is one, or as bytes.
        heads: first lines that mean something.
    """

    run: Callable[[bytes], None]
    modules: tuple[str, ...]
    form: str = "json"
    heads: tuple[str, ...] = ()


_CODEC = ("a2a.codec.strict_json", "a2a.codec.type_fault")
_CALL = ("a2a.bindings.operations", "a2a.payload")
_LEGACY = ("a2a.v0_3.form", "a2a.v0_3.messages", "a2a.v0_3.parts", "a2a.v0_3.requests", "a2a.v0_3.push_configs")
_TREES = ("a2a.v0_3.tree_form", "a2a.v0_3.resource_names")
_REST = ("a2a.bindings.http_json.paths", "a2a.bindings.http_json.query")
_OPERATIONS = (
    "SendMessage",
    "SendStreamingMessage",
    "GetTask",
    "CancelTask",
    "SubscribeToTask",
    "ListTasks",
    "CreateTaskPushNotificationConfig",
    "GetTaskPushNotificationConfig",
    "ListTaskPushNotificationConfigs",
    "DeleteTaskPushNotificationConfig",
    "GetExtendedAgentCard",
)
_ANSWERS = tuple(f"{name} {version}" for name in _OPERATIONS for version in ("1.0", "0.3", "1.0 500", "0.3 400"))
_PATHS = (
    "POST /message:send",
    "POST /message:stream",
    "GET /tasks/t:subscribe",
    "POST /tasks/t:cancel",
    "GET /tasks/t?historyLength=2",
    "GET /tasks?contextId=c&status=TASK_STATE_WORKING&pageSize=2&includeArtifacts=true",
    "POST /tasks/t/pushNotificationConfigs",
    "GET /tasks/t/pushNotificationConfigs?pageSize=1",
    "GET /tasks/t/pushNotificationConfigs/c",
    "DELETE /tasks/t/pushNotificationConfigs/c",
    "GET /extendedAgentCard",
)
_LEGACY_PATHS = tuple(path.replace(" /", " /v1/") for path in _PATHS) + _PATHS + ("GET /v1/card",)
_MESSAGES = (
    *(f"{name}Request" for name in _OPERATIONS if name != "SendStreamingMessage"),
    "SendMessageResponse",
    "StreamResponse",
    "Task",
    "ListTasksResponse",
    "TaskPushNotificationConfig",
    "ListTaskPushNotificationConfigsResponse",
    "AgentCard",
)
TARGETS: dict[str, Target] = {
    "jsonrpc": Target(messages.jsonrpc_requests, ("a2a.bindings.jsonrpc", *_CODEC, *_CALL)),
    "jsonrpc_0_3": Target(messages.legacy_jsonrpc_requests, ("a2a.bindings.jsonrpc_0_3", *_CODEC, *_LEGACY)),
    "jsonrpc_answers": Target(
        messages.jsonrpc_answers,
        (
            "a2a.bindings.jsonrpc",
            "a2a.bindings.jsonrpc_0_3",
            "a2a.bindings.jsonrpc_errors",
            "a2a.bindings.jsonrpc_0_3_errors",
            "a2a.bindings.json_answers",
            "a2a.bindings.json_details",
            "a2a.codec.timestamps",
            "a2a.v0_3.history",
            *_LEGACY,
        ),
        heads=_ANSWERS,
    ),
    "http_json": Target(messages.rest_requests, ("a2a.bindings.http_json.rest", *_REST, *_CODEC), heads=_PATHS),
    "http_json_0_3": Target(
        messages.legacy_rest_requests,
        ("a2a.bindings.http_json.rest_0_3", "a2a.bindings.http_json.legacy_push", *_REST, *_LEGACY, *_TREES),
        heads=_LEGACY_PATHS,
    ),
    "http_json_answers": Target(
        messages.rest_answers,
        (
            "a2a.bindings.http_json.rest",
            "a2a.bindings.http_json.rest_0_3",
            "a2a.bindings.http_json.errors",
            "a2a.bindings.http_json.errors_0_3",
            "a2a.bindings.json_details",
            *_LEGACY,
            *_TREES,
        ),
        heads=_ANSWERS,
    ),
    "grpc": Target(
        messages.grpc_requests,
        ("a2a.bindings.grpc", "a2a.codec.protobuf_size", "a2a.codec.transcode", "a2a.payload"),
        form="bytes",
        heads=_OPERATIONS,
    ),
    "grpc_0_3": Target(
        messages.legacy_grpc_requests,
        ("a2a.bindings.grpc_0_3", "a2a.v0_3.proto_form", *_LEGACY, *_TREES),
        form="bytes",
        heads=_OPERATIONS,
    ),
    "grpc_answers": Target(
        messages.grpc_answers,
        (
            "a2a.bindings.grpc",
            "a2a.bindings.grpc_0_3",
            "a2a.bindings.grpc_errors",
            "a2a.bindings.grpc_0_3_errors",
            "a2a.codec.agent_messages",
            "a2a.codec.protobuf_size",
            "a2a.v0_3.proto_form",
        ),
        form="bytes",
        heads=_ANSWERS,
    ),
    "transcode": Target(documents.transcoding, ("a2a.codec.transcode", *_CODEC), heads=_MESSAGES),
    "sse": Target(documents.streams, ("a2a.bindings.sse",), form="bytes"),
    "cards": Target(
        documents.cards,
        ("a2a.cards", "a2a.v0_3.cards", "a2a.v0_3.card_form", "a2a.version_syntax", *_CODEC),
    ),
    "signatures": Target(
        documents.signatures,
        (
            "a2a.signatures.card_verifier",
            "a2a.signatures.card_forms",
            "a2a.signatures.canonical_json",
            "a2a.signatures.jwk",
            "a2a.signatures.public_key",
        ),
    ),
    "callbacks": Target(
        documents.callbacks,
        ("gateway.ingress.callbacks", "gateway.push.callback_token", "a2a.codec.strict_json"),
        heads=("T",),
    ),
}
