"""A foreign agent's card, as the registry holds it."""

import json
from typing import Any

import msgspec
import pytest

from meshgate.a2a.bindings.base import Binding
from meshgate.a2a.bindings.table import Row
from meshgate.a2a.cards import CAPABILITIES_URI
from meshgate.a2a.errors import InvalidParams
from meshgate.registry import limits
from meshgate.registry.foreign import foreign_agent
from meshgate.registry.foreign.foreign_agent import agent_name, fitting, foreign_instance, read_foreign
from meshgate.registry.limits import check_instance, check_manifest
from meshgate.registry.model import Capability, Endpoint

CARD: dict[str, Any] = {
    "name": "Hello World Agent",
    "description": "Greets",
    "version": "1.2",
    "supportedInterfaces": [
        {"url": "https://h/slim", "protocolBinding": "SLIMRPC", "protocolVersion": "1.0"},
        {"url": "https://h/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0", "tenant": "blue"},
        {"url": "https://h/old", "protocolBinding": "JSONRPC", "protocolVersion": "0.3"},
        {"url": "h:50051", "protocolBinding": "GRPC", "protocolVersion": "1.0.1"},
        {"url": "https://h/rest", "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0"},
    ],
    "capabilities": {"streaming": True},
    "defaultInputModes": ["text/plain"],
    "defaultOutputModes": ["text/plain"],
    "skills": [{"id": "greet", "name": "Greet", "description": "Says hello", "tags": ["hello"]}],
}


def _card(**changes: Any) -> bytes:
    return json.dumps({**CARD, **changes}).encode()


def _never() -> Binding:
    raise AssertionError("a card needs no binding")


def speak(monkeypatch: pytest.MonkeyPatch, *keys: tuple[str, str]) -> None:
    """Let these bindings, in these versions, be what is spoken here."""
    rows = tuple(Row(binding, version, _never) for binding, version in keys)
    monkeypatch.setattr(foreign_agent, "ROWS", rows)
    monkeypatch.setattr(limits, "ROWS", rows)


RPC_1_0 = Endpoint("JSONRPC", "https://h/rpc", "1.0", "blue")
RPC_0_3 = Endpoint("JSONRPC", "https://h/old", "0.3")
GRPC = Endpoint("GRPC", "h:50051", "1.0.1")
REST = Endpoint("HTTP+JSON", "https://h/rest", "1.0")


@pytest.mark.requirement("foreign.versions")
@pytest.mark.parametrize(
    ("spoken", "protocol", "found"),
    [
        ([("JSONRPC", "1.0"), ("GRPC", "1.0")], "", (RPC_1_0, GRPC)),
        ([("JSONRPC", "1.0"), ("JSONRPC", "0.3"), ("GRPC", "1.0")], "", (RPC_1_0, RPC_0_3, GRPC)),
        ([("JSONRPC", "0.3"), ("JSONRPC", "1.0")], "0.3", (RPC_0_3,)),
        ([("JSONRPC", "0.3"), ("JSONRPC", "1.0")], "1.0", (RPC_1_0,)),
        ([("HTTP+JSON", "1.0"), ("JSONRPC", "0.3")], "", (RPC_0_3, REST)),
    ],
)
def test_the_addresses_that_can_be_spoken_to_are_taken_in_the_cards_order(
    monkeypatch: pytest.MonkeyPatch, spoken: list[tuple[str, str]], protocol: str, found: tuple[Endpoint, ...]
) -> None:
    speak(monkeypatch, *spoken)
    manifest, endpoints, *_ = read_foreign(_card(), protocol=protocol)
    assert endpoints == found
    assert manifest.terms is not None
    assert manifest.terms.protocol == protocol


@pytest.mark.requirement("foreign.versions")
def test_of_one_binding_the_newest_version_stands_first_in_that_bindings_places(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    speak(monkeypatch, ("JSONRPC", "1.0"), ("JSONRPC", "0.3"), ("GRPC", "1.0"))
    interfaces = [CARD["supportedInterfaces"][place] for place in (2, 3, 1)]
    assert read_foreign(_card(supportedInterfaces=interfaces)).endpoints == (RPC_1_0, GRPC, RPC_0_3)


@pytest.mark.requirement("foreign.versions", "cards.v0_3")
def test_an_agent_of_0_3_is_listed_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    speak(monkeypatch, ("JSONRPC", "1.0"), ("JSONRPC", "0.3"))
    old = {key: value for key, value in CARD.items() if key != "supportedInterfaces"}
    card: dict[str, Any] = {**old, "url": "https://h/old", "protocolVersion": "0.3.0", "additionalInterfaces": []}
    manifest, endpoints, *_ = read_foreign(json.dumps(card).encode())
    assert endpoints == (RPC_0_3,)
    check_instance(foreign_instance(manifest, endpoints, "https://h/card"))


@pytest.mark.requirement("foreign.versions")
def test_an_agent_with_many_addresses_keeps_as_many_as_the_registry_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = [(binding, version) for version in ("1.0", "0.3") for binding in ("JSONRPC", "HTTP+JSON", "GRPC")]
    speak(monkeypatch, *kinds)
    interfaces = [
        {"url": f"https://{'h' * 40}/{version}", "protocolBinding": binding, "protocolVersion": version}
        for binding, version in kinds
    ]
    manifest, endpoints, *_ = read_foreign(_card(supportedInterfaces=interfaces))
    assert len(endpoints) == len(kinds)
    one = foreign_instance(manifest, endpoints, "https://h/card")
    kept = len(one.endpoints)
    assert (one.endpoints, 3 <= kept < len(kinds)) == (endpoints[:kept], True)
    assert len(msgspec.json.encode(msgspec.structs.replace(one, endpoints=endpoints[: kept + 1]))) > limits.MAX_INSTANCE
    check_instance(one)
    assert fitting(one) == one


@pytest.mark.requirement("foreign.versions")
@pytest.mark.parametrize(
    ("offered", "protocol", "more"),
    [("0.3", "", ""), ("0.3", "1.0", ", and it is to be spoken to in 1.0"), ("2.0", "", "")],
)
def test_a_refusal_names_what_is_offered_and_what_is_spoken(
    monkeypatch: pytest.MonkeyPatch, offered: str, protocol: str, more: str
) -> None:
    speak(monkeypatch, ("JSONRPC", "1.0"), ("GRPC", "1.0"))
    interface = {"url": "https://h/rpc", "protocolBinding": "JSONRPC", "protocolVersion": offered}
    with pytest.raises(InvalidParams) as refused:
        read_foreign(_card(supportedInterfaces=[interface]), protocol=protocol)
    assert refused.value.message == f"the agent offers JSONRPC {offered}; spoken here are JSONRPC 1.0, GRPC 1.0{more}"


def test_an_agent_that_offers_http_and_json_alone_is_taken() -> None:
    _, endpoints, *_ = read_foreign(_card(supportedInterfaces=CARD["supportedInterfaces"][-1:]))
    assert endpoints == (Endpoint("HTTP+JSON", "https://h/rest", "1.0"),)


def test_the_manifest_is_what_the_card_says() -> None:
    manifest, *_ = read_foreign(_card())
    assert manifest.foreign
    assert (manifest.agent, manifest.version, manifest.card) == ("hello-world-agent", "1.2.0", CARD)
    assert manifest.skills == (Capability("greet", "1.2.0", "Says hello", ("hello",)),)


def test_an_extension_of_the_card_gives_a_skill_its_terms() -> None:
    params = {"skills": {"greet": {"version": "3.1", "labels": {"region": "eu"}, "reentrant": 2}}, "shared_tasks": True}
    manifest, *_ = read_foreign(_card(capabilities={"extensions": [{"uri": CAPABILITIES_URI, "params": params}]}))
    assert manifest.shared_tasks
    assert manifest.skills == (Capability("greet", "3.1.0", "Says hello", ("hello",), {"region": "eu"}, reentrant=2),)


def test_a_version_that_does_not_sort_sorts_below_all() -> None:
    manifest, *_ = read_foreign(_card(version="newest"))
    assert (manifest.version, manifest.skills[0].version) == ("0.0.0", "0.0.0")


@pytest.mark.parametrize("interfaces", [[], CARD["supportedInterfaces"][:1], CARD["supportedInterfaces"][2:3]])
def test_an_agent_that_cannot_be_spoken_to_is_refused(monkeypatch: pytest.MonkeyPatch, interfaces: list[Any]) -> None:
    speak(monkeypatch, ("GRPC", "1.0"))
    with pytest.raises(InvalidParams):
        read_foreign(_card(supportedInterfaces=interfaces))


def test_the_instance_is_named_by_where_its_card_is() -> None:
    manifest, endpoints, *_ = read_foreign(_card(), name="greeter")
    one = foreign_instance(manifest, endpoints, "https://h/card")
    assert one.agent == "greeter"
    assert one.lasting
    assert one.id == foreign_instance(manifest, endpoints, "https://h/card").id
    assert one.id != foreign_instance(manifest, endpoints, "https://h2/card").id
    check_instance(one)
    check_manifest(one, manifest)


@pytest.mark.parametrize(("text", "name"), [("Ask me!", "ask-me"), ("a.b_c-D", "a.b_c-d"), ("x" * 200, "x" * 128)])
def test_a_name_is_made_from_free_text(text: str, name: str) -> None:
    assert agent_name(text) == name


def test_text_without_a_letter_gives_no_name() -> None:
    with pytest.raises(InvalidParams):
        agent_name("你好!")


@pytest.mark.requirement("path.loop")
def test_an_operator_says_how_often_a_skill_may_stand_on_a_path() -> None:
    params = {"skills": {"greet": {"reentrant": 3}}}
    extended = _card(capabilities={"extensions": [{"uri": CAPABILITIES_URI, "params": params}]})
    plain = _card()
    for card, given, found in [
        (plain, {}, 1),
        (plain, {"greet": 2}, 2),
        (extended, {}, 3),
        (extended, {"greet": 2}, 2),
    ]:
        manifest, *_ = read_foreign(card, reentrant=given)
        assert [skill.reentrant for skill in manifest.skills] == [found]


@pytest.mark.parametrize(
    ("given", "told"),
    [({"meet": 2}, "there is no skill 'meet'; the card lists greet"), ({"greet": 0}, "greet=0 must be at least 1")],
)
def test_a_skill_that_is_not_there_and_a_count_of_nothing_are_refused(given: dict[str, int], told: str) -> None:
    with pytest.raises(InvalidParams) as refused:
        read_foreign(_card(), reentrant=given)
    assert refused.value.message == f"reentrant: {told}"
