"""The caller's end of each binding, none of it ours: raw HTTP bytes, and a2a-sdk's generated gRPC stub.

A *door* leads to one gateway, also where several share a port, so that a case can say "here" and "there". What comes
back has one form, so that a case is written once: ``Answer``, or ``Refused``.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import grpc
import httpx
import msgspec
from a2a.types import a2a_pb2, a2a_pb2_grpc
from google.protobuf import json_format, struct_pb2
from google.rpc import (  # pyright: ignore[reportMissingTypeStubs] - they lie beside the code
    error_details_pb2,
    status_pb2,
)

from meshgate.a2a.codec.strict_json import is_array, is_object
from tests.support.patience import HANG, patience

__all__ = [
    "CODES",
    "TLS",
    "Answer",
    "Door",
    "GrpcDoor",
    "Probe",
    "Refused",
    "RestDoor",
    "RpcDoor",
    "path_of",
    "refused_over_grpc",
    "soon",
    "text_of",
]

Tree = dict[str, Any]
Headers = Mapping[str, str]
T = TypeVar("T")

CODES: dict[str, tuple[int, str, int]] = {
    "INVALID_PARAMS": (-32602, "INVALID_ARGUMENT", 400),
    "INVALID_AGENT_RESPONSE": (-32006, "INTERNAL", 500),
    "TASK_NOT_FOUND": (-32001, "NOT_FOUND", 404),
    "TASK_NOT_CANCELABLE": (-32002, "FAILED_PRECONDITION", 400),
    "PUSH_NOTIFICATION_NOT_SUPPORTED": (-32003, "FAILED_PRECONDITION", 400),
    "UNSUPPORTED_OPERATION": (-32004, "FAILED_PRECONDITION", 400),
    "EXTENSION_SUPPORT_REQUIRED": (-32008, "FAILED_PRECONDITION", 400),
    "VERSION_NOT_SUPPORTED": (-32009, "FAILED_PRECONDITION", 400),
    "EXTENDED_AGENT_CARD_NOT_CONFIGURED": (-32007, "FAILED_PRECONDITION", 400),
    "UNAUTHENTICATED": (-31021, "UNAUTHENTICATED", 401),
    "RATE_LIMITED": (-31005, "RESOURCE_EXHAUSTED", 429),
    "BUDGET_EXHAUSTED": (-31003, "RESOURCE_EXHAUSTED", 429),
    "FAN_OUT": (-31006, "RESOURCE_EXHAUSTED", 429),
    "LOOP": (-31007, "FAILED_PRECONDITION", 400),
    "DEPTH": (-31008, "FAILED_PRECONDITION", 400),
    "KILLED": (-31002, "UNAVAILABLE", 503),
    "UPSTREAM_UNAVAILABLE": (-31009, "UNAVAILABLE", 503),
    "UPSTREAM_DEADLINE": (-31004, "DEADLINE_EXCEEDED", 504),
    "NO_ROUTE": (-31001, "NOT_FOUND", 404),
}
"""JSON-RPC code, gRPC status and HTTP status of each reason, as the tables of A2A and of docs/wire.md have them."""
_ANSWERS_WITHIN = patience(60.0)
_stub: Any = a2a_pb2_grpc.A2AServiceStub  # generated without annotations
_EOF: Any = getattr(grpc.aio, "EOF")  # noqa: B009 - its stubs leave it out


class Answer(msgspec.Struct, frozen=True):
    """What a unary call answered, as a JSON tree, and the headers that came with it."""

    tree: Tree
    head: Headers

    @property
    def task(self) -> Tree:
        """The task in it."""
        task: Tree = self.tree.get("task", self.tree)
        return task

    @property
    def text(self) -> str:
        """The text of the artifact that scripts answer with."""
        return text_of(self.task)

    @property
    def heard(self) -> Any:
        """What an echoing agent received."""
        return json.loads(self.text)


def text_of(task: Tree) -> str:
    """The text of the artifact ``answer``, or of the only one."""
    artifacts = task["artifacts"]
    named = [one for one in artifacts if one["artifactId"] == "answer"] or artifacts
    return "".join(part["text"] for part in named[-1]["parts"])


class Refused(Exception):
    """What a call was refused or failed with."""

    version = "1.0"
    """The version of A2A that it was told in."""
    status = 0
    """The HTTP status, where it is the binding's; ``number`` is the name of gRPC's status there."""

    def __init__(self, binding: str, number: int | str, message: str, details: Mapping[str, Tree], raw: bytes) -> None:
        info = details.get("ErrorInfo", {})
        self.reason = str(info.get("reason", ""))
        self.domain = str(info.get("domain", ""))
        self.metadata: dict[str, str] = dict(info.get("metadata", {}))
        self.call, self.job = self.metadata.pop("call", ""), self.metadata.pop("job", "")
        for name in (self.call, self.job):  # no two calls share them, so answers are compared without
            raw = raw.replace(name.encode(), b"#" * len(name)) if name else raw
        self.fields = [str(one["field"]) for one in details.get("BadRequest", {}).get("fieldViolations", ())]
        self.retries = "RetryInfo" in details
        self.binding, self.number, self.message, self.raw = binding, number, message, raw
        super().__init__(f"{self.reason}: {message}")

    def means(self, reason: str) -> bool:
        """Whether it has this reason, and the code that belongs to it on its binding."""
        number, name, status = CODES[reason]
        old = self.version == "0.3" and self.binding != "GRPC"
        code: int | str = number if self.binding == "JSONRPC" or old else name
        if old and (number in (-32008, -32009) or number > -32000):
            code = -32603  # 0.3 has no number for it
        return (self.reason, self.number, self.status or status) == (reason, code, status)


class Door(Protocol):
    """One binding's way into one gateway."""

    binding: str
    version: str
    gateway: str

    async def ask(self, method: str, params: Tree, to: str = "", *, key: str, headers: Headers | None = None) -> Answer:
        """A unary call.

        Raises:
            Refused: what it was answered with, if that is an error.
        """
        ...

    def stream(
        self, method: str, params: Tree, to: str = "", *, key: str, headers: Headers | None = None
    ) -> AsyncGenerator[Tree]:
        """The events of a streaming call; closing it before its end drops the connection.

        Raises:
            Refused: see ``ask``.
        """
        ...


def path_of(to: str) -> str:
    """The path of a selector."""
    return f"/{'skills' if '@' in to else 'agents'}/{to}" if to else "/"


def _head(headers: Headers) -> Headers:
    return {name: value for name, value in headers.items() if name.startswith("meshgate-") or name == "a2a-extensions"}


# -- JSON-RPC

TLS = ssl.create_default_context()
"""Made once, because making it costs more than a call; nothing here uses it."""


def _client() -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=60.0)
    return httpx.AsyncClient(verify=TLS, trust_env=False, limits=limits, timeout=_ANSWERS_WITHIN)


class RpcDoor:
    """JSON-RPC over HTTP, one call at a time on each connection.

    Args:
        pinned: whether several gateways share the port, so that each connection must be found out about.
    """

    binding, version = "JSONRPC", "1.0"

    def __init__(self, url: str, gateway: str, probe: Probe | None) -> None:
        self.url, self.gateway = url, gateway
        self._probe = probe
        self._idle: list[httpx.AsyncClient] = []

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[httpx.AsyncClient]:
        """A client with one connection, to this gateway. It is kept unless the block raises."""
        client = self._idle.pop() if self._idle else await self._connect()
        try:
            yield client
        except Refused:
            self._idle.append(client)
            raise
        except BaseException:
            await client.aclose()
            raise
        self._idle.append(client)

    async def _connect(self) -> httpx.AsyncClient:
        for _ in range(64):
            client = _client()
            if self._probe is None or await self._probe.rpc(client, self.url) == self.gateway:
                return client
            await client.aclose()
        raise AssertionError(f"64 connections, and none led to {self.gateway}")

    async def ask(self, method: str, params: Tree, to: str = "", *, key: str, headers: Headers | None = None) -> Answer:
        async with self.connection() as client:
            response = await client.post(
                self.url + path_of(to), content=_request(method, params), headers=_headers(key, headers)
            )
            tree = _result(response.content, response.headers)
        return Answer(tree, _head(response.headers))

    async def stream(
        self, method: str, params: Tree, to: str = "", *, key: str, headers: Headers | None = None
    ) -> AsyncGenerator[Tree]:
        async with aclosing(self.lines(method, params, to, key=key, headers=headers)) as lines:
            async for line in lines:
                if line.startswith("data:"):
                    yield _result(line.removeprefix("data:").encode())

    async def lines(
        self, method: str, params: Tree, to: str = "", *, key: str, headers: Headers | None = None
    ) -> AsyncGenerator[str]:
        """The lines of an event stream, comments and all."""
        sent = {"accept": "text/event-stream", **_headers(key, headers)}
        async with (
            self.connection() as client,
            client.stream("POST", self.url + path_of(to), content=_request(method, params), headers=sent) as response,
        ):
            if not response.headers["content-type"].startswith("text/event-stream"):
                _result(await response.aread(), response.headers)
                raise AssertionError("a stream was answered with one JSON result")
            async for line in response.aiter_lines():
                yield line

    async def aclose(self) -> None:
        """Close the connections."""
        for client in self._idle:
            await client.aclose()


def _request(method: str, params: Tree) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": "one", "method": method, "params": params}).encode()


def _headers(key: str, headers: Headers | None) -> dict[str, str]:
    sent = {"content-type": "application/json", "a2a-version": "1.0", **(headers or {})}
    if key:
        sent["authorization"] = f"Bearer {key}"
    return {name: value for name, value in sent.items() if value}


def _result(body: bytes, head: Mapping[str, str] | None = None) -> Tree:
    answer: Tree = json.loads(body)
    fault = answer.get("error")
    if fault is None:
        assert answer["jsonrpc"] == "2.0"
        assert answer["id"] == "one"
        result: Tree = answer["result"] or {}  # null for what tells nothing
        return result
    raise _told(Refused("JSONRPC", fault["code"], fault["message"], _details(fault.get("data")), body), head)


def _details(data: Any) -> dict[str, Tree]:
    typed: list[Tree] = [item for item in (data if is_array(data) else ()) if is_object(item) and "@type" in item]
    return {str(item["@type"]).rpartition(".")[2]: item for item in typed}


def _told(refused: Refused, head: Mapping[str, str] | None) -> Refused:
    if head is not None:
        refused.call, refused.job = head.get("meshgate-call", ""), head.get("meshgate-job", "")
    return refused


# -- HTTP+JSON

_PLACES = {
    "SendMessage": "POST /message:send",
    "SendStreamingMessage": "POST /message:stream",
    "GetTask": "GET /tasks/{id}",
    "CancelTask": "POST /tasks/{id}:cancel",
    "SubscribeToTask": "GET /tasks/{id}:subscribe",
    "ListTasks": "GET /tasks",
    "GetExtendedAgentCard": "GET /extendedAgentCard",
    "CreateTaskPushNotificationConfig": "POST /tasks/{taskId}/pushNotificationConfigs",
    "ListTaskPushNotificationConfigs": "GET /tasks/{taskId}/pushNotificationConfigs",
    "GetTaskPushNotificationConfig": "GET /tasks/{taskId}/pushNotificationConfigs/{id}",
    "DeleteTaskPushNotificationConfig": "DELETE /tasks/{taskId}/pushNotificationConfigs/{id}",
}


class RestDoor(RpcDoor):
    """HTTP+JSON, on connections as those of JSON-RPC."""

    binding = "HTTP+JSON"

    def _request(
        self, client: httpx.AsyncClient, method: str, params: Tree, to: str, headers: Mapping[str, str]
    ) -> httpx.Request:
        verb, _, place = _PLACES[method].partition(" ")
        below = dict(params)
        for name in ("id", "taskId"):
            if "{" + name + "}" in place:
                place = place.replace("{" + name + "}", quote(below.pop(name, "t"), safe=""))
        url = self.url + path_of(to).rstrip("/") + place
        if verb == "POST":
            return client.build_request(verb, url, content=json.dumps(below).encode(), headers=headers)
        return client.build_request(verb, url, params=below, headers=headers)

    async def ask(self, method: str, params: Tree, to: str = "", *, key: str, headers: Headers | None = None) -> Answer:
        async with self.connection() as client:
            response = await client.send(self._request(client, method, params, to, _headers(key, headers)))
            tree = _rest_result(response.content, response.status_code, response.headers)
        return Answer(tree, _head(response.headers))

    async def stream(
        self, method: str, params: Tree, to: str = "", *, key: str, headers: Headers | None = None
    ) -> AsyncGenerator[Tree]:
        named = ""
        async with aclosing(self.lines(method, params, to, key=key, headers=headers)) as lines:
            async for line in lines:
                if line.startswith("event:"):
                    named = line.removeprefix("event:").strip()
                if line.startswith("data:"):
                    data = line.removeprefix("data:").encode()
                    assert named == ("error" if "error" in json.loads(data) else "")
                    yield _rest_result(data, 0)

    async def lines(
        self, method: str, params: Tree, to: str = "", *, key: str, headers: Headers | None = None
    ) -> AsyncGenerator[str]:
        sent = {"accept": "text/event-stream", **_headers(key, headers)}
        async with self.connection() as client:
            response = await client.send(self._request(client, method, params, to, sent), stream=True)
            try:
                if not response.headers["content-type"].startswith("text/event-stream"):
                    _rest_result(await response.aread(), response.status_code, response.headers)
                    raise AssertionError("a stream was answered with one JSON result")
                async for line in response.aiter_lines():
                    yield line
            finally:
                await response.aclose()


def _rest_result(body: bytes, status: int, head: Mapping[str, str] | None = None) -> Tree:
    answer: Tree = json.loads(body)
    if "error" not in answer:
        assert status in (0, 200)
        return answer
    fault = answer["error"]
    assert status in (0, fault["code"])
    refused = Refused("HTTP+JSON", fault["status"], fault["message"], _details(fault["details"]), body)
    refused.status = fault["code"]
    raise _told(refused, head)


# -- gRPC

_REQUESTS: dict[str, type[Any]] = {
    "SendMessage": a2a_pb2.SendMessageRequest,
    "SendStreamingMessage": a2a_pb2.SendMessageRequest,
    "GetTask": a2a_pb2.GetTaskRequest,
    "CancelTask": a2a_pb2.CancelTaskRequest,
    "SubscribeToTask": a2a_pb2.SubscribeToTaskRequest,
    "ListTasks": a2a_pb2.ListTasksRequest,
    "GetExtendedAgentCard": a2a_pb2.GetExtendedAgentCardRequest,
    "CreateTaskPushNotificationConfig": a2a_pb2.TaskPushNotificationConfig,
    "ListTaskPushNotificationConfigs": a2a_pb2.ListTaskPushNotificationConfigsRequest,
    "GetTaskPushNotificationConfig": a2a_pb2.GetTaskPushNotificationConfigRequest,
    "DeleteTaskPushNotificationConfig": a2a_pb2.DeleteTaskPushNotificationConfigRequest,
}


class GrpcDoor:
    """gRPC by a2a-sdk's generated stub, on a channel of its own."""

    binding, version = "GRPC", "1.0"
    patience = _ANSWERS_WITHIN

    def __init__(self, channel: Any, gateway: str) -> None:
        self._channel, self.gateway = channel, gateway
        self._stub = _stub(channel)

    @classmethod
    async def find(cls, address: str, gateway: str, probe: Probe | None) -> GrpcDoor:
        """A door to the gateway of that id."""
        for _ in range(64):
            channel: Any = grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
            if probe is None or await probe.grpc(channel) == gateway:
                return cls(channel, gateway)
            await channel.close()
        raise AssertionError(f"64 channels, and none led to {gateway}")

    async def ask(self, method: str, params: Tree, to: str = "", *, key: str, headers: Headers | None = None) -> Answer:
        rpc = self._start(method, params, to, key, headers)
        try:
            message = await rpc
            head = {str(name): str(value) for name, value in await rpc.initial_metadata()}
        except grpc.aio.AioRpcError as error:
            raise refused_over_grpc(error) from None
        return Answer(json_format.MessageToDict(message), head)

    async def stream(
        self, method: str, params: Tree, to: str = "", *, key: str, headers: Headers | None = None
    ) -> AsyncGenerator[Tree]:
        rpc = self._start(method, params, to, key, headers)
        try:
            while (message := await rpc.read()) is not _EOF:
                yield json_format.MessageToDict(message)
        except grpc.aio.AioRpcError as error:
            raise refused_over_grpc(error) from None
        finally:
            rpc.cancel()

    def _start(self, method: str, params: Tree, to: str, key: str, headers: Headers | None) -> Any:
        sent = {**({"meshgate-target": to} if to else {}), **(headers or {})}
        if key:
            sent["authorization"] = f"Bearer {key}"
        request = json_format.ParseDict(params, _REQUESTS[method]())
        return getattr(self._stub, method)(request, timeout=self.patience, metadata=tuple(sent.items()))

    async def aclose(self) -> None:
        """Close the channel."""
        await self._channel.close()


def refused_over_grpc(error: grpc.aio.AioRpcError) -> Refused:
    """What a status of gRPC and its details say."""
    details: dict[str, Tree] = {}
    sent: Any = error.trailing_metadata() or ()
    trailers: list[tuple[str, Any]] = [(str(key), value) for key, value in sent]
    for key, value in trailers:
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            for detail in status_pb2.Status.FromString(value).details:
                cls = getattr(error_details_pb2, detail.TypeName().rpartition(".")[2], struct_pb2.Value)
                details[cls.DESCRIPTOR.name] = json_format.MessageToDict(cls.FromString(detail.value))
    raw = repr((error.code(), error.details(), trailers)).encode()
    return Refused("GRPC", error.code().name, error.details() or "", details, raw)


class Probe:
    """Finds out which gateway a connection leads to: the id of a job begins with its home.

    Args:
        to: an agent that answers a plain message. keys: callers to take turns, so that no limit is met.
    """

    def __init__(self, to: str, keys: list[str]) -> None:
        self._to, self._keys, self._turn = to, keys, 0

    def _next(self) -> tuple[Tree, str]:
        self._turn += 1
        message = {"messageId": f"probe-{self._turn}", "role": "ROLE_USER", "parts": [{"text": '{"do": "message"}'}]}
        return {"message": message}, self._keys[self._turn % len(self._keys)]

    async def rpc(self, client: httpx.AsyncClient, url: str) -> str:
        """The gateway at the other end of an HTTP connection."""
        params, key = self._next()
        response = await client.post(
            url + path_of(self._to), content=_request("SendMessage", params), headers=_headers(key, None)
        )
        return response.headers["meshgate-job"].partition(".")[0]

    async def grpc(self, channel: Any) -> str:
        """The gateway at the other end of a channel."""
        params, key = self._next()
        rpc: Any = _stub(channel).SendMessage(
            json_format.ParseDict(params, a2a_pb2.SendMessageRequest()),
            metadata=(("authorization", f"Bearer {key}"), ("meshgate-target", self._to)),
        )
        head = dict(await rpc.initial_metadata())
        await rpc
        return str(head["meshgate-job"]).partition(".")[0]


async def soon(condition: Callable[[], Awaitable[T]], within: float = HANG) -> T:
    """What ``condition`` gives once it is true; asked again and again, ever less often, so that no rate limit is met.

    Raises:
        TimeoutError: it did not become true in time.
    """
    pause = 0.02
    async with asyncio.timeout(patience(within)):
        while True:
            found = await condition()
            if found:
                return found
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.5)
