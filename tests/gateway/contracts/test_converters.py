"""How long a call waits for a contract that has not arrived yet."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from meshgate.a2a.limits import DEFAULTS
from meshgate.gateway.contracts.catalogue import Catalogue
from meshgate.gateway.contracts.converters import Converters
from meshgate.gateway.contracts.store import SchemaStore
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.index import Index
from meshgate.registry.watcher import Watcher
from tests.support.virtual_loop import virtual_time


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
