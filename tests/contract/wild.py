"""An agent of raw bytes and bare protobuf: it answers whatever a test says, on each binding, whether A2A allows it
or not.
"""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false
# The generated code of gRPC has no annotations.

from __future__ import annotations

import asyncio
import functools
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import grpc
from a2a.types import a2a_pb2, a2a_pb2_grpc
from google.protobuf import any_pb2, json_format
from google.rpc import (  # pyright: ignore[reportMissingTypeStubs] - they lie beside the code
    error_details_pb2,
    status_pb2,
)

from tests.contract.foreign import serve_grpc

__all__ = ["GONE", "Answer", "WildAgent", "task", "update"]

Tree = dict[str, Any]
_details: Any = error_details_pb2
_STREAMS = frozenset({"SendStreamingMessage", "SubscribeToTask"})
GONE = object()
"""In place of an event: the connection breaks here."""


def task(task_id: str = "t1", state: str = "COMPLETED", **more: Any) -> Tree:
    """The event that is a whole task."""
    return {"task": {"id": task_id, "contextId": "c1", "status": {"state": f"TASK_STATE_{state}"}, **more}}


def update(state: str, task_id: str = "t1", **more: Any) -> Tree:
    """The event of a new status."""
    status = {"state": f"TASK_STATE_{state}", **more}
    return {"statusUpdate": {"taskId": task_id, "contextId": "c1", "status": status}}


@dataclass
class Answer:
    """What the agent answers to one method.

    Args:
        events: A2A events as JSON, with waits of seconds and ``GONE`` between them; a unary answer is the first one.
        error: of JSON-RPC: ``code``, ``message``, ``data``.
        status: of HTTP; a gRPC status if it is a name, such as ``FAILED_PRECONDITION``.
        body: what is sent over HTTP in place of all that.
        headers: of HTTP; over gRPC they go as trailers.
        hold: whether a stream stays open after its last event.
        after: what a unary answer waits for.
    """

    events: list[Any] = field(default_factory=lambda: [task()])
    error: Tree | None = None
    status: int | str = 200
    body: bytes | None = None
    media: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    hold: bool = False
    after: asyncio.Event | None = None


class WildAgent:
    """One instance.

    Attributes:
        answers: by method; "" for all others.
        arrived: the methods that were called.
        healthy: whether it answers for its health, by card or health service; else it is silent.
        asked: how often it was asked.
    """

    def __init__(self, name: str, instance: str) -> None:
        self.name, self.instance = name, instance
        self.answers: dict[str, Answer] = {"": Answer()}
        self.arrived: list[str] = []
        self.params: list[Tree] = []
        self.healthy = True
        self.asked = 0

    def say(self, *events: Any, method: str = "", **more: Any) -> None:
        """Answer with these events from now on; see ``Answer``."""
        self.answers[method] = Answer(list(events), **more) if events else Answer(**more)

    def _answer(self, method: str, params: Tree) -> Answer:
        self.arrived.append(method)
        self.params.append(params)
        return self.answers.get(method) or self.answers[""]

    async def health(self) -> None:
        """Be asked for the health: return, or never."""
        self.asked += 1
        if not self.healthy:
            await asyncio.Event().wait()

    # -- over HTTP

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """Take one request (ASGI 3)."""
        place = _PLACE.match(f"{scope['method']} {scope['path']}")
        if scope["method"] != "POST" and place is None:
            await self.health()
            card = {"name": self.name, "version": "1.0.0", "description": "x", "skills": []}
            await _send(send, 200, json.dumps(card).encode(), "application/json", {})
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
        request: Tree = json.loads(body or b"{}")
        if place is not None:
            method = next(name for name in _OPERATIONS if place[name])
            request = {"method": method, "params": request | ({"id": place["id"]} if place["id"] else {})}
            wrap: Callable[[Tree], bytes] = _bare
        else:
            wrap = functools.partial(_enveloped, request["id"])
        answer = self._answer(request["method"], request["params"])
        status = answer.status if isinstance(answer.status, int) else 200
        if answer.body is not None:
            await _send(send, status, answer.body, answer.media or "application/json", answer.headers)
        elif answer.error is not None:
            body, status = (
                _rest_error(answer)
                if place is not None
                else (json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": answer.error}).encode(), status)
            )
            await _send(send, status, body, answer.media or "application/json", answer.headers)
        elif request["method"] in _STREAMS:
            await _stream(receive, send, wrap, answer)
        else:
            if answer.after is not None:
                await answer.after.wait()
            result = answer.events[0]
            if request["method"] in {"GetTask", "CancelTask"}:
                result = result.get("task", result)
            body = wrap(result)
            await _send(send, status, body, answer.media or "application/json", answer.headers)

    # -- over gRPC

    def grpc(self) -> AbstractAsyncContextManager[str]:
        """Serve it over gRPC; its address."""
        return serve_grpc(_Servicer(self._answer), _HealthService(self))


class _HealthService(grpc.GenericRpcHandler):
    """``grpc.health.v1.Health`` without its messages: an answer of no bytes, or none."""

    def __init__(self, agent: WildAgent) -> None:
        self._agent = agent

    def service(self, handler_call_details: Any) -> Any:
        """The handler of ``Check``; None for anything else."""
        if handler_call_details.method != "/grpc.health.v1.Health/Check":
            return None

        async def check(_: bytes, __: Any) -> bytes:
            await self._agent.health()
            return b""

        return grpc.unary_unary_rpc_method_handler(check)


async def _send(send: Any, status: int, body: bytes, media: str, headers: Mapping[str, str]) -> None:
    raw = [(b"content-type", media.encode()), (b"content-length", str(len(body)).encode())]
    raw += [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


_OPERATIONS = ("SendMessage", "SendStreamingMessage", "GetTask", "CancelTask", "SubscribeToTask")
_PLACE = re.compile(
    r"(?P<SendMessage>POST /message:send)|(?P<SendStreamingMessage>POST /message:stream)|"
    r"(?:(?P<GetTask>GET)|POST) /tasks/(?P<id>[^:]+)(?:(?P<CancelTask>:cancel)|(?P<SubscribeToTask>:subscribe))?\Z"
)
"""The places of HTTP+JSON."""
_STATUSES = {"NOT_FOUND": 404, "RESOURCE_EXHAUSTED": 429, "INVALID_ARGUMENT": 400, "INTERNAL": 500}


def _enveloped(rpc_id: Any, result: Tree) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": rpc_id, "result": result}).encode()


def _bare(result: Tree) -> bytes:
    return json.dumps(result).encode()


def _rest_error(answer: Answer) -> tuple[bytes, int]:
    assert answer.error is not None
    status = answer.status if isinstance(answer.status, int) else _STATUSES.get(answer.status, 400)
    fault = {"code": status, "message": answer.error["message"], "details": answer.error.get("data") or []}
    fault |= {"status": answer.status} if isinstance(answer.status, str) else {}
    return json.dumps({"error": fault}).encode(), status


async def _stream(receive: Any, send: Any, wrap: Callable[[Tree], bytes], answer: Answer) -> None:
    raw = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    for event in answer.events:
        if event is GONE:
            raise ConnectionResetError("the agent dies here")
        if isinstance(event, int | float):
            await asyncio.sleep(event)
            continue
        await send({"type": "http.response.body", "body": b"data: " + wrap(event) + b"\n\n", "more_body": True})
    while answer.hold and (await receive())["type"] != "http.disconnect":
        pass
    await send({"type": "http.response.body", "body": b""})


class _Servicer(a2a_pb2_grpc.A2AServiceServicer):
    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def _unary(self, method: str, request: Any, context: Any, kind: type[Any]) -> Any:
        answer = self._answer(method, json_format.MessageToDict(request))
        await _refuse(answer, context)
        if answer.after is not None:
            await answer.after.wait()
        event = answer.events[0]
        return json_format.ParseDict(event if kind is a2a_pb2.SendMessageResponse else event.get("task", event), kind())

    async def SendMessage(self, request: Any, context: Any) -> Any:  # noqa: N802 - as the service names it
        return await self._unary("SendMessage", request, context, a2a_pb2.SendMessageResponse)

    async def GetTask(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._unary("GetTask", request, context, a2a_pb2.Task)

    async def CancelTask(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._unary("CancelTask", request, context, a2a_pb2.Task)

    async def SendStreamingMessage(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        async for event in self._events("SendStreamingMessage", request, context):
            yield event

    async def SubscribeToTask(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        async for event in self._events("SubscribeToTask", request, context):
            yield event

    async def _events(self, method: str, request: Any, context: Any) -> AsyncIterator[Any]:
        answer = self._answer(method, json_format.MessageToDict(request))
        await _refuse(answer, context)
        for event in answer.events:
            if event is GONE:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "")
            if isinstance(event, int | float):
                await asyncio.sleep(event)
                continue
            yield json_format.ParseDict(event, a2a_pb2.StreamResponse())
        if answer.hold:
            await asyncio.Event().wait()


async def _refuse(answer: Answer, context: Any) -> None:
    if not isinstance(answer.status, str) and answer.error is None:
        return
    code = grpc.StatusCode[answer.status] if isinstance(answer.status, str) else grpc.StatusCode.UNKNOWN
    error = answer.error or {"message": ""}
    trailers: list[tuple[str, Any]] = list(answer.headers.items())
    details: list[Any] = []
    for each in error.get("data") or ():
        name = str(each["@type"]).rpartition(".")[2]
        message = json_format.ParseDict({k: v for k, v in each.items() if k != "@type"}, getattr(_details, name)())
        packed = any_pb2.Any()
        packed.Pack(message)
        details.append(packed)
    if details:
        status = status_pb2.Status(code=code.value[0], message=error["message"], details=details)
        trailers.append(("grpc-status-details-bin", status.SerializeToString()))
    context.set_trailing_metadata(tuple(trailers))
    await context.abort(code, error["message"])
