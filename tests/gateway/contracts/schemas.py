"""Contracts of one skill in several releases, and agents that register them."""

from __future__ import annotations

import msgspec

from meshgate.registry.model import Capability, Endpoint, Instance, Manifest, Migration, SchemaRef
from meshgate.registry.schemas import load_image
from tests.registry.schemas.build import compiled

__all__ = ["BROKEN", "FIRST", "GROWN", "contract", "instance_of", "manifest_of", "reference"]

FIRST = "message A { string city = 1; int32 days = 2; } message B { string text = 1; }"
GROWN = "message A { string city = 1; int32 days = 2; string unit = 3; } message B { string text = 1; }"
BROKEN = "message A { string city = 1; bool days = 2; } message B { bytes text = 1; }"


def reference(text: str, message: str) -> SchemaRef:
    """The reference to a message of the schema with these declarations."""
    return SchemaRef(f"p.{message}", load_image(compiled(text)).digest)


def contract(
    version: str = "1.0.0", text: str = FIRST, skill: str = "plan", migrations: tuple[Migration, ...] = ()
) -> Capability:
    """A skill that takes an A and gives a B."""
    sides = reference(text, "A"), reference(text, "B")
    return Capability(skill, version, input=sides[0], output=sides[1], owner="team-plan", migrations=migrations)


def manifest_of(*skills: Capability, agent: str = "planner") -> Manifest:
    """The release of an agent that has these skills."""
    return Manifest(agent, skills[0].version, skills=skills, card={"name": agent, "version": skills[0].version})


def instance_of(manifest: Manifest, name: str = "") -> Instance:
    """An instance of it."""
    where = (Endpoint("JSONRPC", "http://127.0.0.1:9/"),)
    made = Instance(name or f"{manifest.agent}-1", manifest.agent, manifest.digest(), endpoints=where)
    return msgspec.structs.replace(made)
