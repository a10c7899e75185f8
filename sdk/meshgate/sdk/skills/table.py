"""The skills of an agent, and which of them a call means."""

from __future__ import annotations

import msgspec

from meshgate.a2a.errors import InvalidParams
from meshgate.sdk.skills.skill import TOOL, Skill

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

    def find(self, name: str) -> Skill:
        """The skill called ``name``; for "" or "*" the only or the default one.

        Raises:
            InvalidParams: there is none; the message lists those that are.
        """
        if name not in ("", "*"):
            skill = self.skills.get(name)
        else:
            skill = next(iter(self.skills.values())) if len(self.skills) == 1 else self._default() or self._only()
        if skill is None:
            which = f"there is no skill {name[:64]!r}" if name not in ("", "*") else "this agent has no default skill"
            raise InvalidParams(f"{which}: call one of {', '.join(self.skills)}")
        return skill
