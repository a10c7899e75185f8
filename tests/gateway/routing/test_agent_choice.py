"""Which agent takes a call by skill where several offer it: by the conversation, by load, by type, or by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import pytest

from meshgate.a2a.call import Call, Route
from meshgate.a2a.errors import Killed
from meshgate.a2a.mesh import headers
from meshgate.a2a.mesh.context_ids import ContextTags
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.a2a.payload import JsonPayload
from meshgate.a2a.reply import Reply
from meshgate.gateway.routing.agent_choice import AgentChoice
from meshgate.registry.model import Capability, Entry, SchemaRef, Switch
from meshgate.testing import LocalMesh
from tests.gateway.calls import ANN, entry, make_call
from tests.gateway.routing.test_resolve import Guide
from tests.registry.virtual import until

TAGS = TaskTags(bytes(32))
CONTEXTS = ContextTags(TAGS)
NAMES = ("amy", "ben", "cid", "dot")
ROUTES = [Route(name, "ask", "1.0.0", (f"{name}-1",)) for name in NAMES]


def offering(agent: str, version: str = "1.0.0", contract: str = "") -> Entry:
    taken = SchemaRef("x.Ask", contract) if contract else None
    return entry(f"{agent}-{version}", agent, version=version, skills=(Capability("ask", version, input=taken),))


def choice(
    usable: Callable[[Route], bool] = lambda _: True, load: Callable[[Route], float] = lambda _: 1.0
) -> AgentChoice:
    return AgentChoice(usable, load, Random(11), CONTEXTS)


def answered(context: str, kind: str = "task", method: str = "SendMessage") -> Reply:
    one: dict[str, Any] = {
        "task": {"id": "t", "contextId": context, "status": {"state": "TASK_STATE_COMPLETED"}},
        "message": {"messageId": "m", "contextId": context, "role": "ROLE_AGENT", "parts": [{"text": "hi"}]},
        "statusUpdate": {"taskId": "t", "contextId": context, "status": {"state": "TASK_STATE_WORKING"}},
    }
    return Reply.one(JsonPayload(make_call(method).method.response, {kind: one[kind]}))


def conversation(context: str, **more: Any) -> Call:
    return make_call(context_id=context, **more)


@pytest.mark.requirement("routing.agents_alike")
async def test_calls_without_a_context_go_to_the_less_loaded_of_two_drawn_at_random() -> None:
    loads: dict[str, float] = {"amy": 4.0, "ben": 3.0, "cid": 2.0, "dot": 1.0}
    chooser = choice(load=lambda route: loads[route.agent])
    taken = Counter(chooser.choose(make_call(), ROUTES)[0].agent for _ in range(600))
    # Of the six pairs the least loaded is in three, the next in two, then one, then none.
    assert taken["amy"] == 0
    assert 50 < taken["ben"] < 150 < taken["cid"] < 250 < taken["dot"]
    even = Counter(choice().choose(make_call(), ROUTES[:2])[0].agent for _ in range(40))
    assert even.total() == 40


@pytest.mark.requirement("routing.agents_alike")
def test_equally_loaded_agents_share_the_calls() -> None:
    for routes in (ROUTES, ROUTES[:2]):
        chooser = choice()
        taken = Counter(chooser.choose(make_call(), routes)[0].agent for _ in range(400))
        assert min(taken.values()) > 400 / len(routes) * 0.7
        assert len(taken) == len(routes)


@pytest.mark.requirement("routing.agents_alike")
def test_a_context_goes_to_the_same_agent_at_every_gateway_and_one_that_leaves_moves_only_its_own() -> None:
    here, there = choice(), AgentChoice(lambda _: True, lambda _: 1.0, Random(99), CONTEXTS)
    contexts = [f"context-{number}" for number in range(200)]
    first = {one: here.choose(conversation(one), ROUTES)[0].agent for one in contexts}
    assert {one: there.choose(conversation(one), ROUTES[::-1])[0].agent for one in contexts} == first
    assert min(Counter(first.values()).values()) > 25

    without = [route for route in ROUTES if route.agent != "cid"]
    moved = {one: here.choose(conversation(one), without)[0].agent for one in contexts}
    assert {one for one in contexts if moved[one] != first[one]} == {one for one in contexts if first[one] == "cid"}
    away = choice(usable=lambda route: route.agent != "cid")
    assert {one: away.choose(conversation(one), ROUTES)[0].agent for one in contexts} == moved


@pytest.mark.requirement("routing.agents_alike")
@pytest.mark.parametrize(
    ("kind", "method"), [("task", "SendMessage"), ("message", "SendMessage"), ("statusUpdate", "SendStreamingMessage")]
)
async def test_a_conversation_stays_with_the_agent_that_answered_in_it(kind: str, method: str) -> None:
    chooser = choice()
    for number in range(40):
        context, agent = f"c{number}", NAMES[number % 4]
        reply = answered(context, kind, method)
        chooser.remember(make_call(method), agent, reply)
        await reply.answer()
        assert chooser.choose(conversation(context), ROUTES) == (ROUTES[number % 4], "conversation")
    another = msgspec.structs.replace(ANN, id="bob")
    others = {chooser.choose(conversation(f"c{n}", principal=another), ROUTES)[0].agent for n in range(0, 40, 4)}
    assert len(others) > 1, "another caller's context of the same name is another conversation"


async def test_an_agent_that_is_away_does_not_hold_its_conversations_up() -> None:
    chooser = choice(usable=lambda route: route.agent != "amy")
    reply = answered("c")
    chooser.remember(make_call(), "amy", reply)
    await reply.answer()
    assert chooser.choose(conversation("c"), ROUTES)[0].agent != "amy"
    nothing = answered("", "message")
    chooser.remember(make_call(), "amy", nothing)
    await nothing.answer()
    nobody = choice(usable=lambda _: False)
    assert nobody.choose(make_call(), ROUTES)[0] in ROUTES
    assert nobody.choose(conversation("c"), ROUTES)[0] in ROUTES


async def test_what_is_remembered_is_bounded_and_the_oldest_conversation_is_forgotten_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("meshgate.gateway.routing.agent_choice._KEPT", 3)
    chooser = choice()
    usual = {f"c{n}": chooser.choose(conversation(f"c{n}"), ROUTES)[0].agent for n in range(4)}
    other = {one: next(name for name in NAMES if name != agent) for one, agent in usual.items()}
    for one in ("c0", "c1", "c2", "c0", "c3"):
        reply = answered(one)
        chooser.remember(make_call(), other[one], reply)
        await reply.answer()
    found = {one: chooser.choose(conversation(one), ROUTES)[0].agent for one in usual}
    assert found == {**other, "c1": usual["c1"]}


@pytest.mark.requirement("contexts.own")
def test_a_context_whose_id_an_agent_made_stays_with_it_if_its_caller_may_use_it() -> None:
    chooser, older = choice(), Route("cid", "ask", "0.9.0", ("cid-0",))
    context = CONTEXTS.made_by_agent("c9", tenant=ANN.tenant, owner=TAGS.owner(ANN.id), agent="cid")
    assert chooser.keepers(conversation(context), [*ROUTES, older]) == [ROUTES[2], older]
    assert chooser.keepers(conversation(context), ROUTES[:2]) == ROUTES[:2]
    assert chooser.keepers(conversation("c9"), ROUTES) == ROUTES
    other = CONTEXTS.made_by_agent("c9", tenant=ANN.tenant, owner=TAGS.owner("ben"), agent="cid")
    assert chooser.keepers(conversation(other), ROUTES) == ROUTES


@pytest.mark.requirement("contexts.own")
async def test_a_call_by_skill_goes_to_the_agent_that_made_its_context() -> None:
    guide = Guide(*(offering(name) for name in NAMES), offering("dot", "0.9.0"))
    owner = guide.tags.owner(ANN.id)
    for name in NAMES:
        context = guide.contexts.made_by_agent("c9", tenant=ANN.tenant, owner=owner, agent=name)
        assert (await guide.route("ask@*", context_id=context)).agent == name


@pytest.mark.requirement("routing.agents_alike")
async def test_agents_without_contracts_or_with_the_same_one_are_alike_and_the_highest_version_comes_first() -> None:
    for contract in ("", "0" * 32):
        guide = Guide(
            *(offering(name, contract=contract) for name in NAMES),
            offering("eve", "0.9.0", contract),
            load={"amy": 9.0, "ben": 9.0, "dot": 9.0},
        )
        found = [await guide.route("ask@*") for _ in range(60)]
        assert {route.choice for route in found} == {"one of 4, by load"}
        agents = Counter(route.agent for route in found)
        assert set(agents) == set(NAMES)
        assert agents["cid"] > 20
        kept = [await guide.route("ask@*", context_id="c7") for _ in range(5)]
        assert len({route.agent for route in kept}) == 1
        assert {route.choice for route in kept} == {"one of 4, by conversation"}


@pytest.mark.requirement("routing.agents_alike")
async def test_agents_of_different_contracts_do_not_stand_in_for_each_other() -> None:
    guide = Guide(offering("amy", contract="0" * 32), offering("ben", contract="1" * 32), offering("cid"))
    for _ in range(10):
        route = await guide.route("ask@*")
        assert (route.agent, route.choice) == ("amy", "one of 3, by name")
    two = await Guide(offering("amy", contract="0" * 32), offering("ben")).route("ask@*")
    assert (two.agent, two.choice) == ("amy", "one of 2, by name")
    away = Guide(*(offering(name, contract=name * 4) for name in NAMES), ready=lambda ids: "cid-1.0.0" in ids)
    assert (await away.route("ask@*")).agent == "cid"
    mixed = Guide(offering("amy", contract="0" * 32), offering("ben"), offering("cid", contract="0" * 32))
    found = {await mixed.route("ask@*") for _ in range(30)}
    assert {(route.agent, route.choice) for route in found} == {
        ("amy", "one of 2, by load"),
        ("cid", "one of 2, by load"),
    }


@pytest.mark.requirement("routing.agents_alike")
async def test_an_agent_that_is_switched_off_or_busy_leaves_calls_to_those_that_are_alike() -> None:
    async with LocalMesh() as mesh:
        for name in ("amy", "ben"):
            await mesh.add(name, lambda _: answered("c"), skills=(Capability("ask", "1.0.0"),))

        async def agents(calls: int) -> Counter[str]:
            found = Counter[str]()
            for _ in range(calls):
                result = await mesh.call("ask@*")
                found[result.head.headers["meshgate-instance"].rpartition("-")[0]] += 1
            return found

        assert set(await agents(30)) == {"amy", "ben"}
        (busy,) = [each for each in mesh.gateway.instances if each.entry.instance.agent == "ben"]
        busy.observe(50.0)
        assert set(await agents(10)) == {"amy"}
        await mesh.registry.throw(Switch("agent", "amy", "it loops"))
        await until(lambda: len(mesh.gateway.table.switches) == 1)
        assert set(await agents(10)) == {"ben"}
        await mesh.registry.throw(Switch("agent", "ben"))
        await until(lambda: len(mesh.gateway.table.switches) == 2)
        with pytest.raises(Killed):
            await agents(1)


async def test_an_agent_alone_is_no_choice_and_the_caller_is_told_of_one() -> None:
    assert (await Guide(offering("amy")).route("ask@*")).choice == ""
    assert (await Guide(offering("amy"), offering("amy", "2.0.0")).route("ask@*")).choice == ""

    async def behind(call: Call) -> Reply:
        return answered("c")

    guide = Guide(offering("amy"), offering("ben"))
    told = await guide.reply("ask@*", behind)
    assert told.head.headers[headers.CHOICE] == "one of 2, by load"
    alone = await Guide(offering("amy")).reply("ask@*", behind)
    assert headers.CHOICE not in alone.head.headers
