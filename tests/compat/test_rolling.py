"""Gateways are replaced one by one while calls go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.compat.rolling import Load, fleet, replaced
from tests.contract.scripts import Stage
from tests.contract.sdkagent import scripted_agent

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
SWITCH = {"kind": "agent", "name": "forger", "reason": "it forges", "ahead": True}


@pytest.mark.requirement("compat.rolling")
async def test_gateways_behind_a_balancer_are_replaced_one_by_one_without_a_failed_call(tmp_path: Path) -> None:
    stage = Stage()
    async with fleet(tmp_path, f"file://{tmp_path}/registry.db", 2) as mesh:
        key = mesh.sites[0].run.join_key
        desk = scripted_agent("desk", "file", stage, version="1.0.0", join=mesh.joins, join_key=key)
        lamp = scripted_agent("lamp", "light", stage, version="1.0.0", join=mesh.joins, join_key=key)
        async with desk.serve(), lamp.serve():
            await mesh.known("desk", "lamp")
            await mesh.admin(mesh.sites[0], "POST", "kill", SWITCH)
            async with Load(mesh, ["desk", "lamp"]) as load:
                for at, agent in ((0, "desk"), (1, "lamp")):
                    await replaced(mesh, load, at, stage, agent)
                    thrown = await mesh.admin(mesh.sites[at], "GET", "switches")
                    assert [each["name"] for each in thrown] == ["forger"]
    assert load.failures == []


@pytest.mark.requirement("compat.rolling")
async def test_callers_that_know_both_gateways_lose_no_call_when_one_after_the_other_is_told_to_end(
    tmp_path: Path,
) -> None:
    async with fleet(tmp_path, f"file://{tmp_path}/registry.db", 2) as mesh:
        lamp = scripted_agent(
            "lamp", "light", Stage(), version="1.0.0", join=mesh.joins, join_key=mesh.sites[0].run.join_key
        )
        async with lamp.serve():
            await mesh.known("lamp")
            ids = [await mesh.id(site, "lamp") for site in mesh.sites]
            for at in (0, 1):
                async with Load(mesh, ["lamp"], callers=6, balanced=False) as load:
                    for gateway in ids:
                        await load.served(gateway)
                    await mesh.sites[at].stop()
                    load.answers.clear()
                    await load.served(ids[1 - at])
                assert load.failures == []
                await mesh.sites[at].start()
                await mesh.known("lamp")
                ids[at] = await mesh.id(mesh.sites[at], "lamp")
