"""The names that one caller may use, and what it is told where it asks for another one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from meshgate.a2a.selector import Selector
from meshgate.registry.groups import ANY_SKILL, Group

__all__ = ["KnownNames"]

_COMPARED, _LISTED = 1000, 4
"""Names that a slip is compared with, and names that an error lists."""


class KnownNames:
    """Agents, skills and versions that a caller may use, as its errors name them. What it may not use is not there.

    Args:
        groups: every skill that the caller may use (see ``catalogue``).
    """

    def __init__(self, groups: Iterable[Group]) -> None:
        self._agents: dict[str, list[str]] = {}
        self._skills: dict[str, list[str]] = {}
        for group in groups:
            self._agents.setdefault(group.agent, []).append(group.skill)
            if group.skill != ANY_SKILL:
                self._skills.setdefault(group.skill, []).append(group.version)

    def why_not(self, target: Selector, skill: str) -> str:
        """Why nothing answers to a selector, with what was meant, or what there is.

        Args:
            skill: the skill that the message itself asked for. What may be asked for instead is listed.
        """
        if target.agent and skill and target.agent in self._agents:
            skills = [one for one in self._agents[target.agent] if one != ANY_SKILL]
            if skill in skills:
                # A foreign agent that is called by its name may use any of its skills, whatever the message says.
                return f"this key is for some skills of agent {target.agent!r}: call {skill[:64]}@* instead"
            return f"agent {target.agent!r} has no skill {skill[:64]!r}{_there(skills)}{_meant(skill, skills)}"
        if skill and target.skill == skill and skill not in self._skills:
            return f"no agent here has a skill {skill[:64]!r}{_there(self._skills)}{_meant(skill, self._skills)}"
        if target.skill in self._skills:
            versions = list(dict.fromkeys(self._skills[target.skill]))
            return f"no {target.skill!r} here answers to {target.text[:64]!r}{_there(versions)}"
        near = _meant(target.agent, self._agents) if target.agent else _meant(target.skill, self._skills)
        return f"no agent here answers to {target.text[:64]!r}{near}"


def _meant(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, list(names)[:_COMPARED], 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _there(names: Iterable[str]) -> str:
    listed = sorted(dict.fromkeys(names))
    if not listed:
        return ""
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return f": there are {', '.join(listed[:_LISTED])}{more}"
