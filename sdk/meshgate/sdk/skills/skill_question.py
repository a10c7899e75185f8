"""The question which skill is meant, for a call by the agent's name that fits several of its skills."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from meshgate.a2a.mesh.headers import SKILL_KEY
from meshgate.a2a.types import Message, Part
from meshgate.sdk.context import Context
from meshgate.sdk.skills.codecs import codec_of
from meshgate.sdk.skills.content import text_in
from meshgate.sdk.skills.skill import Skill
from meshgate.sdk.tasks.outcome import Reject

__all__ = ["ask_which"]

_ASKED = 3
"""How often the question is put before the task is rejected."""


def ask_which(skills: Sequence[Skill]) -> Skill:
    """A skill that asks its caller for the name of one of these, and then works as that one does.

    The answer is a message with the task's id, whose text is the name or whose metadata has it under
    ``meshgate/skill``. The input is what the caller sent first.
    """
    named = {skill.id.casefold(): skill for skill in skills}
    names = ", ".join(skill.id for skill in skills)

    async def chosen(message: Message, context: Context) -> AsyncIterator[list[Part]]:
        question = f"Which skill do you mean? Answer with its name: {names}"
        skill = None
        for _ in range(_ASKED):
            skill = named.get(_name_in(await context.ask(question)).casefold())
            if skill is not None:
                break
            question = f"This agent has no such skill. Answer with one of these names: {names}"
        if skill is None:
            raise Reject(f"no skill was named; there are {names}")
        context.serve_as(skill.id, skill.gives)
        result = skill.start(skill.takes.read(message), context)
        if not skill.streams:
            yield _parts(skill, await result)
            return
        try:
            async for chunk in result:
                yield skill.gives.write(chunk)
        finally:
            await result.aclose()

    return Skill(
        id="*",
        function=chosen,
        takes=codec_of(Message),
        gives=codec_of(list[Part]),
        argument="message",
        context="context",
        streams=True,
        version=skills[0].version,
    )


def _name_in(answer: Message) -> str:
    return str(answer.metadata.get(SKILL_KEY, "") or text_in(answer.parts)).strip()


def _parts(skill: Skill, result: object) -> list[Part]:
    return result.parts if isinstance(result, Message) else skill.gives.write(result)
