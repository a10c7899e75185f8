"""What a caller is told that asks for a name which nobody answers to: what was meant, or what there is."""

from __future__ import annotations

import pytest

from meshgate.a2a.call import Principal
from meshgate.a2a.errors import NoRoute, RateLimited
from meshgate.registry.model import Capability, Entry
from tests.gateway.calls import ANN, entry
from tests.gateway.routing.test_resolve import Guide

pytestmark = pytest.mark.requirement("routing.near")


def agents() -> list[Entry]:
    skills = tuple(Capability(name, "1.0.0") for name in ("count", "greet", "loop"))
    newer = tuple(Capability(name, "2.1.0") for name in ("count", "greet"))
    return [
        entry("hello-1", "hello", skills=skills),
        entry("hello-2", "hello", version="2.1.0", skills=newer),
        entry("secret-1", "secret", skills=(Capability("secrets", "1.0.0"),)),
        entry("many-1", "many", skills=tuple(Capability(f"skill{n}", "1.0.0") for n in range(7))),
        entry("far-1", "far", foreign=True),
    ]


@pytest.mark.parametrize(
    ("target", "skill", "told"),
    [
        ("helo", "", "no agent here answers to 'helo'; did you mean 'hello'?"),
        ("zebra", "", "no agent here answers to 'zebra'"),
        ("helo", "count", "no agent here answers to 'helo'; did you mean 'hello'?"),
        ("hello", "cuont", "agent 'hello' has no skill 'cuont': there are count, greet, loop; did you mean 'count'?"),
        ("hello", "zzz", "agent 'hello' has no skill 'zzz': there are count, greet, loop"),
        ("many", "zzz", "agent 'many' has no skill 'zzz': there are skill0, skill1, skill2, skill3 and 3 more"),
        (
            "",
            "cuont",
            "no agent here has a skill 'cuont': there are count, greet, loop, say and 8 more; did you mean 'count'?",
        ),
        ("", "zebra", "no agent here has a skill 'zebra': there are count, greet, loop, say and 8 more"),
        ("graet@*", "", "no agent here answers to 'graet@*'; did you mean 'greet'?"),
        ("greet@9", "", "no 'greet' here answers to 'greet@9': there are 1.0.0, 2.1.0"),
        ("greet@*,region=eu", "", "no 'greet' here answers to 'greet@*,region=eu': there are 1.0.0, 2.1.0"),
    ],
)
async def test_a_slip_is_told_with_what_was_meant_or_what_there_is(target: str, skill: str, told: str) -> None:
    with pytest.raises(NoRoute) as refused:
        await Guide(*agents()).ask(target, skill=skill or None)
    assert refused.value.message == told


async def test_what_a_caller_may_not_use_is_never_named() -> None:
    narrow = Principal("user", "bob", agents=("hello",), skills=("greet",))
    for target, skill, told in (
        ("secrt", None, "no agent here answers to 'secrt'"),
        ("secret", None, "no agent here answers to 'secret'"),
        ("secrets@*", None, "no agent here answers to 'secrets@*'"),
        ("hello", "cuont", "agent 'hello' has no skill 'cuont': there are greet"),
        ("", "cuont", "no agent here has a skill 'cuont': there are greet"),
        ("", "secrets", "no agent here has a skill 'secrets': there are greet"),
    ):
        with pytest.raises(NoRoute) as refused:
            await Guide(*agents()).ask(target, skill=skill, principal=narrow)
        assert refused.value.message == told


async def test_a_key_for_some_skills_of_a_foreign_agent_is_told_to_call_the_skill() -> None:
    skills = (Capability("cut", "1.0.0"), Capability("dye", "1.0.0"))
    guide = Guide(entry("far-2", "tailor", skills=skills, foreign=True))
    narrow = Principal("user", "bob", agents=("*",), skills=("cut",))
    for skill, told in (
        ("cut", "this key is for some skills of agent 'tailor': call cut@* instead"),
        ("dye", "agent 'tailor' has no skill 'dye': there are cut"),
    ):
        with pytest.raises(NoRoute) as refused:
            await guide.ask("tailor", skill=skill, principal=narrow)
        assert refused.value.message == told
    assert (await guide.route("tailor", skill="dye")).skill == "*"


async def test_names_are_those_of_the_registry_now_and_of_each_caller() -> None:
    guide = Guide(*agents())
    other = Principal("user", "eve", "acme")
    for principal, told in ((ANN, "; did you mean 'hello'?"), (other, ""), (ANN, "; did you mean 'hello'?")):
        guide.clock.now += 10
        with pytest.raises(NoRoute) as refused:
            await guide.ask("helo", principal=principal)
        assert refused.value.message == f"no agent here answers to 'helo'{told}"


async def test_who_guesses_too_often_is_told_no_names() -> None:
    guide = Guide(*agents())
    for _ in range(2):
        with pytest.raises(NoRoute):
            await guide.ask("helo")
    with pytest.raises(RateLimited):
        await guide.ask("helo")
