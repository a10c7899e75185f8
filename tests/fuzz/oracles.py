"""What must hold of whatever a parser lets in, and of each error that it raises."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import unquote

from meshgate.a2a.bindings import grpc, grpc_0_3, jsonrpc, jsonrpc_0_3
from meshgate.a2a.bindings.base import Binding, ClientExchange, Request, ServerExchange
from meshgate.a2a.bindings.http_json import rest, rest_0_3
from meshgate.a2a.call import Call
from meshgate.a2a.card_types import AgentCard
from meshgate.a2a.errors import InvalidAgentResponse, InvalidParams, MeshError
from meshgate.a2a.methods import Method
from meshgate.a2a.payload import IdMap, JsonPayload, Payload, ProtoPayload, payload_of
from meshgate.a2a.types import SendMessageRequest

__all__ = ["ALL", "VERSION", "alike", "as_server", "decoded", "reader", "tell", "use", "use_answer", "use_request"]

CURRENT: tuple[Binding, ...] = (jsonrpc.BINDING, rest.BINDING, grpc.BINDING)
LEGACY: tuple[Binding, ...] = (jsonrpc_0_3.BINDING, rest_0_3.BINDING, grpc_0_3.BINDING)
ALL = (*CURRENT, *LEGACY)
VERSION = {"1.0": {"a2a-version": "1.0"}, "0.3": dict[str, str]()}
"""The headers that say a version."""
_LONGEST = 4096
"""Most characters of an error's text: what an agent says itself is cut at 2,000 and stands among words of ours."""
_LARGEST = 40_000
"""Most bytes of an error on any wire: an agent's facts are cut at 16 KiB, and base64 makes a third more of them."""


def tell(error: MeshError) -> None:
    """Write an error in every binding, and read it again there."""
    assert len(error.message) <= _LONGEST, f"a text of {len(error.message)} characters"
    for binding in ALL:
        failure = binding.server().encode_error(error)
        assert len(failure.body) + len(failure.text) <= _LARGEST, f"{binding.id} {binding.version}: {len(failure.body)}"
    json.loads(jsonrpc.encode_error("1", error))
    grpc.decode_error(grpc.encode_error(error))


_ANY_REQUEST = {
    "message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]},
    "id": "t",
    "taskId": "t",
    "url": "https://caller.example/hook",
}
"""Has what the request of any method needs."""


def reader(binding: Binding, method: Method) -> ClientExchange:
    """The client's side of an exchange whose request, in JSON-RPC, has the id "1"."""
    exchange = binding.client(method, JsonPayload(method.request, _ANY_REQUEST))
    if binding.id == "JSONRPC":
        setattr(exchange, "_rpc_id", "1")  # noqa: B010 - ids are counted, and an input must mean the same each time
    return exchange


def writer(binding: Binding) -> ServerExchange:
    """The server's side of such an exchange."""
    exchange = binding.server()
    if binding.id == "JSONRPC":
        setattr(exchange, "_rpc_id", "1")  # noqa: B010 - see above
    return exchange


def as_server(request: Request, version: str) -> Request:
    """A request that a client's side wrote, as a server gets it."""
    headers = {**request.headers, **VERSION[version]}
    return Request(request.method, unquote(request.path), request.query, headers, request.body, None, request.path)


def decoded(exchange: ServerExchange, request: Request, refused: Iterable[int]) -> Call | None:
    """The call in a request; None if it is refused, which must have one of these statuses."""
    try:
        return exchange.decode_request(request)
    except MeshError as error:
        refusal = error
    tell(refusal)
    status = exchange.encode_error(refusal).status
    assert status in refused, f"refused with {status}: {refusal!r}"
    return None


def use(payload: Payload) -> None:
    """Do all that may be done with a message that was let in."""
    payload.view()
    payload.digest()
    payload.with_ids(IdMap("t~{}".format, str, str)).tree()
    jsonrpc.encode_result("1", payload)
    try:
        grpc.encode(payload)
    except InvalidParams:
        assert not isinstance(payload, ProtoPayload)


def use_request(call: Call) -> None:
    """Send a call on in every binding: its server reads it, and in 1.0 it means the same."""
    payload = call.payload
    payload.with_ids(IdMap("t~{}".format, str, str)).tree()
    digest = payload.digest()
    for binding in CURRENT:
        again = _sent(binding, call.method, payload)
        assert again is None or again.digest() == digest, f"{binding.id} has another meaning: {again.tree()}"
    # A caller's own keys may be some of 0.3's, whose servers then refuse them; what 1.0 knows they must take.
    known = payload_of(payload.view())
    for binding in LEGACY if call.method.name != "ListTasks" else ():
        _sent(binding, call.method, known)
        try:
            again = _sent(binding, call.method, payload)
        except InvalidParams:
            continue
        assert again is None or _hook(again) == _hook(payload), "a URL that no policy has seen reaches the agent"


def _sent(binding: Binding, method: Method, payload: Payload) -> Payload | None:
    """A request as the server of a binding reads it; None if it has no form there."""
    try:
        request = binding.client(method, payload).request
    except InvalidParams as error:
        tell(error)
        return None
    call = binding.server().decode_request(as_server(request, binding.version))
    assert call.method is method
    return call.payload


def _hook(payload: Payload) -> str:
    """Where a request to send a message wants notifications; "" if nowhere."""
    view = payload.view()
    wishes = view.configuration if isinstance(view, SendMessageRequest) else None
    config = wishes.task_push_notification_config if wishes is not None else None
    return config.url if config else ""


def alike(one: Payload, other: Payload) -> bool:
    """Whether two messages mean the same. Of cards the addresses are compared: protobuf drops what is empty in a map,
    and writes a version that is left out.
    """
    if one.kind is AgentCard:
        left, right = (
            [(each.url, each.protocol_binding) for each in card.view().supported_interfaces] for card in (one, other)
        )
        return bool(left == right)
    return one.digest() == other.digest()


def use_answer(payload: Payload, method: Method) -> None:
    """Pass an answer on in every binding: its client reads it, and in 1.0 it means the same."""
    use(payload)
    for binding in CURRENT:
        try:
            data = writer(binding).encode_answer(payload)
        except InvalidAgentResponse as error:
            tell(error)
            continue
        if binding is rest.BINDING and {"error", "code"} & payload.tree().keys():
            continue  # without an envelope a key of the agent's own makes its answer an error
        again = reader(binding, method).decode_answer(data)
        assert alike(again, payload), f"{binding.id} has another meaning: {data!r}"
    for binding in LEGACY if method.name != "ListTasks" else ():
        try:
            binding.server().encode_answer(payload)
        except InvalidAgentResponse as error:
            tell(error)
