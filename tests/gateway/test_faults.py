"""The stories of ``make faults`` in virtual time: what may be exact there is exact here."""

from __future__ import annotations

import asyncio

import pytest

from meshgate.a2a.errors import OutcomeUnknown
from meshgate.testing.agents import silent, task, text
from tests.gateway.meshes import virtual_mesh
from tests.support.virtual_loop import virtual_time

# -- an instance that hangs


@pytest.mark.requirement("path.hang")
@virtual_time
async def test_no_call_goes_to_a_hung_instance_until_its_health_route_answers() -> None:
    async with virtual_mesh() as mesh:
        hung = await mesh.add("echo", silent)
        lost = asyncio.ensure_future(mesh.call("echo", meshgate_deadline="5"))
        await asyncio.sleep(0.1)
        well = await mesh.add("echo", text("hello"))
        mesh.wire.hung.add(f"local://{hung}")
        await asyncio.sleep(1.4)
        mesh.wire.sent.clear()
        for _ in range(600):
            await mesh.call("echo")
            await asyncio.sleep(0.1)
        assert {out.attempt.instance.id for out in mesh.wire.sent} == {well}
        with pytest.raises(OutcomeUnknown):
            await lost
        mesh.wire.hung.clear()
        mesh.wire.scripts[f"local://{hung}"] = text("well again")
        mesh.wire.sent.clear()
        for _ in range(100):
            await mesh.call("echo")
            await asyncio.sleep(0.1)
        assert {out.attempt.instance.id for out in mesh.wire.sent} == {hung, well}


@pytest.mark.requirement("path.hang")
@virtual_time
async def test_an_instance_that_hangs_and_leaves_is_asked_no_more() -> None:
    async with virtual_mesh() as mesh:
        hung = await mesh.add("echo", task("t1"))
        mesh.wire.scripts[f"local://{hung}"] = silent
        mesh.wire.hung.add(f"local://{hung}")
        found = mesh.gateway.instances.get(hung)
        assert found is not None

        def asked() -> bool:
            return found.probing is not None

        waiting = asyncio.ensure_future(mesh.call("echo", meshgate_deadline="2"))
        await asyncio.sleep(1.6)
        assert asked()
        await mesh.registry.deregister(hung)
        await mesh.seen(hung, there=False)
        await asyncio.sleep(1.0)
        assert not asked()
        with pytest.raises(OutcomeUnknown):
            await waiting
