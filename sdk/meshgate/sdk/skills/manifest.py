"""Makes an agent's descriptions of itself: its card for callers, its manifest for the registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from meshgate.a2a.bindings.base import Binding
from meshgate.a2a.bindings.table import HTTP_ROWS, Row
from meshgate.a2a.card_types import SkillTerms, Terms
from meshgate.a2a.cards import interface
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.mesh.extensions import BY_AGENTS, CAPABILITIES, entry
from meshgate.a2a.v0_3.cards import is_version, merge_card
from meshgate.registry.model import Capability, Endpoint, HealthCheck, Instance, Manifest, SchemaRef
from meshgate.sdk.skills.part_codec import PartCodec
from meshgate.sdk.skills.skill import Skill

__all__ = ["card_of", "instance_of", "manifest_of"]

_MEDIA = ["text/plain", "application/json"]


def _interfaces(endpoints: Sequence[Endpoint], rows: Sequence[Row[Binding]]) -> list[dict[str, str]]:
    """The agent's addresses, and the one over HTTP once more for each binding of A2A 0.3, which share its URL."""
    found = [interface(endpoint.url, endpoint.binding, endpoint.version) for endpoint in endpoints]
    url = next((endpoint.url for endpoint in endpoints if endpoint.url.startswith("http")), "")
    return found + [interface(url, row.id, row.version) for row in rows if url and is_version(row.version)]


def _skill_entry(skill: Skill) -> dict[str, Any]:
    return {
        "id": skill.id,
        "name": skill.id,
        "description": skill.description or skill.id,
        "tags": list(skill.tags) or [skill.id],
        "examples": list(skill.examples),
        "inputModes": list(skill.takes.modes),
        "outputModes": list(skill.gives.modes),
    }


class _SchemaAllowance:
    """The bytes that are left for JSON Schemas in a card."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        """The schema, if enough bytes are left for it."""
        size = len(msgspec.json.encode(schema)) if schema is not None else 0
        if size > self._left:
            return None
        self._left -= size
        return schema


def _terms(skill: Skill, allowance: _SchemaAllowance) -> SkillTerms:
    return SkillTerms(
        version=skill.version,
        labels=skill.labels,
        cost_usd=skill.cost_usd,
        latency=skill.latency,
        reentrant=skill.reentrant,
        default=skill.default,
        input_schema=allowance.take(skill.takes.schema),
        output_schema=allowance.take(skill.gives.schema),
        input_type=skill.takes.type_name if skill.takes.digest else "",
        output_type=skill.gives.type_name if skill.gives.digest else "",
    )


def card_of(
    name: str,
    version: str,
    description: str,
    skills: Sequence[Skill],
    endpoints: Sequence[Endpoint],
    *,
    shared_tasks: bool,
    limits: Limits = DEFAULTS,
    rows: Sequence[Row[Binding]] = HTTP_ROWS,
) -> dict[str, Any]:
    """The agent card (specification, section 4.4), with the terms of its skills in an extension.

    If the agent is served in A2A 0.3 as well, the keys of that version are there too.

    Args:
        rows: the bindings that it is served in over HTTP.
        limits: ``schema_json`` bounds the JSON Schemas; skills that come late may be left without.
    """
    allowance = _SchemaAllowance(limits.schema_json)
    terms = Terms({skill.id: _terms(skill, allowance) for skill in skills}, shared_tasks=shared_tasks)
    extensions = [entry(CAPABILITIES, msgspec.to_builtins(terms)), *map(entry, BY_AGENTS)]
    card: dict[str, Any] = {
        "name": name,
        "description": description or name,
        "version": version,
        "supportedInterfaces": _interfaces(endpoints, rows),
        "capabilities": {"streaming": True, "pushNotifications": False, "extensions": extensions},
        "defaultInputModes": _MEDIA,
        "defaultOutputModes": _MEDIA,
        "skills": [_skill_entry(skill) for skill in skills],
        "securitySchemes": {"key": {"httpAuthSecurityScheme": {"scheme": "Bearer"}}},
        "securityRequirements": [{"schemes": {"key": []}}],
    }
    return merge_card(card)


def _schema(codec: PartCodec) -> SchemaRef | None:
    return SchemaRef(codec.type_name, codec.digest) if codec.type_name else None


def _capability(skill: Skill) -> Capability:
    return Capability(
        skill=skill.id,
        version=skill.version,
        description=skill.description,
        tags=skill.tags,
        labels=skill.labels,
        input=_schema(skill.takes),
        output=_schema(skill.gives),
        cost_usd=skill.cost_usd,
        latency=skill.latency,
        reentrant=skill.reentrant,
        default=skill.default,
        owner=skill.owner,
        steward=skill.steward,
        migrations=skill.migrations,
    )


def manifest_of(  # noqa: PLR0913 - each is a field of the manifest, and most are given by keyword
    name: str,
    version: str,
    description: str,
    skills: Sequence[Skill],
    *,
    shared_tasks: bool,
    any_references: bool = False,
    shared_contexts: bool = False,
    lists_tasks: bool = False,
    limits: Limits = DEFAULTS,
) -> Manifest:
    """The manifest. Its card names no address, so that all instances of a release share it."""
    return Manifest(
        agent=name,
        version=version,
        description=description,
        skills=tuple(_capability(skill) for skill in skills),
        shared_tasks=shared_tasks,
        any_references=any_references,
        shared_contexts=shared_contexts,
        lists_tasks=lists_tasks,
        card=card_of(name, version, description, skills, (), shared_tasks=shared_tasks, limits=limits),
    )


def instance_of(
    instance: str,
    agent: str,
    manifest: str,
    endpoints: tuple[Endpoint, ...],
    *,
    labels: dict[str, str],
    weight: float,
    draining: bool,
) -> Instance:
    """An instance for the registry.

    Args:
        instance: its id.
        manifest: the digest of the manifest that it shares with the agent's other instances.
        endpoints: where it listens; its health is asked at the first.
    """
    check = HealthCheck(endpoints[0].url + "livez")
    return Instance(
        instance, agent, manifest, endpoints=endpoints, labels=labels, weight=weight, check=check, draining=draining
    )
