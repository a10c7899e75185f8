"""Agents with contracts that a gateway of 0.1.0 let in: it keeps the manifest, and drops the schemas."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from meshgate.a2a.limits import DEFAULTS
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.catalogue import Catalogue
from meshgate.gateway.contracts.converters import Converters
from meshgate.gateway.contracts.store import SchemaStore
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.index import Index
from meshgate.registry.model import Capability, SchemaRef
from meshgate.registry.watcher import Watcher
from tests.gateway.contracts.schemas import FIRST, GROWN, contract, manifest_of
from tests.registry.schemas.build import compiled
from tests.support.virtual_loop import virtual_time


async def knows(gate: SchemaGate, *skills: Capability) -> bool:
    manifest = manifest_of(*skills)
    return await gate.knows(manifest.digest(), manifest)


@pytest.mark.requirement("compat.newer")
async def test_what_a_gateway_without_contracts_listed_has_to_register_again() -> None:
    registry = MemoryRegistry()
    gate = SchemaGate(SchemaStore(registry))
    assert not await knows(gate, contract())
    await gate.admit(manifest_of(contract()), (compiled(FIRST),))
    assert await knows(gate, contract())
    assert await knows(SchemaGate(SchemaStore(registry)), contract())
    assert not await knows(gate, contract("1.1.0", GROWN))
    assert not await knows(gate, contract("1.0.0", GROWN))


@pytest.mark.requirement("compat.newer")
async def test_skills_without_a_contract_and_those_that_only_name_a_type_have_nothing_to_register() -> None:
    named = Capability("plan", "1.0.0", input=SchemaRef("office.v1.Letter"))
    assert await knows(SchemaGate(SchemaStore(MemoryRegistry())), Capability("say", "1.0.0"), named)


@pytest.mark.requirement("compat.newer")
async def test_a_registry_that_is_away_costs_nobody_a_lease() -> None:
    class Away(MemoryRegistry):
        async def subject(self, name: str) -> str:
            raise RegistryUnavailable

    assert await knows(SchemaGate(SchemaStore(Away())), contract())


@pytest.mark.requirement("compat.newer")
@virtual_time
async def test_a_contract_that_does_not_come_holds_up_one_call_and_no_further_one() -> None:
    registry = MemoryRegistry()
    converters = Converters(Catalogue(SchemaStore(registry), Watcher(registry, Index())), DEFAULTS)
    clock = asyncio.get_running_loop().time
    times = [clock()]
    for _ in range(2):
        assert await converters.wait_for("planner/plan", "1.0.0") is None
        times.append(clock())
    assert [after - before for before, after in pairwise(times)] == [DEFAULTS.mediation_wait, 0.0]
