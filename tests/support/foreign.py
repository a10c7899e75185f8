"""An A2A agent and client that are not ours: a2a-sdk's own server and client classes, with a scripted agent behind."""

from collections.abc import AsyncGenerator
from typing import Any, NoReturn

import httpx
from a2a.client.transports.jsonrpc import JsonRpcTransport
from a2a.client.transports.rest import RestTransport
from a2a.compat.v0_3.jsonrpc_transport import CompatJsonRpcTransport
from a2a.compat.v0_3.rest_transport import CompatRestTransport
from a2a.server.context import ServerCallContext
from a2a.server.request_handlers import RequestHandler
from a2a.server.routes import create_jsonrpc_routes, create_rest_routes
from a2a.types import a2a_pb2
from google.protobuf.message import Message as ProtoMessage
from starlette.applications import Starlette

from meshgate.a2a.bindings.base import Request

URL = "http://agent.test/"


class ScriptedAgent(RequestHandler):
    """Answers each call with the same events, or raises; keeps what it was asked."""

    def __init__(self, *events: Any, error: Exception | None = None) -> None:
        self._events = events
        self._error = error
        self.asked: list[ProtoMessage] = []

    def _answer(self, params: ProtoMessage) -> Any:
        self.asked.append(params)
        if self._error is not None:
            raise self._error
        return self._events[0]

    async def _stream(self, params: ProtoMessage) -> AsyncGenerator[Any, None]:
        self.asked.append(params)
        for event in self._events:
            yield event
        if self._error is not None:
            raise self._error

    async def on_get_task(self, params: Any, context: ServerCallContext) -> Any:
        return self._answer(params)

    async def on_cancel_task(self, params: Any, context: ServerCallContext) -> Any:
        return self._answer(params)

    async def on_message_send(self, params: Any, context: ServerCallContext) -> Any:
        return self._answer(params)

    async def on_message_send_stream(self, params: Any, context: ServerCallContext) -> AsyncGenerator[Any, None]:
        async for event in self._stream(params):
            yield event

    async def on_subscribe_to_task(self, params: Any, context: ServerCallContext) -> AsyncGenerator[Any, None]:
        async for event in self._stream(params):
            yield event

    async def on_list_tasks(self, params: Any, context: ServerCallContext) -> Any:
        return self._answer(params)

    async def on_create_task_push_notification_config(self, params: Any, context: ServerCallContext) -> Any:
        return self._answer(params)

    async def on_get_task_push_notification_config(self, params: Any, context: ServerCallContext) -> Any:
        return self._answer(params)

    async def on_list_task_push_notification_configs(self, params: Any, context: ServerCallContext) -> Any:
        return self._answer(params)

    async def on_delete_task_push_notification_config(self, params: Any, context: ServerCallContext) -> None:
        self._answer(params)

    async def on_get_extended_agent_card(self, params: Any, context: ServerCallContext) -> Any:
        return self._answer(params)


def app(agent: RequestHandler) -> Starlette:
    """a2a-sdk's JSON-RPC server, for 1.0 and for 0.3."""
    return Starlette(routes=create_jsonrpc_routes(agent, "/", enable_v0_3_compat=True))


async def post(agent: RequestHandler, body: bytes, version: str = "1.0") -> httpx.Response:
    """The answer of a2a-sdk's JSON-RPC server to a body of that version of A2A. Without a header it is of 0.3."""
    named = {"a2a-version": version} if version != "0.3" else {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app(agent))) as client:
        return await client.post(URL, content=body, headers={"content-type": "application/json", **named})


def extended_card() -> a2a_pb2.AgentCard:
    """The card of an agent that says it has another for those it knows: else a stock client does not ask for it."""
    return a2a_pb2.AgentCard(capabilities=a2a_pb2.AgentCapabilities(extended_agent_card=True))


def client(http: httpx.AsyncClient) -> JsonRpcTransport:
    """a2a-sdk's JSON-RPC client over the given connection."""
    return JsonRpcTransport(http, extended_card(), URL)


def rest_app(agent: RequestHandler) -> Starlette:
    """a2a-sdk's HTTP+JSON server, for 1.0 and for 0.3."""
    return Starlette(routes=create_rest_routes(agent, enable_v0_3_compat=True))


async def send_rest(agent: RequestHandler, request: Request, version: str = "1.0") -> httpx.Response:
    """The answer of a2a-sdk's HTTP+JSON server of that version of A2A to a request of ours."""
    query = f"?{request.query}" if request.query else ""
    url = URL.rstrip("/") + request.path + query
    async with httpx.AsyncClient(transport=httpx.ASGITransport(rest_app(agent))) as client:
        headers = {**request.headers, **({"a2a-version": version} if version != "0.3" else {})}
        return await client.request(request.method, url, content=request.body, headers=headers)


def rest_client(http: httpx.AsyncClient) -> RestTransport:
    """a2a-sdk's HTTP+JSON client over the given connection."""
    return RestTransport(http, extended_card(), URL)


def legacy_rest_client(http: httpx.AsyncClient) -> CompatRestTransport:
    """a2a-sdk's HTTP+JSON client for A2A 0.3 over the given connection."""
    return CompatRestTransport(http, extended_card(), URL)


def legacy_client(http: httpx.AsyncClient) -> CompatJsonRpcTransport:
    """a2a-sdk's JSON-RPC client for A2A 0.3 over the given connection."""
    return CompatJsonRpcTransport(http, extended_card(), URL)


class NoContext:
    """What a service of grpcio is given beside a message, for one that reads no metadata."""

    def invocation_metadata(self) -> tuple[()]:
        return ()


class NoChannel:
    """A channel of grpcio that keeps what a stub sends, and answers nothing."""

    def __init__(self, sent: list[Request]) -> None:
        self._sent = sent

    def unary_unary(self, path: str, request_serializer: Any, **_: Any) -> Any:
        async def ask(message: Any, **_: Any) -> NoReturn:
            self._sent.append(Request(path=path, body=request_serializer(message)))
            raise RuntimeError("nobody answers here")

        return ask

    unary_stream = unary_unary


def push_config(**changes: Any) -> a2a_pb2.TaskPushNotificationConfig:
    """A push configuration with every field set that 0.3 has as well."""
    given: dict[str, Any] = {
        "task_id": "task-1",
        "id": "p",
        "url": "https://hooks.example/a?b=c",
        "token": "secret",
        "authentication": a2a_pb2.AuthenticationInfo(scheme="Bearer", credentials="key"),
    }
    return a2a_pb2.TaskPushNotificationConfig(**{**given, **changes})


def card() -> a2a_pb2.AgentCard:
    """A card with an address of each version, and what has another form in 0.3."""
    key = a2a_pb2.SecurityScheme(api_key_security_scheme=a2a_pb2.APIKeySecurityScheme(location="header", name="x-key"))
    required = a2a_pb2.SecurityRequirement(schemes={"key": a2a_pb2.StringList(list=["read"])})
    skill = a2a_pb2.AgentSkill(id="s", name="s", description="d", tags=["t"], security_requirements=[required])
    return a2a_pb2.AgentCard(
        name="clerk",
        description="d",
        version="1.0.0",
        supported_interfaces=[
            a2a_pb2.AgentInterface(url=URL, protocol_binding="JSONRPC", protocol_version="0.3"),
        ],
        capabilities=a2a_pb2.AgentCapabilities(streaming=True, push_notifications=True, extended_agent_card=True),
        security_schemes={"key": key},
        security_requirements=[required],
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        skills=[skill],
        provider=a2a_pb2.AgentProvider(organization="o", url="https://o.example"),
    )


def task(state: int = a2a_pb2.TASK_STATE_COMPLETED) -> a2a_pb2.Task:
    """A task with every field set."""
    return a2a_pb2.Task(
        id="task-1",
        context_id="ctx",
        status=a2a_pb2.TaskStatus(state=a2a_pb2.TaskState.Name(state), message=said()),
        artifacts=[a2a_pb2.Artifact(artifact_id="a", name="n", parts=[a2a_pb2.Part(raw=b"\x00\xff")])],
        history=[said()],
    )


def said() -> a2a_pb2.Message:
    """A message."""
    message = a2a_pb2.Message(
        message_id="m-1", context_id="ctx", task_id="task-1", role=a2a_pb2.ROLE_AGENT, reference_task_ids=["task-0"]
    )
    message.parts.add().text = "h\u00e9llo"
    message.parts.add().data.struct_value.update({"n": 1.5, "list": [None, True, {"x": "y"}]})
    message.metadata.update({"trace": "t"})
    return message


def request() -> a2a_pb2.SendMessageRequest:
    """A request with a message."""
    asked = a2a_pb2.SendMessageRequest(message=said(), tenant="t")
    asked.message.role = a2a_pb2.ROLE_USER
    asked.configuration.history_length = 0
    asked.configuration.return_immediately = True
    return asked
