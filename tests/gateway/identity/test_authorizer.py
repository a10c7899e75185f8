"""What a principal may use: by the scope of its key, and by an authorizer of one's own."""

from __future__ import annotations

import random
import secrets
from collections.abc import Hashable

import pytest

from meshgate.a2a.call import Principal
from meshgate.a2a.selector import parse_selector
from meshgate.gateway import Gateway, KeyStore, MeshKey
from meshgate.gateway.identity.authorizer import Permitted, ScopeAuthorizer
from meshgate.gateway.routing.routes import Routes
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.groups import Offer
from meshgate.registry.index import Index
from meshgate.registry.model import Capability, Delta, Entry, Instance, Manifest
from tests.gateway.calls import ANN

BOB = Principal("user", "bob", agents=("*",), skills=("*",))


def entry(agent: str, *, tenant: str = "default") -> Entry:
    manifest = Manifest(agent, "1.0.0", skills=(Capability("say", "1.0.0"),), card={"name": agent})
    return Entry(Instance(f"{agent}-1", agent, manifest.digest(), tenant=tenant), manifest)


def index_of(*entries: Entry) -> Index:
    index = Index()
    index.apply(Delta(put=entries, reset=True))
    return index


def offer(agent: str, tenant: str = "default") -> Offer:
    (found,) = index_of(entry(agent, tenant=tenant)).of_skill("say")
    return found


class Names:
    """Permits agents by a list of names for each principal, which an operator may change."""

    def __init__(self, **permitted: str) -> None:
        self.permitted = permitted
        self.revision = 0
        self.asked = 0

    def key(self, principal: Principal, /) -> Hashable:
        return principal.id

    def permits(self, principal: Principal, offer: Offer, /) -> bool:
        self.asked += 1
        return offer.agent in self.permitted.get(principal.id, "").split()


@pytest.mark.parametrize(
    ("principal", "agent", "tenant", "permitted"),
    [
        (Principal("user", "u", agents=("ech*",), skills=("*",)), "echo", "default", True),
        (Principal("user", "u", agents=("ech",), skills=("*",)), "echo", "default", False),
        (Principal("user", "u", agents=("*",), skills=("other",)), "echo", "default", False),
        (Principal("user", "u", agents=("*",), skills=("*",)), "echo", "acme", False),
        (Principal("user", "u", "acme", agents=("*",), skills=("*",)), "echo", "acme", True),
        (Principal("anonymous", "", ""), "echo", "default", False),
    ],
)
def test_a_key_permits_what_its_tenant_has_and_its_patterns_cover(
    principal: Principal, agent: str, tenant: str, permitted: bool
) -> None:
    assert ScopeAuthorizer().permits(principal, offer(agent, tenant)) is permitted


def test_keys_of_one_scope_share_what_was_found_and_others_do_not() -> None:
    authorizer = ScopeAuthorizer()
    one, same = Principal("user", "a", agents=("x",)), Principal("service", "b", agents=("x",))
    assert authorizer.key(one) == authorizer.key(same)
    for other in (
        Principal("user", "a", "acme", agents=("x",)),
        Principal("user", "a"),
        Principal("user", "a", skills=("x",)),
    ):
        assert authorizer.key(one) != authorizer.key(other)


def test_what_is_denied_is_not_among_the_candidates_and_the_reason_is_for_operators() -> None:
    refusal = Permitted(Names(ann="other"), ANN).refusal(offer("echo"))
    assert refusal == ("not permitted", "the caller may not")
    assert Permitted(Names(ann="echo"), ANN).refusal(offer("echo")) is None


def test_decisions_are_kept_by_key_until_the_revision_changes() -> None:
    names = Names(ann="echo")
    routes = Routes(index_of(entry("echo"), entry("other")), names)
    target = parse_selector("say@*")

    assert [route.agent for route in routes.find(target, ANN)] == ["echo"]
    asked = names.asked
    assert [route.agent for route in routes.find(target, ANN)] == ["echo"]
    assert names.asked == asked
    assert routes.find(target, BOB) == ()

    names.permitted["ann"] = "other"
    assert [route.agent for route in routes.find(target, ANN)] == ["echo"]  # nothing said that it changed
    names.revision += 1
    assert [route.agent for route in routes.find(target, ANN)] == ["other"]
    assert {group.agent for group in routes.usable(ANN)} == {"other"}


def test_a_gateway_takes_an_authorizer_and_an_authenticator_of_ones_own() -> None:
    names = Names()

    class Ann:
        async def authenticate(self, credentials: object, /) -> Principal:
            return ANN

    ann = Ann()
    gateway = Gateway(
        MemoryRegistry(),
        MeshKey(secrets.token_bytes(32)),
        KeyStore(),
        wires={},
        alone=True,
        rng=random.Random(1),
        authenticator=ann,
        authorizer=names,
    )
    assert (gateway.authenticator, gateway.authorizer) == (ann, names)
