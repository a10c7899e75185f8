"""What an operator may give as a foreign agent's credential, and what is made of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshgate.a2a.card_types import AgentCard
from meshgate.a2a.errors import InvalidParams
from meshgate.registry.foreign.agent_credential import (
    AgentCredential,
    GivenCredential,
    OAuth2Client,
    check_credential,
    credential_for,
    endpoints_for,
)
from meshgate.registry.model import Endpoint

pytestmark = pytest.mark.requirement("foreign.credential")

CARD_URL = "https://agents.test/.well-known/agent-card.json"


def card(**schemes: Any) -> AgentCard:
    tree: dict[str, Any] = {
        "name": "a",
        "version": "1",
        "supportedInterfaces": [],
        "skills": [],
        "securitySchemes": schemes,
    }
    return msgspec.convert(tree, AgentCard)


def api_key(location: str, name: str = "X-Key") -> dict[str, Any]:
    return {"apiKeySecurityScheme": {"location": location, "name": name}}


def oauth2(url: str) -> dict[str, Any]:
    return {"oauth2SecurityScheme": {"flows": {"clientCredentials": {"tokenUrl": url, "scopes": {}}}}}


CLIENT = OAuth2Client("", "id", "secret")


@pytest.mark.parametrize(
    ("given", "schemes", "found"),
    [
        (GivenCredential(), {}, None),
        (GivenCredential({"X-Team": "t"}), {}, AgentCredential({"x-team": "t"})),
        (GivenCredential(bearer="b"), {}, AgentCredential({"authorization": "Bearer b"})),
        (GivenCredential(api_key="k"), {"a": api_key("header")}, AgentCredential({"x-key": "k"})),
        (GivenCredential(api_key="k&=%"), {"a": api_key("query", "a b")}, AgentCredential(query="a%20b=k%26%3D%25")),
        (GivenCredential(api_key="k"), {"a": api_key("cookie", "sid")}, AgentCredential({"cookie": "sid=k"})),
        (
            GivenCredential(oauth2=CLIENT),
            {"a": oauth2("https://agents.test/token"), "b": api_key("header")},
            AgentCredential(oauth2=OAuth2Client("https://agents.test/token", "id", "secret")),
        ),
        (
            GivenCredential(oauth2=msgspec.structs.replace(CLIENT, token_url="http://127.0.0.1:9/t", scope="a b")),
            {},
            AgentCredential(oauth2=OAuth2Client("http://127.0.0.1:9/t", "id", "secret", "a b")),
        ),
    ],
)
def test_what_is_given_becomes_what_is_sent(
    given: GivenCredential, schemes: dict[str, Any], found: AgentCredential | None
) -> None:
    assert credential_for(given, card(**schemes), CARD_URL) == found


@pytest.mark.parametrize(
    ("given", "schemes", "told"),
    [
        (GivenCredential({"a b": "x"}), {}, "'a b' is no name of a header"),
        (GivenCredential({"x-bin": "x"}), {}, "'x-bin' is no name of a header"),
        (GivenCredential({"": "x"}), {}, "'' is no name of a header"),
        (GivenCredential({"Host": "x"}), {}, "the header 'host' is set by the gateway: leave it out"),
        (GivenCredential({"Meshgate-Job": "x"}), {}, "the header 'meshgate-job' is set by the gateway: leave it out"),
        (GivenCredential({"A2A-Version": "x"}), {}, "the header 'a2a-version' is set by the gateway: leave it out"),
        (GivenCredential({"Content-Type": "x"}), {}, "the header 'content-type' is set by the gateway"),
        (GivenCredential({"x": "s3cr3t\r\ny: z"}), {}, "must be 1 to 8192 visible ASCII characters in one line"),
        (GivenCredential({"x": ""}), {}, "the value of 'x' must be 1 to 8192 visible ASCII characters"),
        (GivenCredential(bearer="s3cr3t\u20ac"), {}, "the value of 'authorization' must be 1 to 8192 visible ASCII"),
        (GivenCredential({f"x-{n}": "v" for n in range(17)}), {}, "at most 16 headers may be given"),
        (GivenCredential({"Authorization": "s3cr3t"}, "b"), {}, "the header 'authorization' is given twice"),
        (GivenCredential(api_key="k"), {}, "the card has no scheme of API keys: give the key as a header"),
        (
            GivenCredential(api_key="k"),
            {"a": api_key("header"), "b": api_key("query")},
            "the card has 2 schemes of API keys",
        ),
        (GivenCredential(api_key="k"), {"a": api_key("body")}, "the card wants its API key in 'body'"),
        (GivenCredential(api_key="a;b"), {"a": api_key("cookie")}, "holds a character that no cookie may hold"),
        (GivenCredential(bearer="b", oauth2=CLIENT), {}, "another Authorization are given: leave one out"),
        (GivenCredential(oauth2=CLIENT), {}, "the card names no URL of tokens for clients: give the token URL"),
        (
            GivenCredential(oauth2=CLIENT),
            {"a": oauth2("https://agents.test/a"), "b": oauth2("https://agents.test/b")},
            "the card names 2 URL of tokens for clients",
        ),
        (
            GivenCredential(oauth2=CLIENT),
            {"a": oauth2("https://evil.test/t")},
            "the card asks for tokens at another server: if that is meant, give the token URL https://evil.test/t",
        ),
        (
            GivenCredential(oauth2=OAuth2Client("http://agents.test/t", "id", "s3cr3t")),
            {},
            "must be https, or http on loopback: a secret is sent there",
        ),
        (GivenCredential(oauth2=OAuth2Client("https://[", "id", "s3cr3t")), {}, "must be https"),
        (GivenCredential(oauth2=OAuth2Client("https://a/t", "id", "")), {}, "OAuth2 needs the client's id and its"),
        (GivenCredential(ca="no pem"), {}, "the CA is no certificate of an authority in PEM"),
        (GivenCredential(ca="x" * 70_000), {}, "the CA is no certificate of an authority in PEM"),
    ],
)
def test_what_cannot_be_sent_is_refused_without_telling_the_secret(
    given: GivenCredential, schemes: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidParams) as refused:
        credential_for(given, card(**schemes), CARD_URL)
    assert told in refused.value.message
    assert "s3cr3t" not in refused.value.message


def test_a_credential_is_shown_by_its_kinds_alone() -> None:
    credential = AgentCredential({"x-key": "s3cr3t"}, "a=s3cr3t", OAuth2Client("https://a", "b", "s3cr3t"), "pem")
    assert repr(credential) == "AgentCredential(x-key, query, oauth2, ca)"
    assert repr(AgentCredential()) == "AgentCredential(none)"


@pytest.mark.parametrize("query", ["a", "=b", "a=", "a=b&c=d", "a=b c", "a=b#c"])
def test_a_key_in_the_query_is_one_pair(query: str) -> None:
    with pytest.raises(InvalidParams):
        check_credential(AgentCredential(query=query))


HTTP = Endpoint("JSONRPC", "https://agents.test/rpc")
GRPC = Endpoint("GRPC", "agents.test:443")
FAR = Endpoint("JSONRPC", "https://evil.test/rpc")
BEARER = AgentCredential({"authorization": "Bearer b"})


@pytest.mark.requirement("foreign.credential_host")
def test_a_credential_goes_to_the_cards_own_host_or_where_the_operator_says() -> None:
    assert endpoints_for((HTTP, GRPC), BEARER, CARD_URL, given=False) == (HTTP, GRPC)
    assert endpoints_for((FAR,), None, CARD_URL, given=False) == (FAR,)
    assert endpoints_for((FAR,), BEARER, CARD_URL, given=True) == (FAR,)
    for endpoints in ((FAR,), (HTTP, FAR), (Endpoint("GRPC", "evil.test:443"),), (Endpoint("JSONRPC", "https://["),)):
        with pytest.raises(InvalidParams) as refused:
            endpoints_for(endpoints, BEARER, CARD_URL, given=False)
        assert "if that is meant, give the agent's URL" in refused.value.message
    here = (Endpoint("JSONRPC", "http://localhost:1/"), Endpoint("GRPC", "[::1]:2"))
    assert endpoints_for(here, BEARER, "http://127.0.0.1:3/card", given=False) == here


def test_a_key_in_the_query_has_no_place_over_grpc() -> None:
    key = AgentCredential(query="key=k")
    assert endpoints_for((GRPC, HTTP), key, CARD_URL, given=False) == (HTTP,)
    with pytest.raises(InvalidParams) as refused:
        endpoints_for((GRPC,), key, CARD_URL, given=False)
    assert "reached over gRPC alone" in refused.value.message
