"""Agents whose contracts the registry does not have: they are asked to register again."""

from __future__ import annotations

import pytest

from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.store import SchemaStore
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.model import Capability, SchemaRef
from tests.gateway.contracts.schemas import FIRST, GROWN, contract, manifest_of
from tests.registry.schemas.build import compiled


async def knows(gate: SchemaGate, *skills: Capability) -> bool:
    manifest = manifest_of(*skills)
    return await gate.knows(manifest.digest(), manifest)


@pytest.mark.requirement("schema.wiped")
async def test_an_agent_whose_contract_is_no_release_has_to_register_again() -> None:
    registry = MemoryRegistry()
    gate = SchemaGate(SchemaStore(registry))
    assert not await knows(gate, contract())
    await gate.admit(manifest_of(contract()), (compiled(FIRST),))
    assert await knows(gate, contract())
    assert await knows(SchemaGate(SchemaStore(registry)), contract())
    assert not await knows(gate, contract("1.1.0", GROWN))
    assert not await knows(gate, contract("1.0.0", GROWN))


async def test_skills_without_a_contract_and_those_that_only_name_a_type_have_nothing_to_register() -> None:
    named = Capability("plan", "1.0.0", input=SchemaRef("office.v1.Letter"))
    assert await knows(SchemaGate(SchemaStore(MemoryRegistry())), Capability("say", "1.0.0"), named)


async def test_a_registry_that_is_away_costs_nobody_a_lease() -> None:
    class Away(MemoryRegistry):
        async def subject(self, name: str) -> str:
            raise RegistryUnavailable

    assert await knows(SchemaGate(SchemaStore(Away())), contract())
