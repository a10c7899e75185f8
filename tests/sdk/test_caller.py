"""Who calls, as a skill is told, and the key under which it remembers."""

from __future__ import annotations

import itertools

import pytest

from meshgate.sdk import Agent, Caller, Context
from tests.sdk.calls import answer, make_call, saying


async def asked(agent: Agent, context: str = "", **headers: str) -> dict[str, str]:
    """What the agent says of a caller."""
    said = await answer(agent, make_call("SendMessage", saying("hi", contextId=context), **headers))
    found: dict[str, str] = said.task.artifacts[0].parts[0].data
    return found


def remembering() -> Agent:
    agent = Agent("memory", environ={})

    @agent.skill
    async def who(text: str, ctx: Context) -> dict[str, str]:
        """Say who calls."""
        return {"principal": ctx.caller.principal, "tenant": ctx.caller.tenant, "key": ctx.memory_key}

    return agent


@pytest.mark.requirement("caller.told")
async def test_a_skill_is_told_its_caller_and_of_a_call_past_the_gateway_nothing() -> None:
    agent = remembering()
    told = await asked(agent, meshgate_principal="Zo%C3%AB%20100%25", meshgate_tenant="acme")
    assert (told["principal"], told["tenant"]) == ("Zo\u00eb 100%", "acme")
    untold = await asked(agent)
    assert (untold["principal"], untold["tenant"]) == ("", "")


@pytest.mark.requirement("caller.memory")
async def test_two_callers_who_choose_one_context_have_two_memories_and_one_has_one_at_every_instance() -> None:
    callers = [("ann", "default"), ("bob", "default"), ("ann", "acme")]
    keys: list[str] = []
    for agent in (remembering(), remembering()):
        for principal, tenant in callers:
            told = await asked(agent, "session-1", meshgate_principal=principal, meshgate_tenant=tenant)
            keys.append(told["key"])
    assert len(set(keys)) == 3
    assert keys[:3] == keys[3:]
    assert keys[0] == Caller("ann", "default").memory_key("session-1")
    assert Caller("ann", "default").memory_key("session-2") not in keys


@pytest.mark.requirement("caller.memory")
def test_the_parts_of_a_memory_key_do_not_run_together() -> None:
    parts = ["", "a", "ab", "b", "\N{GRINNING FACE}"]
    keys = {Caller(one, two).memory_key(three) for one, two, three in itertools.product(parts, repeat=3)}
    assert len(keys) == len(parts) ** 3
    assert Caller("ann", "default").memory_key("session-1") == "e0fe697eaeb0bb1ad50a46d5ed632267"
