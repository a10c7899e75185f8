"""The routes of a selector for one caller, kept until the registry changes."""

from __future__ import annotations

import pytest

from meshgate.a2a.call import Principal, Route
from meshgate.a2a.selector import parse_selector
from meshgate.gateway.identity.authorizer import ScopeAuthorizer
from meshgate.gateway.routing import routes as module
from meshgate.gateway.routing.routes import Routes
from meshgate.registry.groups import Offer
from meshgate.registry.index import Index
from meshgate.registry.model import Capability, Delta, Entry, SchemaRef, Switch
from tests.gateway.calls import ANN, entry

SAY = parse_selector("say@*")


def listed(*entries: Entry) -> tuple[Index, Routes]:
    index = Index()
    index.apply(Delta(put=entries))
    return index, Routes(index, ScopeAuthorizer())


def test_a_route_names_its_instances_and_why_it_was_chosen() -> None:
    newer = (Capability("say", "2.0.0", reentrant=3, input=SchemaRef("x.Say", "0" * 32)),)
    _, routes = listed(entry("a"), entry("b"), entry("c", version="2.0.0", skills=newer))
    assert routes.find(SAY, ANN) == (
        Route("echo", "say", "2.0.0", ("c",), "say@2.0.0: choice 1 of 2, 1 instances", 3, contract="0" * 32 + " "),
        Route("echo", "say", "1.0.0", ("a", "b"), "say@1.0.0: choice 2 of 2, 2 instances", 1, contract=""),
    )


def test_a_foreign_agent_called_by_its_name_has_any_skill_once_and_no_contract() -> None:
    _, routes = listed(entry("f", foreign=True))
    (route,) = routes.find(parse_selector("echo"), ANN)
    assert (route.skill, route.reentrant, route.contract) == ("*", 1, "")


@pytest.mark.requirement("path.loop")
def test_a_foreign_agent_called_by_its_name_may_stand_on_a_path_as_often_as_any_of_its_skills() -> None:
    skills = (Capability("say", "1.0.0"), Capability("ask", "1.0.0", reentrant=2))
    _, routes = listed(entry("f", foreign=True, skills=skills))
    assert [route.reentrant for route in routes.find(parse_selector("echo"), ANN)] == [2]


@pytest.mark.requirement("path.scope")
def test_each_caller_finds_what_it_may_use_and_no_other_callers_result() -> None:
    _, routes = listed(entry("a"), entry("z", tenant="acme"))
    callers = {
        "all": ANN,
        "no agent": Principal("user", "ann", agents=("other",), skills=("*",)),
        "no skill": Principal("user", "ann", agents=("*",), skills=("other",)),
        "acme": Principal("user", "ann", "acme", agents=("*",), skills=("*",)),
    }
    for _ in range(2):
        found = {name: [route.instances for route in routes.find(SAY, caller)] for name, caller in callers.items()}
        assert found == {"all": [("a",)], "no agent": [], "no skill": [], "acme": [("z",)]}
    assert [group.agent for group in routes.usable(ANN)] == ["echo"]
    assert routes.usable(callers["no agent"]) == ()


def test_what_was_found_is_kept_until_the_registry_changes() -> None:
    index, routes = listed(entry("a"))
    found = routes.find(SAY, ANN)
    assert routes.find(SAY, ANN) is found
    index.apply(Delta(put=(entry("a"),)))  # the same again is no change
    assert routes.find(SAY, ANN) is found
    index.apply(Delta(switches=(Switch("agent", "x"),)))
    assert routes.find(SAY, ANN) is not found
    index.apply(Delta(gone=("a",)))
    assert routes.find(SAY, ANN) == ()


def test_the_skill_that_a_message_asks_for_is_part_of_the_question() -> None:
    _, routes = listed(entry("a", skills=(Capability("say", "1.0.0"), Capability("sing", "1.0.0"))))
    by_name = parse_selector("echo")
    assert [route.skill for route in routes.find(by_name, ANN, "say")] == ["say"]
    assert [route.skill for route in routes.find(by_name, ANN, "sing")] == ["sing"]


def test_the_cache_is_emptied_when_it_holds_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CACHE", 2)
    _, routes = listed(entry("a"))
    first = routes.find(SAY, ANN)
    routes.find(parse_selector("say@^1"), ANN)
    assert routes.find(SAY, ANN) is first
    routes.find(parse_selector("say@^2"), ANN)
    assert routes.find(SAY, ANN) is not first


def test_names_are_kept_until_the_registry_changes() -> None:
    index, routes = listed(entry("a"))
    names = routes.names(ANN)
    assert routes.names(ANN) is names
    index.apply(Delta(gone=("a",)))
    assert routes.names(ANN) is not names
    assert routes.names(ANN).why_not(SAY, "") == "no agent here answers to 'say@*'"


@pytest.mark.parametrize(("permissions", "kept"), [(100, True), (101, False)])
def test_the_names_of_a_hundred_permissions_are_kept(permissions: int, kept: bool) -> None:
    _, routes = listed(entry("a"))
    callers = [Principal("user", "ann", agents=(f"agent-{number}",), skills=("*",)) for number in range(permissions)]
    names = [routes.names(caller) for caller in callers]
    assert (routes.names(callers[0]) is names[0]) is kept


class Noting(ScopeAuthorizer):
    """Keeps what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Offer] = []

    def permits(self, principal: Principal, offer: Offer, /) -> bool:
        self.asked.append(offer)
        return super().permits(principal, offer)


@pytest.mark.requirement("path.scope")
def test_a_skill_of_an_instance_is_judged_by_what_its_manifest_says_of_it() -> None:
    skills = (Capability("say", "1.0.0"), Capability("ask", "2.1.0", tags=("t",)))
    one = entry("a", version="3.0.0", skills=skills)
    index = Index()
    index.apply(Delta(put=(one,)))
    authorizer = Noting()
    routes = Routes(index, authorizer)
    narrow = Principal("user", "ann", agents=("*",), skills=("ask",))
    assert [routes.permits(narrow, one, skill) for skill in ("ask", "say", "unlisted")] == [True, False, False]
    assert [(each.agent, each.skill, each.version_text) for each in authorizer.asked] == [
        ("echo", "ask", "2.1.0"),
        ("echo", "say", "1.0.0"),
        ("echo", "unlisted", "3.0.0"),
    ]
    assert [each.capability for each in authorizer.asked[:2]] == [skills[1], skills[0]]
