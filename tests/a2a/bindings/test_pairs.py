"""What a gateway does between two bindings: each message is parsed once, and written anew only if its form changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from meshgate.a2a.bindings import grpc, grpc_0_3
from meshgate.a2a.bindings.base import Binding, Request
from meshgate.a2a.bindings.table import ROWS, Row
from meshgate.a2a.codec import strict_json
from meshgate.a2a.methods import METHODS, Method
from meshgate.a2a.payload import IdMap, Payload, ProtoPayload
from meshgate.a2a.v0_3 import form, proto_form, tree_form
from tests.a2a.bindings.test_base import REQUESTS, answer_of, received, sayable

Pair = tuple[Row[Binding], Row[Binding]]
PAIRS = [(caller, agent) for caller in ROWS for agent in ROWS]
# HTTP+JSON of 1.0 and JSON-RPC of 1.0 are two bindings around one form, and a bodiless request is all path.
FORMS = {("JSONRPC", "1.0"): "json", ("HTTP+JSON", "1.0"): "json"}


def form_of(row: Row[Binding]) -> Any:
    return FORMS.get(row.key, row.key)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a document was parsed, and how often one was written in another form."""
    counts: Counter[str] = Counter()

    def count(place: Any, name: str, what: str) -> None:
        right: Callable[..., Any] = getattr(place, name)

        def counting(*args: Any, **more: Any) -> Any:
            counts[what] += 1
            return right(*args, **more)

        monkeypatch.setattr(place, name, counting)

    class Decoder:
        def decode(self, body: bytes) -> Any:
            counts["parsed"] += 1
            return decoder.decode(body)

    decoder: Any = getattr(strict_json, "_decoder")  # noqa: B009 - it is private
    monkeypatch.setattr(strict_json, "_decoder", Decoder())
    for binding in (grpc, grpc_0_3):
        count(binding, "parse_message", "parsed")
    for place, name in (
        (form.JsonForm, "downgrade"),
        (proto_form.ProtoForm, "downgrade"),
        (tree_form.TreeForm, "downgrade"),
        (grpc, "to_proto"),
    ):
        count(place, name, "written anew")
    return counts


def served(row: Row[Binding], method: Method) -> tuple[Any, Payload]:
    """The exchange of a request that came by a binding, and its payload."""
    asked = row.load().client(method, ProtoPayload(method.request, REQUESTS[method.name])).request
    exchange = row.load().server()
    return exchange, exchange.decode_request(received(asked, row)).payload


@pytest.mark.requirement("door.no_conversion")
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: " to ".join("-".join(row.key) for row in pair))
@pytest.mark.parametrize("name", ["SendMessage", "SendStreamingMessage"])
def test_a_call_between_two_bindings(counted: Counter[str], pair: Pair, name: str) -> None:
    caller, agent = pair
    method = METHODS[name]
    exchange, payload = served(caller, method)
    counted.clear()
    # The request goes on.
    client = agent.load().client(method, payload.with_ids(IdMap(str.upper, str.upper, str.upper)))
    anew = form_of(caller) != form_of(agent)
    assert counted == Counter({"written anew": 1} if anew and form_of(agent) != "json" else {})

    # The agent answers, in its binding.
    server = agent.load().server()
    request = client.request
    server.decode_request(
        received(Request(request.method, request.path, request.query, request.headers, request.body), agent)
    )
    answer = server.encode_event(ProtoPayload(method.response, sayable(agent, answer_of(method))))
    counted.clear()
    event = client.decode_event(answer)
    assert counted["parsed"] == 1
    exchange.encode_event(event.with_ids(IdMap(str.upper, str.upper, str.upper)))
    assert counted["parsed"] == 1
    assert counted["written anew"] == (1 if anew and form_of(caller) != "json" else 0)


@pytest.mark.requirement("door.no_conversion")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(row.key))
def test_a_request_is_parsed_once(counted: Counter[str], row: Row[Binding]) -> None:
    asked = received(
        row.load()
        .client(METHODS["SendMessage"], ProtoPayload(METHODS["SendMessage"].request, REQUESTS["SendMessage"]))
        .request,
        row,
    )
    counted.clear()
    payload = row.load().server().decode_request(asked).payload
    payload.view()
    payload.tree()
    assert counted == Counter({"parsed": 1})
