"""The values of a selection: offers, groups of them, a caller's scope, and why an instance was taken or dropped."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal, Protocol

import msgspec

from meshgate.a2a.versions import Version
from meshgate.registry.model import Capability, Entry

__all__ = ["ANY_SKILL", "TOOL", "Candidate", "Explanation", "Group", "Offer", "Permission", "Reason", "Scope"]

ANY_SKILL = "*"
"""The skill of a call by name to an agent that decides itself which of its skills is meant."""
TOOL = "tool"
"""The tag of skills that are tools of the agent's own model: a call by the agent's name never means one of them."""

Reason = Literal["matched", "tenant", "not permitted", "draining", "skill", "version", "label", "tag"]
"""Why an instance was taken or dropped; of several reasons to drop it, the first in this order."""


class Offer(msgspec.Struct, frozen=True):
    """One skill on one instance, or "*" (no capability): being called by its name alone, where the agent decides."""

    entry: Entry
    agent: str
    skill: str
    version: Version
    version_text: str
    capability: Capability | None


class Permission(Protocol):
    """What one caller may use."""

    def refusal(self, offer: Offer, /) -> tuple[Reason, str] | None:
        """Why the caller may not use an offer, for operators; None if it may."""
        ...


class Scope(msgspec.Struct, frozen=True):
    """What a caller may use: agents and skills whose names match one of the patterns (``*``, ``?``, ``[abc]``)."""

    tenant: str = "default"
    agents: tuple[str, ...] = ("*",)
    skills: tuple[str, ...] = ("*",)

    def refusal(self, offer: Offer) -> tuple[Reason, str] | None:
        """See ``Permission.refusal``."""
        instance = offer.entry.instance
        if instance.tenant != self.tenant:
            return "tenant", f"it belongs to tenant {instance.tenant}"
        if not self.permits(offer.agent, offer.skill):
            return "not permitted", "the caller's scope does not cover it"
        return None

    def permits(self, agent: str, skill: str) -> bool:
        """Whether both the agent and the skill are within the scope."""
        return any(fnmatchcase(agent, pattern) for pattern in self.agents) and any(
            fnmatchcase(skill, pattern) for pattern in self.skills
        )


class Group(msgspec.Struct, frozen=True):
    """One agent at one version of one skill. ``capability`` is None where the agent decides."""

    agent: str
    skill: str
    version: str
    capability: Capability | None
    entries: tuple[Entry, ...]

    @property
    def contract(self) -> str:
        """The digests of what the skill takes and gives; "" without a contract. Agents with equal ones are alike."""
        if self.capability is None or not self.capability.contracts:
            return ""
        return " ".join(ref.hash if ref is not None else "" for ref in (self.capability.input, self.capability.output))


class Candidate(msgspec.Struct, frozen=True):
    """One instance that a selection looked at, for one of its skills, and why it was taken or dropped."""

    instance: str
    agent: str
    skill: str
    version: str
    reason: Reason
    detail: str = ""

    @property
    def matched(self) -> bool:
        """Whether the instance can be called."""
        return self.reason == "matched"


class Explanation(msgspec.Struct, frozen=True):
    """How a selector was resolved. It names what the caller may not see: for operators only."""

    selector: str
    skill: str
    groups: tuple[Group, ...]
    verdicts: tuple[Candidate, ...]
