"""The stories of ``make faults`` in virtual time: what may only be about right there is exact here."""

from __future__ import annotations

import asyncio

import pytest

from meshgate.a2a.call import Call
from meshgate.a2a.errors import MeshError, OutcomeUnknown, UpstreamUnavailable
from meshgate.a2a.reply import Reply
from meshgate.testing import LocalMesh
from meshgate.testing.agents import Script, fail, silent, task, text
from tests.gateway.meshes import virtual_mesh
from tests.support.virtual_loop import virtual_time


async def _four(mesh: LocalMesh, script: Script, *, shared: bool = True) -> list[str]:
    return [await mesh.add("crew", script, shared_tasks=shared) for _ in range(4)]


async def _codes(mesh: LocalMesh, seconds: float, rate: float = 200.0) -> list[str]:
    """Sends in open loop; how each ended, "" for well."""

    async def one() -> str:
        try:
            await mesh.call("crew", meshgate_deadline="3")
        except MeshError as error:
            return error.code
        return ""

    calls: list[asyncio.Task[str]] = []
    for _ in range(int(seconds * rate)):
        calls.append(asyncio.ensure_future(one()))
        await asyncio.sleep(1 / rate)
    return list(await asyncio.gather(*calls))


def _shares(mesh: LocalMesh) -> dict[str, int]:
    """Tries since the list was cleared, by instance."""
    counts: dict[str, int] = {}
    for out in mesh.wire.sent:
        counts[out.attempt.instance.id] = counts.get(out.attempt.instance.id, 0) + 1
    return counts


# -- F31, F34, F43: instances that answer 503


@pytest.mark.requirement("path.breaker")
@virtual_time
async def test_sends_fail_on_a_bad_instance_five_times_and_then_once_for_each_probe() -> None:
    async with virtual_mesh() as mesh:
        bad, *_ = await _four(mesh, text("hello"))
        mesh.wire.scripts[f"local://{bad}"] = fail(UpstreamUnavailable())
        codes = await _codes(mesh, 5)
        failed = [index / 200 for index, code in enumerate(codes) if code]
        assert 5 <= len(failed) <= 7
        assert failed[4] - failed[0] <= 0.15
        assert all(later - failed[4] >= 1.0 for later in failed[5:])


@pytest.mark.requirement("path.retry_budget", "path.breaker")
@virtual_time
async def test_when_all_fail_the_agents_see_their_probes_and_nothing_else() -> None:
    async with virtual_mesh() as mesh:
        await _four(mesh, fail(UpstreamUnavailable()))
        codes = await _codes(mesh, 2)
        assert set(codes) == {"UPSTREAM_UNAVAILABLE"}
        mesh.wire.sent.clear()
        began = mesh.gateway.clock()
        calls = await _codes(mesh, 20, rate=50)
        assert set(calls) == {"UPSTREAM_UNAVAILABLE"}
        assert mesh.gateway.clock() - began == pytest.approx(20.0, abs=0.1)  # no call waited
        assert all(tries <= 5 for tries in _shares(mesh).values())  # back-offs of 2, 4, 8, ... seconds


@pytest.mark.requirement("path.breaker")
@virtual_time
async def test_an_instance_that_is_well_again_has_its_full_share_soon_after_its_probe() -> None:
    async with virtual_mesh() as mesh:
        bad, *_ = await _four(mesh, text("hello"))
        mesh.wire.scripts[f"local://{bad}"] = fail(UpstreamUnavailable())
        await _codes(mesh, 5)
        mesh.wire.scripts[f"local://{bad}"] = text("well again")
        while True:
            mesh.wire.sent.clear()
            assert not any(await _codes(mesh, 0.1))
            if bad in _shares(mesh):
                break
        mesh.wire.sent.clear()
        assert not any(await _codes(mesh, 2))
        assert _shares(mesh)[bad] >= 0.8 * 400 / 4


# -- F35: an instance dies


@pytest.mark.requirement("path.retry", "path.retry_unsafe")
@virtual_time
async def test_of_a_killed_instance_only_the_sends_that_were_there_notice() -> None:
    async with virtual_mesh() as mesh:
        dying = asyncio.Event()

        async def until_it_dies(_: Call) -> Reply:
            await dying.wait()
            raise OutcomeUnknown

        victim, *_ = await _four(mesh, text("hello"))
        mesh.wire.scripts[f"local://{victim}"] = until_it_dies
        before = [asyncio.ensure_future(mesh.call("crew", meshgate_deadline="3")) for _ in range(8)]
        await asyncio.sleep(0.05)
        there = sum(not call.done() for call in before)
        assert there
        dying.set()
        del mesh.wire.scripts[f"local://{victim}"]
        after = await _codes(mesh, 2)
        ended = await asyncio.gather(*before, return_exceptions=True)
        assert [type(each) for each in ended if isinstance(each, BaseException)] == [OutcomeUnknown] * there
        assert not any(after)


# -- F36: an instance hangs


@pytest.mark.requirement("path.hang")
@virtual_time
async def test_no_send_goes_to_a_hung_instance_after_a_second_and_a_half() -> None:
    async with virtual_mesh() as mesh:
        hung, *_ = await _four(mesh, text("hello"))
        await _codes(mesh, 1)
        mesh.wire.scripts[f"local://{hung}"] = silent
        mesh.wire.hung.add(f"local://{hung}")
        codes = await _codes(mesh, 8)
        assert {code for code in codes if code} == {"OUTCOME_UNKNOWN"}
        assert not any(codes[int(1.5 * 200) :])


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
        assert set(_shares(mesh)) == {well}
        with pytest.raises(OutcomeUnknown):
            await lost
        mesh.wire.hung.clear()
        mesh.wire.scripts[f"local://{hung}"] = text("well again")
        mesh.wire.sent.clear()
        for _ in range(100):
            await mesh.call("echo")
            await asyncio.sleep(0.1)
        assert set(_shares(mesh)) == {hung, well}


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


# -- F50, F53: the registry


@pytest.mark.requirement("registry.stale")
@virtual_time
async def test_calls_flow_while_the_registry_is_away_and_a_bad_instance_still_leaves() -> None:
    async with virtual_mesh() as mesh:
        bad, *_ = await _four(mesh, text("hello"))
        mesh.registry.cut()
        assert not any(await _codes(mesh, 5))
        mesh.wire.scripts[f"local://{bad}"] = fail(UpstreamUnavailable())
        assert sum(bool(code) for code in await _codes(mesh, 5)) <= 7
        assert mesh.gateway.watcher.stale_seconds() >= 9.0
        assert mesh.gateway.unready() is None
        mesh.registry.restore()
        await asyncio.sleep(2.5)
        assert mesh.gateway.watcher.stale_seconds() == 0.0


@pytest.mark.requirement("registry.hold_down")
@virtual_time
async def test_a_registry_that_lost_everything_evicts_nobody_for_half_a_minute() -> None:
    async with virtual_mesh() as mesh:
        await _four(mesh, text("hello"))
        mesh.registry.wipe()
        assert not any(await _codes(mesh, 25, rate=20))
        await asyncio.sleep(10)
        assert set(await _codes(mesh, 1)) == {"NO_ROUTE"}
