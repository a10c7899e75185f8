# pyright: reportPrivateUsage=false
# Which fields are messages is nowhere to be seen from outside.
import copy
import json
from typing import Any, get_type_hints

import msgspec
import pytest
from a2a.client.card_resolver import parse_agent_card
from a2a.types import a2a_pb2
from google.protobuf import json_format

from meshgate.a2a.card_types import AgentCard, Terms
from meshgate.a2a.cards import CAPABILITIES_URI, MAX_CARD, interface, read_card, rewrite, terms_of
from meshgate.a2a.codec import strict_json
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.mesh.extensions import BY_GATEWAYS, CONTRACTS, LINEAGE, entry

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


@pytest.mark.requirement("path.extensions")
def test_a_rewritten_card_promises_what_the_gateway_enforces_and_no_more() -> None:
    out = rewrite(CARD, INTERFACES)
    assert "signatures" not in out
    assert list(out["securitySchemes"]) == ["key"]
    assert out["securityRequirements"] == [{"schemes": {"key": []}}]
    assert out["capabilities"]["pushNotifications"] is False
    assert "extendedAgentCard" not in out["capabilities"]
    assert [(each["uri"], bool(each.get("required"))) for each in out["capabilities"]["extensions"]] == [
        (CAPABILITIES_URI, False),
        ("https://x.test/needed", True),
        ("https://x.test/optional", False),
        *((one.uri, False) for one in BY_GATEWAYS),
    ]


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


@pytest.mark.requirement("edge.card_scope")
def test_a_card_that_is_cut_down_has_the_terms_of_its_skills_alone() -> None:
    def terms(skills: frozenset[str] | None) -> dict[str, Any]:
        extension = rewrite(CARD, INTERFACES, skills=skills)["capabilities"]["extensions"][0]
        return dict(extension["params"]["skills"])

    assert terms(frozenset({"read"})) == {}
    assert list(terms(frozenset({"read", "write"}))) == list(terms(None)) == ["write"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, {}),
        ({"params": None}, {}),
        ({"params": [1]}, {}),
        ({"params": {}}, {"params": {}}),
        ({"params": {"skills": [1]}}, {"params": {}}),
        ({"params": {"shared_tasks": True, "skills": None}}, {"params": {"shared_tasks": True}}),
    ],
)
def test_a_card_whose_terms_cannot_be_read_is_cut_down_too(given: dict[str, Any], kept: dict[str, Any]) -> None:
    card = {**CARD, "capabilities": {"extensions": [{"uri": CAPABILITIES_URI, **given}]}}
    cut = rewrite(card, INTERFACES, skills=frozenset({"read"}))["capabilities"]["extensions"]
    assert cut[: -len(BY_GATEWAYS)] == [{"uri": CAPABILITIES_URI, **kept}]


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
    out["securityRequirements"] = [{"schemes": {"key": {"list": []}}}]  # as strict ProtoJSON writes it
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
    tree, view, _ = read_card(json_format.MessageToJson(card).encode())
    assert (view.name, view.version, view.capabilities.streaming) == ("a", "1", True)
    assert [skill.id for skill in view.skills] == ["s"]
    assert json_format.ParseDict(rewrite(tree, INTERFACES), a2a_pb2.AgentCard()).name == "a"


def test_the_least_card_becomes_a_whole_one() -> None:
    addresses = [{"url": INSIDE, "protocolBinding": "JSONRPC"}]
    tree, view, _ = read_card(json.dumps({"name": "a", "version": "1", "supportedInterfaces": addresses}).encode())
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
        json.dumps({**CARD, "name": 1}).encode(),
        json.dumps({**CARD, "skills": {}}).encode(),
        json.dumps({**CARD, "skills": [None]}).encode(),
        json.dumps({**CARD, "skills": [{"id": ""}]}).encode(),
        json.dumps({**CARD, "supportedInterfaces": None, "protocolVersion": "1.0"}).encode(),
        json.dumps({**CARD, "supported_interfaces": []}).encode(),
        json.dumps({**CARD, "Skills": []}).encode(),
        json.dumps({**CARD, "skills": [{"name": "x"}]}).encode(),
        json.dumps({**CARD, "supportedInterfaces": [{}]}).encode(),
        json.dumps({"name": "a", "url": INSIDE, "version": "1", "protocolVersion": "0.2.6", "skills": []}).encode(),
        json.dumps({"name": "a", "version": "1", "protocolVersion": "0.3", "skills": []}).encode(),
        b" " * (MAX_CARD + 1),
    ],
)
def test_what_is_no_card_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidParams):
        read_card(data)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"skills": [{"name": "x"}]}, "skills[0].id: must not be empty"),
        ({"skills": [{"id": "x", "tags": [1]}]}, "skills[0].tags[0]: must be a string, not a whole number"),
        ({"supportedInterfaces": None}, "supportedInterfaces: must be there"),
        (
            {"supportedInterfaces": None, "url": INSIDE, "protocolVersion": "0.2.6"},
            "it is one of A2A 0.2.6: serve the agent with an SDK of A2A 1.0 or 0.3",
        ),
        ({"supportedInterfaces": None, "url": INSIDE, "protocolVersion": "1.0"}, "supportedInterfaces: must be there"),
        (
            {"supportedInterfaces": None, "additionalInterfaces": None, "protocolVersion": "0.3.0"},
            "url: must be there, and not empty",
        ),
        ({"supportedInterfaces": None, "additionalInterfaces": None, "url": ""}, "url: must be there, and not empty"),
    ],
)
def test_a_refusal_says_what_the_card_is_or_where_it_is_wrong(changes: dict[str, Any], told: str) -> None:
    card = {key: value for key, value in CARD.items() if key not in ("url", "protocolVersion")}
    with pytest.raises(InvalidParams) as refused:
        read_card(json.dumps({**card, **changes}).encode())
    assert refused.value.message == f"this is no agent card of A2A 1.0 or 0.3: {told}"


OLD: dict[str, Any] = {
    "protocolVersion": "0.3.0",
    "name": "writer",
    "description": "Writes",
    "version": "1.4.0",
    "url": "https://h/rpc",
    "additionalInterfaces": [
        {"url": "https://h/rpc", "transport": "JSONRPC"},
        {"url": "h:50051", "transport": "GRPC"},
    ],
    "capabilities": {"streaming": True, "stateTransitionHistory": False},
    "securitySchemes": {"key": {"type": "apiKey", "in": "query", "name": "k"}},
    "security": [{"key": []}],
    "defaultInputModes": ["text/plain"],
    "defaultOutputModes": ["text/plain"],
    "skills": [{"id": "write", "name": "Write", "description": "d", "tags": ["t"], "security": [{"key": ["w"]}]}],
}


@pytest.mark.requirement("cards.v0_3")
def test_a_card_of_0_3_is_read_as_one_of_1_0() -> None:
    tree, view, corrections = read_card(json.dumps(OLD).encode())
    assert [(one.url, one.protocol_binding, one.protocol_version) for one in view.supported_interfaces] == [
        ("https://h/rpc", "JSONRPC", "0.3"),
        ("h:50051", "GRPC", "0.3"),
    ]
    scheme = view.security_schemes["key"].api_key_security_scheme
    assert scheme is not None
    assert (scheme.location, scheme.name) == ("query", "k")
    assert (view.security_requirements[0].schemes, view.skills[0].security_requirements[0].schemes) == (
        {"key": {"list": []}},
        {"key": {"list": ["w"]}},
    )
    assert corrections == ()
    assert json_format.ParseDict(tree, a2a_pb2.AgentCard()).capabilities.streaming


@pytest.mark.requirement("cards.v0_3")
def test_of_a_card_with_the_keys_of_both_versions_those_of_1_0_win() -> None:
    own = {"url": "https://h/new", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
    scheme = {**OLD["securitySchemes"]["key"], "httpAuthSecurityScheme": {"scheme": "Bearer"}}
    card = {**OLD, "supportedInterfaces": [own], "securitySchemes": {"key": scheme}, "securityRequirements": []}
    tree, view, _ = read_card(json.dumps(card).encode())
    assert [(one.url, one.protocol_version) for one in view.supported_interfaces] == [
        ("https://h/new", "1.0"),
        ("https://h/rpc", "0.3"),
        ("h:50051", "0.3"),
    ]
    assert tree["securitySchemes"] == {"key": {"httpAuthSecurityScheme": {"scheme": "Bearer"}}}
    assert tree["securityRequirements"] == []
    assert tree.keys().isdisjoint({"url", "protocolVersion", "preferredTransport", "additionalInterfaces", "security"})


@pytest.mark.requirement("cards.v0_3")
def test_a_card_of_0_3_that_says_no_version_is_read_and_what_was_supposed_is_told() -> None:
    card = {key: value for key, value in OLD.items() if key != "protocolVersion"}
    card["securitySchemes"] = {"odd": {"type": "basic"}}
    assert read_card(json.dumps(card).encode()).corrections == (
        "protocolVersion: left out, read as 0.3",
        "securitySchemes.odd: its type is none of A2A's: left out",
    )


@pytest.mark.requirement("cards.protojson")
def test_a_card_as_go_writes_it_is_read_and_what_was_put_right_is_told() -> None:
    # Go's encoding/json writes a list or map that was never made as null.
    card = {
        "name": "writer",
        "version": "1",
        "supportedInterfaces": [{"url": INSIDE, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}],
        "capabilities": {"streaming": True, "extensions": None},
        "provider": None,
        "securitySchemes": None,
        "securityRequirements": None,
        "defaultInputModes": None,
        "signatures": None,
        "skills": [{"id": "write", "name": "Write", "tags": None, "examples": None, "securityRequirements": None}],
    }
    tree, view, corrections = read_card(json.dumps(card).encode())
    assert "null" not in json.dumps(tree)
    assert (view.capabilities.streaming, [skill.id for skill in view.skills]) == (True, ["write"])
    assert corrections == tuple(
        f"{place}: null, read as left out"
        for place in (
            "provider",
            "securitySchemes",
            "securityRequirements",
            "defaultInputModes",
            "signatures",
            "skills[0].tags",
            "skills[0].examples",
            "skills[0].securityRequirements",
            "capabilities.extensions",
        )
    )
    assert json_format.ParseDict(rewrite(tree, INTERFACES), a2a_pb2.AgentCard()).skills[0].id == "write"


@pytest.mark.requirement("cards.protojson")
@pytest.mark.parametrize(
    ("skills", "told"),
    [
        ({}, ("skills: left out, read as none",)),
        ({"skills": None}, ("skills: null, read as left out",)),
        ({"skills": []}, ()),
    ],
)
def test_a_card_without_skills_is_a_card(skills: dict[str, Any], told: tuple[str, ...]) -> None:
    addresses = [{"url": INSIDE, "protocolBinding": "JSONRPC"}]
    _, view, corrections = read_card(
        json.dumps({"name": "a", "version": "1", "supportedInterfaces": addresses, **skills}).encode()
    )
    assert (view.skills, corrections) == ([], told)


@pytest.mark.requirement("cards.protojson")
def test_a_card_is_read_as_the_proto_spells_it_too() -> None:
    stock = json_format.ParseDict({key: CARD[key] for key in SPELLED}, a2a_pb2.AgentCard(), ignore_unknown_fields=True)
    spelled = json_format.MessageToDict(stock, preserving_proto_field_name=True)
    tree, view, corrections = read_card(json.dumps(spelled).encode())
    plain = json_format.MessageToDict(stock)
    assert (tree, view) == read_card(json.dumps(plain).encode())[:2]
    assert "supported_interfaces: read as supportedInterfaces" in corrections


SPELLED = ("name", "version", "supportedInterfaces", "capabilities", "securitySchemes", "skills", "defaultInputModes")


@pytest.mark.requirement("cards.protojson")
@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("provider", "Acme", "provider: must be an object or null, not a string"),
        ("provider", {"organization": 1}, "provider.organization: must be a string, not a whole number"),
        ("iconUrl", 7, "iconUrl: must be a string, not a whole number"),
        ("documentation_url", [], "documentationUrl: must be a string, not a list"),
        ("securityRequirements", {"key": []}, "securityRequirements: must be a list, not an object"),
        (
            "securitySchemes",
            {"a": {"mtlsSecurityScheme": 1}},
            "must be an object or null, not a whole number",
        ),
        ("signatures", "s", "signatures: must be a list, not a string"),
    ],
)
def test_a_field_that_the_mesh_can_do_without_and_cannot_read_is_left_out(key: str, value: Any, fault: str) -> None:
    card = {**CARD, "documentationUrl": None, key: value}
    tree, _, corrections = read_card(json.dumps(card).encode())
    assert key not in tree
    assert any(each.endswith(f"{fault}: left out") for each in corrections)


def test_every_field_of_a2as_card_is_known() -> None:
    def fields(descriptor: Any, kind: Any) -> None:
        ours = {field.name: field for field in msgspec.structs.fields(kind)}
        theirs = {field.name: field for field in descriptor.fields}
        assert theirs.keys() <= ours.keys(), descriptor.full_name
        assert {name: field.json_name for name, field in theirs.items()} == {
            name: ours[name].encode_name for name in theirs
        }
        for name, (child, _) in _children(kind).items():
            below = theirs[name].message_type if name in theirs else None
            if below is not None:
                entry = below.fields_by_name["value"].message_type if below.GetOptions().map_entry else below
                fields(entry, child)

    fields(a2a_pb2.AgentCard.DESCRIPTOR, AgentCard)


def _children(kind: Any) -> dict[str, Any]:
    found = {name: strict_json._message_type(hint) for name, hint in get_type_hints(kind).items()}
    return {name: child for name, child in found.items() if child is not None}


def with_terms(params: Any) -> bytes:
    extension = {"uri": CAPABILITIES_URI, "params": params}
    return json.dumps({**CARD, "capabilities": {"extensions": [{"uri": "other"}, extension]}}).encode()


def test_the_terms_of_skills_are_read_from_the_cards_extension() -> None:
    _, view, _ = read_card(json.dumps(CARD).encode())
    terms = terms_of(view)
    assert terms.skills["write"].version == "2.1"
    assert terms.skills["write"].labels == {"region": "eu"}
    assert (terms.skills["write"].reentrant, terms.shared_tasks) == (2, False)


@pytest.mark.parametrize(
    "params", [[], "x", 1, {"skills": []}, {"skills": {"a": {"version": 1}}}, {"shared_tasks": "yes"}]
)
def test_terms_that_cannot_be_read_are_refused(params: Any) -> None:
    with pytest.raises(InvalidParams):
        terms_of(read_card(with_terms(params)).card)


@pytest.mark.requirement("extensions.cards")
def test_what_the_gateway_does_itself_a_card_says_in_its_words_and_requires_of_nobody() -> None:
    theirs = [{"uri": one.uri, "required": True, "params": {"x": 1}} for one in (LINEAGE, CONTRACTS)]
    listed: tuple[dict[str, Any] | None, ...] = (None, {"skills": {"read": {"releases": []}}})
    for contracts in listed:
        out = rewrite({**CARD, "capabilities": {"extensions": theirs}}, INTERFACES, contracts=contracts)
        own = [entry(CONTRACTS, contracts)] if contracts else []
        assert out["capabilities"]["extensions"] == [*map(entry, BY_GATEWAYS), *own]
    assert not any(one["required"] for one in map(entry, BY_GATEWAYS))


def test_the_schemes_of_a_card_of_0_3_are_found_as_the_proto_spells_them_too() -> None:
    card: dict[str, Any] = {
        "name": "a",
        "version": "1",
        "url": "http://a",
        "protocolVersion": "0.3.0",
        "skills": [],
        "security_schemes": {"k": {"type": "apiKey", "in": "header", "name": "n"}},
    }
    read = read_card(json.dumps(card).encode())
    assert read.tree["securitySchemes"] == {"k": {"apiKeySecurityScheme": {"location": "header", "name": "n"}}}
    assert read_card(json.dumps(read.tree).encode()).card == read.card
