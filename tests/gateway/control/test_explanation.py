"""An explanation says what a call would meet now: kill switches, health, breakers, and which agent is chosen."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshgate.a2a.selector import parse_selector
from meshgate.gateway.control.admin.explanation import Explained, complete
from meshgate.gateway.observe.views import InstanceView
from meshgate.registry.groups import Scope
from meshgate.registry.index import Index
from meshgate.registry.model import Capability, Delta, Entry, SchemaRef, Switch
from meshgate.registry.selection import explain
from tests.gateway.calls import entry

pytestmark = pytest.mark.requirement("cli.explain")


def offering(name: str, version: str = "1.0.0", contract: str = "", tenant: str = "default") -> Entry:
    taken = SchemaRef("x.Ask", contract) if contract else None
    skills = (Capability("ask", version, input=taken),)
    return entry(f"{name}-{version}", name, version=version, skills=skills, tenant=tenant)


def view(one: Entry, **changes: Any) -> InstanceView:
    fields: dict[str, Any] = {
        "id": one.instance.id,
        "agent": one.instance.agent,
        "version": one.manifest.version,
        "tenant": one.instance.tenant,
        "endpoints": (),
        "skills": (),
        "labels": {},
        "breaker": "closed",
        "healthy": True,
        "draining": False,
        "foreign": False,
        "pending": 0,
        "latency": 0.0,
    }
    return msgspec.convert({**fields, **changes}, InstanceView)


def explained(selector: str, *entries: Entry, tenant: str = "default", **more: Any) -> Explained:
    index = Index()
    index.apply(Delta(put=entries))
    changes: dict[str, dict[str, Any]] = more.get("changes", {})
    views = [view(one, **changes.get(one.instance.agent, {})) for one in entries]
    found = explain(index, parse_selector(selector), Scope(tenant))
    return complete(found, views, more.get("switches", ()), tenant)


def reasons(found: Explained) -> dict[str, str]:
    return {one.instance: one.reason for one in found.verdicts}


FOUR = [offering(name) for name in ("amy", "ben", "cid", "dot")]


def test_every_agent_that_is_alike_takes_calls_and_an_older_one_stands_by() -> None:
    found = explained("ask@*", *FOUR, offering("eve", "0.9.0"))
    assert (found.outcome, found.choice) == ("", "one of 4, by conversation, else by load")
    assert set(reasons(found).values()) == {"taken", "stands by"}
    (older,) = [one for one in found.verdicts if one.reason == "stands by"]
    assert (older.instance, older.detail) == ("eve-0.9.0", "calls go to amy 1.0.0 first")


def test_of_agents_with_different_contracts_only_the_first_by_name_takes_calls() -> None:
    found = explained("ask@*", offering("amy", contract="0" * 32), offering("ben"), offering("cid", contract="1" * 32))
    assert found.choice == "one of 3, by name: their contracts differ"
    assert reasons(found) == {"amy-1.0.0": "taken", "ben-1.0.0": "stands by", "cid-1.0.0": "stands by"}
    assert found.verdicts[1].detail == "calls go to amy first, by name"


def test_an_instance_that_takes_no_calls_says_why() -> None:
    found = explained(
        "ask@*",
        *FOUR,
        changes={"ben": {"healthy": False}, "cid": {"breaker": "open"}, "dot": {"breaker": "half-open"}},
        switches=(Switch("agent", "amy", "it loops"), Switch("agent", "other:dot"), Switch("key", "dot")),
    )
    assert {one.agent: (one.reason, one.detail) for one in found.verdicts} == {
        "amy": ("killed", "agent amy is switched off: it loops"),
        "ben": ("unwell", "it does not answer its health route"),
        "cid": ("breaker", "its breaker is open: calls to it failed"),
        "dot": ("taken", ""),
    }
    assert found.outcome == ""


@pytest.mark.parametrize(
    ("switch", "detail"),
    [
        (Switch("skill", "ask"), "skill ask is switched off"),
        (Switch("tenant", "default", "unpaid"), "tenant default is switched off: unpaid"),
    ],
)
def test_what_is_switched_off_as_a_whole_is_refused(switch: Switch, detail: str) -> None:
    found = explained("ask@*", *FOUR, switches=(switch,))
    assert (found.outcome, {one.detail for one in found.verdicts}) == ("KILLED", {detail})


def test_switches_name_agents_and_skills_of_one_tenant() -> None:
    acme = offering("amy", tenant="acme")
    assert explained("ask@*", acme, tenant="acme", switches=(Switch("skill", "ask"),)).outcome == ""
    assert explained("ask@*", acme, tenant="acme", switches=(Switch("agent", "acme:amy"),)).outcome == "KILLED"


def test_where_nobody_answers_or_nobody_is_there_calls_lead_nowhere() -> None:
    away = {one.instance.agent: {"healthy": False} for one in FOUR}
    assert explained("ask@*", *FOUR, changes=away).outcome == "UPSTREAM_UNAVAILABLE"
    nowhere = explained("ask@2", *FOUR)
    assert (nowhere.outcome, set(reasons(nowhere).values()), nowhere.choice) == ("NO_ROUTE", {"version"}, "")
    one_left = explained("amy", FOUR[0], offering("amy", "0.9.0"), switches=(Switch("agent", "amy"),))
    assert (one_left.outcome, set(reasons(one_left).values())) == ("KILLED", {"killed"})


def test_an_agent_that_decides_itself_is_refused_for_each_of_its_skills() -> None:
    many = entry("many-1", "many", skills=(Capability("say", "1.0.0"), Capability("sing", "1.0.0")))
    assert explained("many", many).outcome == ""
    found = explained("many", many, switches=(Switch("skill", "sing"),))
    assert (found.skill, found.outcome, found.verdicts[0].detail) == ("*", "KILLED", "skill sing is switched off")


def test_a_release_that_stands_by_takes_the_calls_where_the_newer_one_is_away() -> None:
    newer, older = offering("amy", "2.0.0"), offering("amy", "1.0.0")
    assert reasons(explained("amy", newer, older)) == {"amy-2.0.0": "taken", "amy-1.0.0": "stands by"}
    index = Index()
    index.apply(Delta(put=(newer, older)))
    views = [view(newer, breaker="open"), view(older)]
    found = complete(explain(index, parse_selector("amy"), Scope()), views, (), "default")
    assert reasons(found) == {"amy-2.0.0": "breaker", "amy-1.0.0": "taken"}
