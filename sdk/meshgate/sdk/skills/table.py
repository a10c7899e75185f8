"""The skills of an agent, and which of them a call means."""

from __future__ import annotations

import msgspec

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.types import Message
from meshgate.sdk.skills.skill import TOOL, Skill
from meshgate.sdk.skills.skill_question import ask_which

__all__ = ["SkillTable"]


class SkillTable:
    """An agent's skills, and which of them a call means."""

    def __init__(self) -> None:
        self.skills: dict[str, Skill] = {}

    def add(self, skill: Skill) -> None:
        """Add one.

        Raises:
            ValueError: there is one of that name, or a default one, already.
        """
        if skill.id in self.skills:
            raise ValueError(f"there are two skills {skill.id!r}: give one a name of its own, @agent.skill(name=...)")
        if skill.default and (other := self._default()) is not None:
            raise ValueError(f"{other.id!r} is the default skill already; only one can be")
        self.skills[skill.id] = skill

    def _default(self) -> Skill | None:
        return next((skill for skill in self.skills.values() if skill.default), None)

    def _only(self) -> Skill | None:
        """The only skill that is no tool."""
        found = [skill for skill in self.skills.values() if TOOL not in skill.tags]
        return found[0] if len(found) == 1 else None

    @property
    def advertised(self) -> tuple[Skill, ...]:
        """The skills for the card and the registry: a single skill among tools is the default one."""
        only = self._only() if len(self.skills) > 1 and self._default() is None else None
        every = self.skills.values()
        return tuple(msgspec.structs.replace(one, default=True) if one is only else one for one in every)

    def find(self, name: str, message: Message) -> Skill:
        """The skill called ``name``. For "" or "*" the agent decides: its only skill, its default one, or the only one
        that takes what the message holds; where several do, a skill that asks the caller which is meant.

        Raises:
            InvalidParams: there is none; the message lists those that are.
        """
        if name not in ("", "*"):
            found = [self.skills[name]] if name in self.skills else []
        elif len(self.skills) == 1:
            found = list(self.skills.values())
        else:
            usual = self._default() or self._only()
            found = [usual] if usual is not None else self._fitting(message)
        if not found:
            which = f"there is no skill {name[:64]!r}" if name not in ("", "*") else "no skill takes this message"
            raise InvalidParams(f"{which}: call one of {', '.join(self.skills)}")
        return found[0] if len(found) == 1 else ask_which(found)

    def _fitting(self, message: Message) -> list[Skill]:
        """The skills that can read the message, tools only if all are; those that read nothing only if no other can."""
        every = list(self.skills.values())
        asked = [skill for skill in every if TOOL not in skill.tags] or every
        fitting = [skill for skill in asked if _takes(skill, message)]
        return [skill for skill in fitting if skill.argument] or fitting


def _takes(skill: Skill, message: Message) -> bool:
    try:
        skill.takes.read(message)
    except InvalidParams:
        return False
    return True
