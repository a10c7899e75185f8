"""What an agent says of itself."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from a2a.client.card_resolver import parse_agent_card
from a2a.compat.v0_3 import types as v0_3

from meshgate.a2a.bindings.base import Binding
from meshgate.a2a.bindings.table import Row
from meshgate.a2a.cards import read_card
from meshgate.registry.model import Endpoint
from meshgate.sdk.skills.manifest import card_of


def _never() -> Binding:
    raise AssertionError("a card needs no binding")


NEW = Row[Binding]("JSONRPC", "1.0", _never)
OLD = (Row[Binding]("JSONRPC", "0.3", _never), Row[Binding]("HTTP+JSON", "0.3", _never))
URL = "http://127.0.0.1:9000/"
ENDPOINTS = (Endpoint("JSONRPC", URL), Endpoint("GRPC", "127.0.0.1:9001"))


@pytest.mark.requirement("cards.versions")
def test_an_agent_that_is_served_in_0_3_too_has_a_card_for_readers_of_both() -> None:
    card = card_of("demo", "1.0.0", "", (), ENDPOINTS, shared_tasks=False, rows=(NEW, *OLD))
    listed = [(one.url, one.protocol_binding, one.protocol_version) for one in parse(card)]
    assert listed == [
        (URL, "JSONRPC", "1.0"),
        ("127.0.0.1:9001", "GRPC", "1.0"),
        (URL, "JSONRPC", "0.3"),
        (URL, "HTTP+JSON", "0.3"),
    ]
    old = v0_3.AgentCard.model_validate(card)
    assert (old.url, old.preferred_transport, old.protocol_version) == (URL, "JSONRPC", "0.3.0")
    assert [(one.url, one.transport) for one in old.additional_interfaces or ()] == [
        (URL, "JSONRPC"),
        (URL, "HTTP+JSON"),
    ]


@pytest.mark.requirement("cards.versions")
@pytest.mark.parametrize("endpoints", [(), ENDPOINTS[1:]])
def test_an_agent_without_an_address_over_http_names_none(endpoints: tuple[Endpoint, ...]) -> None:
    card = card_of("demo", "1.0.0", "", (), endpoints, shared_tasks=False, rows=(NEW, *OLD))
    assert "url" not in card
    assert len(card["supportedInterfaces"]) == len(endpoints)


def test_an_agent_that_is_served_in_1_0_alone_has_no_key_of_0_3() -> None:
    card = card_of("demo", "1.0.0", "", (), ENDPOINTS, shared_tasks=False, rows=(NEW,))
    assert card.keys().isdisjoint({"url", "protocolVersion", "security"})
    assert read_card(msgspec.json.encode(card)).corrections == ()


def parse(card: dict[str, object]) -> list[Any]:
    return list(parse_agent_card(copy.deepcopy(card)).supported_interfaces)
