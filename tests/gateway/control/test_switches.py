"""Kill switches are acknowledged once they are in force here; otherwise the operator is told what is known."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from meshgate.a2a.errors import MeshError, OutcomeUnknown
from meshgate.gateway.control.switches import Switches, WrittenNotSeen
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.index import Index
from meshgate.registry.model import Delta, Switch
from tests.support.virtual_loop import elapsed, settle, virtual_time

pytestmark = pytest.mark.requirement("registry.acknowledged")
ROGUE = Switch("agent", "rogue", "it loops")


class Hangs(MemoryRegistry):
    """A registry that never answers, as a Consul that is stopped."""

    async def throw(self, switch: Switch) -> None:
        await asyncio.Event().wait()

    lift = throw


def shows(index: Index, *switches: Switch) -> None:
    index.apply(Delta(switches=switches))


@virtual_time
async def test_a_switch_is_acknowledged_when_it_is_seen() -> None:
    index, registry = Index(), MemoryRegistry()
    switches = Switches(registry, index, 2.0)
    throwing = asyncio.ensure_future(switches.throw(ROGUE))
    await asyncio.sleep(1.5)
    assert not throwing.done()
    shows(index, ROGUE)
    await throwing
    lifting = asyncio.ensure_future(switches.lift(Switch("agent", "rogue")))
    await asyncio.sleep(1.5)
    assert not lifting.done()
    shows(index)
    await lifting


@pytest.mark.parametrize("seen", [(), (Switch("agent", "rogue", "an older reason"),)])
@virtual_time
async def test_a_switch_that_is_written_and_not_seen_is_told_after_two_seconds(seen: tuple[Switch, ...]) -> None:
    index = Index()
    shows(index, *seen)
    with pytest.raises(WrittenNotSeen, match="takes effect where the registry is read"):
        await asyncio.wait_for(Switches(MemoryRegistry(), index, 2.0).throw(ROGUE), 2.1)


@virtual_time
async def test_a_registry_that_does_not_answer_leaves_the_outcome_unknown_in_words() -> None:
    switches = Switches(Hangs(), Index(), 2.0)

    async def refused(work: Any) -> None:
        with pytest.raises(OutcomeUnknown, match="has not answered within 2 s: the switch may take effect later"):
            await work

    assert await elapsed(refused(switches.throw(ROGUE))) == 2.0
    assert await elapsed(refused(switches.lift(ROGUE))) == 2.0
    await settle()


@virtual_time
async def test_a_switch_of_the_same_name_counts_as_lifted_only_when_it_is_gone() -> None:
    index = Index()
    shows(index, ROGUE)
    with pytest.raises(MeshError):
        await Switches(MemoryRegistry(), index, 0.5).lift(Switch("agent", "rogue"))
    await Switches(MemoryRegistry(), index, 0.5).lift(Switch("agent", "another"))
