"""The caller's end of A2A 0.3, none of it ours: raw JSON-RPC, raw HTTP+JSON and a gRPC stub. On top is a2a-sdk's own
conversion, so that a case which is written in 1.0 is asked, and answered, in 0.3.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

import grpc
import httpx
from a2a.compat.v0_3 import a2a_v0_3_pb2, a2a_v0_3_pb2_grpc, conversions, proto_utils
from a2a.compat.v0_3 import types as stock
from a2a.types import a2a_pb2
from google.protobuf import json_format

from meshgate.a2a.codec.strict_json import is_array, is_object
from tests.contract.doors import Answer, GrpcDoor, Headers, Refused, RpcDoor, path_of, refused_over_grpc

__all__ = ["LegacyGrpcDoor", "LegacyRestDoor", "LegacyRpcDoor"]

Tree = dict[str, Any]
_stub: Any = a2a_v0_3_pb2_grpc.A2AServiceStub  # generated without annotations
_convert: Any = conversions
_protos: Any = proto_utils
_EOF: Any = getattr(grpc.aio, "EOF")  # noqa: B009 - its stubs leave it out
_METHODS = {
    "SendMessage": "message/send",
    "SendStreamingMessage": "message/stream",
    "GetTask": "tasks/get",
    "CancelTask": "tasks/cancel",
    "SubscribeToTask": "tasks/resubscribe",
    "GetExtendedAgentCard": "agent/getAuthenticatedExtendedCard",
    "CreateTaskPushNotificationConfig": "tasks/pushNotificationConfig/set",
    "ListTaskPushNotificationConfigs": "tasks/pushNotificationConfig/list",
    "GetTaskPushNotificationConfig": "tasks/pushNotificationConfig/get",
    "DeleteTaskPushNotificationConfig": "tasks/pushNotificationConfig/delete",
}
_PUSH: dict[str, tuple[Any, str]] = {
    "CreateTaskPushNotificationConfig": (
        a2a_pb2.TaskPushNotificationConfig,
        "to_compat_create_task_push_notification_config_request",
    ),
    "ListTaskPushNotificationConfigs": (
        a2a_pb2.ListTaskPushNotificationConfigsRequest,
        "to_compat_list_task_push_notification_config_request",
    ),
    "GetTaskPushNotificationConfig": (
        a2a_pb2.GetTaskPushNotificationConfigRequest,
        "to_compat_get_task_push_notification_config_request",
    ),
    "DeleteTaskPushNotificationConfig": (
        a2a_pb2.DeleteTaskPushNotificationConfigRequest,
        "to_compat_delete_task_push_notification_config_request",
    ),
}
"""The messages of 1.0 about push configurations, and what makes them 0.3's."""


def _params(method: str, params: Tree) -> Tree:
    """The parameters of 1.0 as a2a-sdk writes them in 0.3."""
    if method in ("SendMessage", "SendStreamingMessage"):
        request = json_format.ParseDict(params, a2a_pb2.SendMessageRequest())
        old = _convert.to_compat_send_message_request(request, request_id=0).params
    elif method == "GetTask":
        old = _convert.to_compat_get_task_request(json_format.ParseDict(params, a2a_pb2.GetTaskRequest()), 0).params
    elif method in _PUSH:
        cls, convert = _PUSH[method]
        old = getattr(conversions, convert)(json_format.ParseDict(params, cls()), 0).params
    else:
        old = stock.TaskIdParams(id=params.get("id", "t"))
    tree: Tree = old.model_dump(by_alias=True, exclude_none=True, mode="json")
    return tree


_CLASSES: dict[str, Any] = {
    "task": (stock.Task, "to_core_task", "task"),
    "message": (stock.Message, "to_core_message", "message"),
    "status-update": (stock.TaskStatusUpdateEvent, "to_core_task_status_update_event", "statusUpdate"),
    "artifact-update": (stock.TaskArtifactUpdateEvent, "to_core_task_artifact_update_event", "artifactUpdate"),
}


def _tree(method: str, result: Tree) -> Tree:
    """A result of 0.3 as a2a-sdk reads it into 1.0."""
    if method in _PUSH:
        return _push_tree(result)
    if method == "GetExtendedAgentCard":
        card: Tree = json_format.MessageToDict(_convert.to_core_agent_card(stock.AgentCard.model_validate(result)))
        return card
    cls, convert, key = _CLASSES[result["kind"]]
    message = getattr(conversions, convert)(cls.model_validate(result))
    content: Tree = json_format.MessageToDict(message)
    return content if method in ("GetTask", "CancelTask") else {key: content}


def _push_tree(result: Any) -> Tree:
    if is_array(result):
        return {"configs": [_push_tree(one) for one in result]}
    if not result:
        return {}
    config = stock.TaskPushNotificationConfig.model_validate(result)
    content: Tree = json_format.MessageToDict(_convert.to_core_task_push_notification_config(config))
    return content


class LegacyRpcDoor(RpcDoor):
    """JSON-RPC of 0.3, on connections as those of 1.0."""

    version = "0.3"

    def _sent(self, key: str, headers: Headers | None) -> dict[str, str]:
        sent = {"content-type": "application/json", **(headers or {})}
        extensions = sent.pop("a2a-extensions", "")
        if extensions:
            sent["x-a2a-extensions"] = extensions
        return {**sent, "authorization": f"Bearer {key}"} if key else sent

    @staticmethod
    def _body(method: str, params: Tree) -> bytes:
        request = {
            "jsonrpc": "2.0",
            "id": "one",
            "method": _METHODS.get(method, "tasks/list"),
            "params": _params(method, params),
        }
        return json.dumps(request).encode()

    async def ask(self, method: str, params: Tree, to: str = "", *, key: str, headers: Headers | None = None) -> Answer:
        async with self.connection() as client:
            response = await client.post(
                self.url + path_of(to), content=self._body(method, params), headers=self._sent(key, headers)
            )
            tree = _tree(method, _result(response.content, response.headers))
        named = {name.removeprefix("x-"): value for name, value in response.headers.items()}
        return Answer(tree, {name: value for name, value in named.items() if name.startswith(("meshgate-", "a2a-"))})

    async def stream(
        self, method: str, params: Tree, to: str = "", *, key: str, headers: Headers | None = None
    ) -> AsyncGenerator[Tree]:
        async with aclosing(self.lines(method, params, to, key=key, headers=headers)) as lines:
            async for line in lines:
                if line.startswith("data:"):
                    yield _tree(method, _result(line.removeprefix("data:").encode()))

    async def lines(
        self, method: str, params: Tree, to: str = "", *, key: str, headers: Headers | None = None
    ) -> AsyncGenerator[str]:
        sent = {"accept": "text/event-stream", **self._sent(key, headers)}
        url, body = self.url + path_of(to), self._body(method, params)
        async with self.connection() as client, client.stream("POST", url, content=body, headers=sent) as response:
            if not response.headers["content-type"].startswith("text/event-stream"):
                _result(await response.aread(), response.headers)
                raise AssertionError("a stream was answered with one JSON result")
            async for line in response.aiter_lines():
                yield line


def _result(body: bytes, head: Mapping[str, str] | httpx.Headers | None = None) -> Tree:
    answer: Tree = json.loads(body)
    fault = answer.get("error")
    if fault is None:
        assert (answer["jsonrpc"], answer["id"]) == ("2.0", "one")
        result: Tree = answer["result"]
        return result
    raise _told("JSONRPC", fault, body, head)


def _told(binding: str, fault: Tree, body: bytes, head: Mapping[str, str] | httpx.Headers | None) -> Refused:
    """What an error object of 0.3 says."""
    data: Any = fault.get("data")
    told: Tree = data if is_object(data) and "reason" in data else {}
    details: dict[str, Tree] = {"ErrorInfo": told} if told else {}
    details |= {
        name: told for name, sign in (("BadRequest", "fieldViolations"), ("RetryInfo", "retryDelay")) if sign in told
    }
    refused = Refused(binding, fault["code"], fault["message"], details, body)
    refused.version = "0.3"
    if head is not None:
        refused.call, refused.job = head.get("meshgate-call", ""), head.get("meshgate-job", "")
    return refused


_PLACES = {
    "SendMessage": "POST /v1/message:send",
    "SendStreamingMessage": "POST /v1/message:stream",
    "GetTask": "GET /v1/tasks/{id}",
    "CancelTask": "POST /v1/tasks/{id}:cancel",
    "SubscribeToTask": "GET /v1/tasks/{id}:subscribe",
    "GetExtendedAgentCard": "GET /v1/card",
    "CreateTaskPushNotificationConfig": "POST /v1/tasks/{task}/pushNotificationConfigs",
    "ListTaskPushNotificationConfigs": "GET /v1/tasks/{task}/pushNotificationConfigs",
    "GetTaskPushNotificationConfig": "GET /v1/tasks/{task}/pushNotificationConfigs/{id}",
    "DeleteTaskPushNotificationConfig": "DELETE /v1/tasks/{task}/pushNotificationConfigs/{id}",
}
_ANSWERS = {
    "SendMessage": "SendMessageResponse",
    "GetTask": "Task",
    "CancelTask": "Task",
    "CreateTaskPushNotificationConfig": "TaskPushNotificationConfig",
    "GetTaskPushNotificationConfig": "TaskPushNotificationConfig",
    "ListTaskPushNotificationConfigs": "ListTaskPushNotificationConfigResponse",
    "DeleteTaskPushNotificationConfig": "TaskPushNotificationConfig",
}
"""The message of an answer; one that tells nothing is read as an empty one."""


class LegacyRestDoor(LegacyRpcDoor):
    """HTTP+JSON of 0.3: the ProtoJSON of the package ``a2a.v1``, as a2a-sdk makes it."""

    binding = "HTTP+JSON"

    def _request(
        self, client: httpx.AsyncClient, method: str, params: Tree, to: str, headers: Mapping[str, str]
    ) -> httpx.Request:
        verb, _, place = _PLACES.get(method, "GET /v1/tasks/none").partition(" ")
        named = {name: quote(str(params.get(key, "t")), safe="") for name, key in (("id", "id"), ("task", "taskId"))}
        url = self.url + path_of(to).rstrip("/") + place.format(**named)
        if verb == "DELETE":
            return client.build_request(verb, url, headers=headers)
        if verb == "GET":
            query = {"historyLength": params["historyLength"]} if "historyLength" in params else {}
            return client.build_request(verb, url, params=query, headers=headers)
        body = {} if "{id}" in place else json_format.MessageToDict(_message(method, _params(method, params))[1])
        return client.build_request(verb, url, content=json.dumps(body).encode(), headers=headers)

    async def ask(self, method: str, params: Tree, to: str = "", *, key: str, headers: Headers | None = None) -> Answer:
        async with self.connection() as client:
            response = await client.send(self._request(client, method, params, to, self._sent(key, headers)))
            tree = _rest_result(method, response.content, response.status_code, response.headers)
        named = {name.removeprefix("x-"): value for name, value in response.headers.items()}
        return Answer(tree, {name: value for name, value in named.items() if name.startswith(("meshgate-", "a2a-"))})

    async def stream(
        self, method: str, params: Tree, to: str = "", *, key: str, headers: Headers | None = None
    ) -> AsyncGenerator[Tree]:
        async with aclosing(self.lines(method, params, to, key=key, headers=headers)) as lines:
            async for line in lines:
                if line.startswith("data:"):
                    yield _rest_result(method, line.removeprefix("data:").encode(), 0)

    async def lines(
        self, method: str, params: Tree, to: str = "", *, key: str, headers: Headers | None = None
    ) -> AsyncGenerator[str]:
        sent = {"accept": "text/event-stream", **self._sent(key, headers)}
        async with self.connection() as client:
            response = await client.send(self._request(client, method, params, to, sent), stream=True)
            try:
                if not response.headers["content-type"].startswith("text/event-stream"):
                    _rest_result(method, await response.aread(), response.status_code, response.headers)
                    raise AssertionError("a stream was answered with one JSON result")
                async for line in response.aiter_lines():
                    yield line
            finally:
                await response.aclose()


def _rest_result(method: str, body: bytes, status: int, head: httpx.Headers | None = None) -> Tree:
    answer: Tree = json.loads(body)
    if "code" in answer and "message" in answer:
        refused = _told("HTTP+JSON", answer, body, head)
        refused.status = status
        raise refused
    assert status in (0, 200)
    pb: Any = a2a_v0_3_pb2
    if method == "GetExtendedAgentCard":
        # As the stock client does: the card is written as cards are served.
        return _read(method, json_format.ParseDict(answer, pb.AgentCard(), ignore_unknown_fields=True))
    return _read(method, json_format.ParseDict(answer, getattr(pb, _ANSWERS.get(method, "StreamResponse"))()))


class LegacyGrpcDoor(GrpcDoor):
    """gRPC of 0.3 by a2a-sdk's generated stub, on the channel of the door of 1.0."""

    version = "0.3"

    def __init__(self, channel: Any, gateway: str) -> None:
        super().__init__(channel, gateway)
        self._stub = _stub(channel)

    async def ask(self, method: str, params: Tree, to: str = "", *, key: str, headers: Headers | None = None) -> Answer:
        rpc = self._start(method, params, to, key, headers)
        try:
            message = await rpc
            head = {str(name).removeprefix("x-"): str(value) for name, value in await rpc.initial_metadata()}
        except grpc.aio.AioRpcError as error:
            raise self._told(error) from None
        return Answer(_read(method, message), head)

    async def stream(
        self, method: str, params: Tree, to: str = "", *, key: str, headers: Headers | None = None
    ) -> AsyncGenerator[Tree]:
        rpc = self._start(method, params, to, key, headers)
        try:
            while (message := await rpc.read()) is not _EOF:
                yield _read(method, message)
        except grpc.aio.AioRpcError as error:
            raise self._told(error) from None
        finally:
            rpc.cancel()

    def _told(self, error: grpc.aio.AioRpcError) -> Refused:
        refused = refused_over_grpc(error)
        refused.version = self.version
        return refused

    def _start(self, method: str, params: Tree, to: str, key: str, headers: Headers | None) -> Any:
        sent = {**({"meshgate-target": to} if to else {}), **(headers or {})}
        extensions = sent.pop("a2a-extensions", "")
        if extensions:
            sent["x-a2a-extensions"] = extensions
        if key:
            sent["authorization"] = f"Bearer {key}"
        name, request = _message(method, _params(method, params))
        ask = getattr(self._stub, name, None) or self._stub.GetTask  # 0.3 has no list of tasks
        return ask(request, timeout=self.patience, metadata=tuple(sent.items()))


def _message(method: str, params: Tree) -> tuple[str, Any]:
    """The method of the stub, and its message, as a2a-sdk makes it of its own types."""
    pb: Any = a2a_v0_3_pb2
    if method in ("SendMessage", "SendStreamingMessage"):
        old = stock.MessageSendParams.model_validate(params)
        to_proto = _protos.ToProto
        request = pb.SendMessageRequest(
            request=to_proto.message(old.message),
            # As the SDK's client does: to protobuf, false and left out are the same.
            configuration=to_proto.message_send_configuration(
                old.configuration or stock.MessageSendConfiguration(blocking=True)
            ),
            metadata=to_proto.metadata(old.metadata),
        )
        return method, request
    if method in _PUSH:
        return _push_message(method, params)
    name = f"tasks/{params['id']}"
    if method == "GetTask":
        return method, pb.GetTaskRequest(name=name, history_length=params.get("historyLength", 0))
    if method == "CancelTask":
        return method, pb.CancelTaskRequest(name=name)
    if method == "SubscribeToTask":
        return "TaskSubscription", pb.TaskSubscriptionRequest(name=name)
    if method == "GetExtendedAgentCard":
        return "GetAgentCard", pb.GetAgentCardRequest()
    return method, pb.GetTaskRequest(name=name)


def _push_message(method: str, params: Tree) -> tuple[str, Any]:
    pb: Any = a2a_v0_3_pb2
    if method == "CreateTaskPushNotificationConfig":
        config = stock.TaskPushNotificationConfig.model_validate(params)
        message = pb.CreateTaskPushNotificationConfigRequest(
            parent=f"tasks/{config.task_id}",
            config_id=config.push_notification_config.id or "",
            config=_protos.ToProto.task_push_notification_config(config),
        )
        return method, message
    parent = f"tasks/{params['id']}"
    if method == "ListTaskPushNotificationConfigs":
        return "ListTaskPushNotificationConfig", pb.ListTaskPushNotificationConfigRequest(parent=parent)
    name = f"{parent}/pushNotificationConfigs/{params.get('pushNotificationConfigId', '')}"
    return method, getattr(pb, f"{method}Request")(name=name)


def _read(method: str, message: Any) -> Tree:
    """An answer as a2a-sdk reads it into its own types of 0.3, and those into 1.0."""
    from_proto = _protos.FromProto
    if method in _PUSH:
        found = [message] if hasattr(message, "push_notification_config") else list(getattr(message, "configs", ()))
        read = [from_proto.task_push_notification_config(one) for one in found if one.name]
        trees = [one.model_dump(by_alias=True, exclude_none=True, mode="json") for one in read]
        return _push_tree(trees if hasattr(message, "configs") else trees[0] if trees else None)
    if method in ("GetTask", "CancelTask"):
        result = from_proto.task(message)
    elif method == "SendMessage":
        result = from_proto.task_or_message(message)
    elif method == "GetExtendedAgentCard":
        result = from_proto.agent_card(message)
    else:
        result = from_proto.stream_response(message)
    return _tree(method, result.model_dump(by_alias=True, exclude_none=True, mode="json"))
