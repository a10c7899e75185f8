import copy
import json
from typing import Any

import pytest
from a2a.client.card_resolver import parse_agent_card
from a2a.types import a2a_pb2
from google.protobuf import json_format

from meshgate.a2a.card_types import Terms
from meshgate.a2a.cards import CAPABILITIES_URI, MAX_CARD, interface, read_card, rewrite, terms_of
from meshgate.a2a.errors import InvalidParams

INSIDE = "http://10.0.0.7:9000"
INTERFACES = [interface("http://gw/agents/writer", "JSONRPC"), interface("gw:8081", "GRPC")]
# Of two versions, signed, with everything in it that a gateway must not pass on.
CARD: dict[str, Any] = {
    "name": "writer",
    "description": "Writes",
    "version": "1.4.0",
    "provider": {"organization": "Acme", "url": "https://acme.test"},
    "documentationUrl": "https://acme.test/docs",
    "supportedInterfaces": [
        {"url": INSIDE, "protocolBinding": "JSONRPC", "protocolVersion": "1.0", "tenant": "inside"}
    ],
    "url": INSIDE,
    "protocolVersion": "0.3",
    "preferredTransport": "JSONRPC",
    "additionalInterfaces": [{"url": INSIDE + "/grpc", "transport": "GRPC"}],
    "security": [{"inside": []}],
    "supportsAuthenticatedExtendedCard": True,
    "x-internal": INSIDE,
    "capabilities": {
        "streaming": True,
        "pushNotifications": True,
        "extendedAgentCard": True,
        "extensions": [
            {
                "uri": CAPABILITIES_URI,
                "params": {"skills": {"write": {"version": "2.1", "labels": {"region": "eu"}, "reentrant": 2}}},
            },
            {"uri": "https://x.test/needed", "required": True},
            {"uri": "https://x.test/optional"},
        ],
    },
    "securitySchemes": {"inside": {"apiKeySecurityScheme": {"location": "header", "name": "X-Inside"}}},
    "securityRequirements": [{"schemes": {"inside": {"list": []}}}],
    "defaultInputModes": ["text/plain"],
    "defaultOutputModes": ["text/plain"],
    "skills": [
        {
            "id": "write",
            "name": "Write",
            "description": "d",
            "tags": ["t"],
            "securityRequirements": [{"schemes": {"inside": {"list": []}}}],
            "x-internal": INSIDE,
        },
        {"id": "read", "name": "Read", "description": "d", "tags": [], "inputModes": ["image/png"]},
    ],
    "signatures": [{"protected": "p", "signature": "s"}],
}


def test_a_rewritten_card_names_the_gateways_addresses_and_nothing_from_inside() -> None:
    out = rewrite(CARD, INTERFACES)
    assert out["supportedInterfaces"] == INTERFACES
    assert INSIDE not in json.dumps(out)
    assert "inside" not in json.dumps(out)


def test_a_rewritten_card_promises_what_the_gateway_enforces_and_no_more() -> None:
    out = rewrite(CARD, INTERFACES)
    assert "signatures" not in out
    assert list(out["securitySchemes"]) == ["key"]
    assert out["securityRequirements"] == [{"schemes": {"key": {"list": []}}}]
    assert out["capabilities"]["pushNotifications"] is False
    assert "extendedAgentCard" not in out["capabilities"]
    assert [each["uri"] for each in out["capabilities"]["extensions"]] == [CAPABILITIES_URI, "https://x.test/optional"]


def test_a_card_that_needs_no_key_asks_for_none() -> None:
    assert not rewrite(CARD, INTERFACES, secured=False).keys() & {"securitySchemes", "securityRequirements"}


@pytest.mark.parametrize(
    ("said", "promised"), [({"streaming": True}, True), ({"streaming": False}, False), ({}, False), (None, False)]
)
def test_streaming_is_promised_only_if_the_agent_does(said: Any, promised: bool) -> None:
    assert rewrite({**CARD, "capabilities": said}, INTERFACES)["capabilities"]["streaming"] is promised


def test_a_card_may_be_cut_down_to_some_skills() -> None:
    assert [skill["id"] for skill in rewrite(CARD, INTERFACES, skills=frozenset({"read"}))["skills"]] == ["read"]
    assert rewrite(CARD, INTERFACES, skills=frozenset())["skills"] == []
    assert [skill["id"] for skill in rewrite(CARD, INTERFACES)["skills"]] == ["write", "read"]


def test_each_skill_has_modes_and_keeps_its_own() -> None:
    write, read = rewrite(CARD, INTERFACES)["skills"]
    assert write["inputModes"]
    assert write["outputModes"]
    assert read["inputModes"] == ["image/png"]


def test_the_agents_card_is_left_as_it_was() -> None:
    before = copy.deepcopy(CARD)
    rewrite(CARD, INTERFACES)
    assert before == CARD


def test_a_stock_client_reads_a_rewritten_card() -> None:
    out = rewrite(CARD, INTERFACES)
    card = parse_agent_card(copy.deepcopy(out))
    strict = json_format.ParseDict(out, a2a_pb2.AgentCard())  # refuses every key that A2A 1.0 does not know

    assert card == strict
    assert [(each.url, each.protocol_binding, each.protocol_version) for each in card.supported_interfaces] == [
        ("http://gw/agents/writer", "JSONRPC", "1.0"),
        ("gw:8081", "GRPC", "1.0"),
    ]
    assert card.security_schemes["key"].http_auth_security_scheme.scheme == "Bearer"
    assert [skill.id for skill in card.skills] == ["write", "read"]
    assert (card.name, card.version, card.provider.organization) == ("writer", "1.4.0", "Acme")


def test_a_stock_servers_card_is_read() -> None:
    card = a2a_pb2.AgentCard(
        name="a", version="1", description="d", capabilities=a2a_pb2.AgentCapabilities(streaming=True)
    )
    card.supported_interfaces.add(url="http://a", protocol_binding="JSONRPC", protocol_version="1.0")
    card.skills.add(id="s", name="S", description="d", tags=["t"])
    tree, view = read_card(json_format.MessageToJson(card).encode())
    assert (view.name, view.version, view.capabilities.streaming) == ("a", "1", True)
    assert [skill.id for skill in view.skills] == ["s"]
    assert json_format.ParseDict(rewrite(tree, INTERFACES), a2a_pb2.AgentCard()).name == "a"


def test_the_least_card_becomes_a_whole_one() -> None:
    tree, view = read_card(json.dumps({"name": "a", "version": "1", "supportedInterfaces": [], "skills": []}).encode())
    out = rewrite(tree, INTERFACES, secured=False)
    required = {"name", "description", "version", "supportedInterfaces", "capabilities", "skills"}
    assert required | {"defaultInputModes", "defaultOutputModes"} == out.keys()
    assert terms_of(view) == Terms()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b"null",
        b"{}",
        b"\xff",
        b"<html>",
        b"[" * 1_000,
        b"[" + b"1," * 60_000 + b"1]",
        json.dumps({**CARD, "name": None}).encode(),
        json.dumps({**CARD, "skills": None}).encode(),
        json.dumps({**CARD, "skills": [{"name": "x"}]}).encode(),
        json.dumps({**CARD, "supportedInterfaces": [{}]}).encode(),
        json.dumps({"name": "a", "url": INSIDE, "version": "1", "protocolVersion": "0.3", "skills": []}).encode(),
        b" " * (MAX_CARD + 1),
    ],
)
def test_what_is_no_card_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidParams):
        read_card(data)


def with_terms(params: Any) -> bytes:
    extension = {"uri": CAPABILITIES_URI, "params": params}
    return json.dumps({**CARD, "capabilities": {"extensions": [{"uri": "other"}, extension]}}).encode()


def test_the_terms_of_skills_are_read_from_the_cards_extension() -> None:
    _, view = read_card(json.dumps(CARD).encode())
    terms = terms_of(view)
    assert terms.skills["write"].version == "2.1"
    assert terms.skills["write"].labels == {"region": "eu"}
    assert (terms.skills["write"].reentrant, terms.shared_tasks) == (2, False)


@pytest.mark.parametrize(
    "params", [[], "x", 1, {"skills": []}, {"skills": {"a": {"version": 1}}}, {"shared_tasks": "yes"}]
)
def test_terms_that_cannot_be_read_are_refused(params: Any) -> None:
    _, view = read_card(with_terms(params))
    with pytest.raises(InvalidParams):
        terms_of(view)
