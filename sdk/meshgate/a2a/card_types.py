"""Agent cards as values: what the mesh reads of a card, and the terms of its extension ``CAPABILITIES_URI``."""

from __future__ import annotations

from typing import Any

import msgspec

from meshgate.a2a.types import A2AMessage

__all__ = ["AgentSkill", "CardView", "SkillTerms", "Terms"]


class AgentSkill(A2AMessage, frozen=True):
    """One skill as a card lists it."""

    id: str
    name: str
    description: str = ""
    tags: list[str] = []
    examples: list[str] = []
    input_modes: list[str] = []
    output_modes: list[str] = []


class _Interface(A2AMessage, frozen=True):
    url: str
    protocol_binding: str
    protocol_version: str = "1.0"
    tenant: str = ""


class _Capabilities(A2AMessage, frozen=True):
    streaming: bool | None = None
    extensions: list[dict[str, Any]] = []


class CardView(A2AMessage, frozen=True):
    """The fields of a card that the mesh reads."""

    name: str
    version: str
    supported_interfaces: list[_Interface]
    skills: list[AgentSkill]
    description: str = ""
    capabilities: _Capabilities = _Capabilities()


class SkillTerms(msgspec.Struct, frozen=True, omit_defaults=True):
    """The terms of one skill in the extension."""

    version: str = ""
    labels: dict[str, str] = {}
    cost_usd: float | None = None
    latency: float | None = None
    reentrant: int = 1
    default: bool = False
    input_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None
    input_type: str = ""
    """Full name of the message that the skill takes, if it has a contract; ``version`` is the contract's too."""
    output_type: str = ""
    """The same of what it gives."""


class Terms(msgspec.Struct, frozen=True, omit_defaults=True):
    """The extension's ``params``: terms by skill id, and whether all instances share one task store."""

    skills: dict[str, SkillTerms] = {}
    shared_tasks: bool = False
