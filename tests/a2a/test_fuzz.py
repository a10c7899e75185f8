"""Any bytes at all: a call or an event comes out, or an error of the tree; nothing else, and never a 500."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meshgate.a2a.bindings import grpc as binding
from meshgate.a2a.bindings import jsonrpc
from meshgate.a2a.bindings.base import Failure, Request
from meshgate.a2a.bindings.sse import SseParser
from meshgate.a2a.call import Call
from meshgate.a2a.cards import read_card, rewrite, terms_of
from meshgate.a2a.errors import (
    InvalidAgentResponse,
    InvalidParams,
    InvalidRequest,
    MeshError,
)
from meshgate.a2a.methods import METHODS, Method
from meshgate.a2a.payload import IdMap, JsonPayload
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import SendMessageResponse
from meshgate.net.endpoint import HttpEndpoint
from tests.fuzz.oracles import tell, use
from tests.support.a2a_messages import by_kind, json_values
from tests.support.virtual_loop import run

methods = st.sampled_from(list(METHODS.values()))
_edits = st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 2), st.binary(max_size=3)), max_size=4)


def mutated(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """The bytes with some replaced, taken out or put in."""
    for place, length, new in edits:
        at = place % (len(data) + 1)
        data = data[:at] + new + data[at + length :]
    return data


_words = st.sampled_from(
    [
        "jsonrpc",
        "2.0",
        "id",
        "method",
        "params",
        "message",
        "messageId",
        "role",
        "ROLE_USER",
        "parts",
        "text",
        "data",
        "raw",
        "result",
        "error",
        "code",
        "task",
        "status",
        "state",
        "@type",
        "metadata",
        "message_id",
        "Message",
        None,
        1,
        -32001,
        1e308,
    ]
)
_loose = st.recursive(
    _words | json_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words.map(str), inner, max_size=5),
    max_leaves=12,
)


@st.composite
def near_requests(draw: st.DrawFn) -> bytes:
    """A good request with a few bytes changed."""
    method = draw(methods)
    params = draw(by_kind[method.request])
    body = json.dumps({"jsonrpc": "2.0", "id": "1", "method": method.name, "params": params}).encode()
    return mutated(body, draw(_edits))


@st.composite
def loose_requests(draw: st.DrawFn) -> bytes:
    """A request of a known method with anything for parameters."""
    method = draw(methods)
    return json.dumps({"jsonrpc": "2.0", "id": "1", "method": method.name, "params": draw(_loose)}).encode()


bodies = (
    st.binary(max_size=200) | _loose.map(lambda tree: json.dumps(tree).encode()) | near_requests() | loose_requests()
)


async def _answers(call: Call) -> Reply:
    call.payload.digest()
    call.payload.with_ids(IdMap("t~{}".format, str, str))
    binding.encode(call.payload)  # whatever came over JSON can go on over gRPC, or says why not
    return Reply.one(
        JsonPayload(SendMessageResponse, {"message": {"messageId": "m", "role": "ROLE_AGENT", "parts": []}})
    )


def post(body: bytes) -> tuple[int, Any]:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = {"content-type": "application/json", "a2a-version": "1.0"}
    run(HttpEndpoint(jsonrpc.BINDING, _answers)(Request(headers=headers), receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"].removeprefix(b"data: "))


@settings(max_examples=200)
@given(bodies)
@example(b'{"jsonrpc":"2.0","id":"1","method":"SendMessage","params":{"message":null}}')
@example(b'{"jsonrpc":"2.0","id":"\\ud800","method":"GetTask","params":{"id":"a"}}')
@example(b'{"jsonrpc":"2.0","id":' + b"9" * 400 + b',"method":"GetTask","params":{"id":"a"}}')
@pytest.mark.requirement("a2a.any_bytes")
def test_any_body_is_answered_and_never_by_a_500(body: bytes) -> None:
    status, answer = post(body)
    assert status in (200, 400)
    assert answer["jsonrpc"] == "2.0"
    if "error" in answer:
        assert answer["error"]["code"] not in (-32603, -32006)
        assert answer["error"]["data"][0]["reason"]


@settings(max_examples=200)
@given(st.binary(max_size=300) | _loose.map(lambda tree: json.dumps(tree).encode()) | near_requests(), methods)
def test_any_answer_is_an_event_or_an_error_of_the_tree(body: bytes, method: Method) -> None:
    try:
        payload = jsonrpc.decode_answer(body, method, "1")
    except MeshError as error:
        tell(error)
        return
    use(payload)


@settings(max_examples=200)
@given(_loose, _loose, methods)
def test_any_error_or_result_in_an_answer_is_read_or_refused(result: Any, fault: Any, method: Method) -> None:
    for member in ({"result": result}, {"error": fault}, {"error": {"code": -32001, "data": [fault]}}):
        body = json.dumps({"jsonrpc": "2.0", "id": "1", **member}).encode()
        try:
            use(jsonrpc.decode_answer(body, method, "1"))
        except MeshError as error:
            tell(error)


@st.composite
def near_messages(draw: st.DrawFn, *, requests: bool) -> tuple[Method, bytes]:
    """A good protobuf message with a few bytes changed."""
    method = draw(methods)
    kind = method.request if requests else method.response
    tree = draw(by_kind[kind])
    return method, mutated(binding.encode(JsonPayload(kind, tree)), draw(_edits))


@settings(max_examples=200)
@given(st.tuples(methods, st.binary(max_size=200)) | near_messages(requests=True))
@pytest.mark.requirement("a2a.any_bytes")
def test_any_protobuf_request_is_a_call_or_an_error_of_the_tree(case: tuple[Method, bytes]) -> None:
    method, body = case
    try:
        call = binding.decode_call(method.name, body, {}, None)
    except (InvalidParams, InvalidRequest) as error:
        tell(error)
        return
    use(call.payload)


@settings(max_examples=200)
@given(st.tuples(methods, st.binary(max_size=200)) | near_messages(requests=False))
def test_any_protobuf_answer_is_an_event_or_the_agents_fault(case: tuple[Method, bytes]) -> None:
    method, body = case
    try:
        payload = binding.decode_answer(body, method)
    except InvalidAgentResponse:
        return
    use(payload)


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=60) | st.sampled_from([b"data: ", b"\n", b"\r", b": x", b"\n\n"]), max_size=20))
@pytest.mark.requirement("a2a.any_bytes")
def test_any_stream_is_events_or_the_agents_fault(chunks: list[bytes]) -> None:
    parser = SseParser(200)
    try:
        for chunk in chunks:
            for event in parser.feed(chunk):
                assert len(event) <= 200
    except InvalidAgentResponse:
        return


@given(st.binary(max_size=200), st.integers(-1, 20))
def test_any_details_are_an_error_of_the_tree(data: bytes, status: int) -> None:
    tell(binding.decode_error(Failure(status, data, "text")))


_cards = st.fixed_dictionaries(
    {"name": st.text(max_size=5), "version": st.text(max_size=5), "supportedInterfaces": st.just([])},
    optional={"skills": st.just([]) | _loose, "capabilities": _loose, "provider": _loose, "defaultInputModes": _loose},
)


@given(st.binary(max_size=200) | (_loose | _cards).map(lambda tree: json.dumps(tree).encode()))
def test_any_card_is_read_and_rewritten_or_refused(data: bytes) -> None:
    try:
        tree, view, _ = read_card(data)
        terms_of(view)
    except InvalidParams:
        return
    json.dumps(rewrite(tree, []))
