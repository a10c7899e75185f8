"""Consul is killed (F50), hangs (F51), is wiped (F53); a gateway starts without it or again (F52); watches (F58)."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable

import aiohttp

from tests.faults.crew import AGENT, LEASE, Crew, Watch, now
from tests.faults.load import Load, Sample, failed, percentile
from tests.faults.processes import GatewayUnderTest, connections_to, eventually, threads

__all__ = ["OVERDUE", "codes", "hangs", "killed", "one_watch", "outage", "restarted", "wiped", "without_consul"]

OVERDUE = 45.0
"""Seconds after which a blocking query of 30 s is certainly overdue: a shorter outage may pass unnoticed."""


def codes(samples: list[Sample]) -> str:
    """What went wrong, in short."""
    counts: dict[str, int] = {}
    for each in samples:
        counts[f"{each.kind} {each.code}"] = counts.get(f"{each.kind} {each.code}", 0) + 1
    return ", ".join(f"{count} x {code}" for code, count in counts.items())


class Outage:
    """What was seen from the beginning of an outage until one lease after its end."""

    def __init__(self, load: Load, watch: Watch, began: float, seconds: float, recovery: float) -> None:
        self.watch, self.seconds, self.recovery = watch, seconds, recovery
        self.errors = failed(load.between(began))
        self.calls = len(load.between(began))

    def lost(self) -> str:
        """The instances that were missing at some time."""
        return " ".join(sorted(self.watch.lost))


async def outage(
    crew: Crew, seconds: float, down: Callable[[], Awaitable[None]], up: Callable[[], Awaitable[None]]
) -> Outage:
    """Take something away for a time, under load, and look until one lease after it is back."""
    load = crew.load()
    await load.warm()
    watch = Watch(crew)
    try:
        async with load:
            await asyncio.sleep(1)
            began = now()
            await down()
            crew.report.say(f"... {seconds:g} s without")
            await asyncio.sleep(seconds)
            await up()
            recovery = await eventually(crew.in_touch, within=60)
            crew.report.say(f"... in touch after {recovery:.1f} s; {LEASE + 1:g} s more, to see who is evicted")
            await asyncio.sleep(LEASE + 1)
    finally:
        watch.stop()
    slow = percentile((each.seconds for each in load.between(began)), 0.99)
    late = percentile(load.lag, 0.99)
    crew.report.say(f"{len(load.samples)} calls, p99 {1000 * slow:.0f} ms, sent late by {1000 * late:.0f} ms at p99")
    return Outage(load, watch, began, seconds, recovery)


async def killed(crew: Crew, seconds: float) -> None:
    """F50: Consul is killed, and comes back with its data."""
    report = crew.report
    report.say("F50: kill -9 of Consul")

    async def down() -> None:
        crew.consul.kill()

    async def up() -> None:
        await asyncio.to_thread(crew.consul.start)

    seen = await outage(crew, seconds, down, up)
    report.measure("F50", "errors", len(seen.errors), codes(seen.errors))
    report.measure("F50", "stale_share", seen.watch.stale / seconds)
    report.measure("F50", "not_ready", seen.watch.not_ready)
    report.measure("F50", "recovery_s", seen.recovery)
    report.measure("F50", "evicted", len(seen.watch.lost), seen.lost())


async def hangs(crew: Crew, seconds: float) -> None:
    """F51: Consul is stopped, and continued."""
    report, pid = crew.report, crew.gateway.pid
    report.say("F51: SIGSTOP of Consul")
    before = connections_to(pid, crew.consul.port), threads(pid)
    during = (0, 0)

    async def down() -> None:
        crew.consul.pause()

    async def up() -> None:
        nonlocal during
        during = connections_to(pid, crew.consul.port), threads(pid)
        crew.consul.resume()

    seen = await outage(crew, seconds, down, up)
    report.measure("F51", "errors", len(seen.errors), codes(seen.errors))
    if seconds > OVERDUE:
        report.measure("F51", "stale_s", seen.watch.stale)
    else:
        report.skip("F51", "stale_s", "a registry that hangs is noticed when a blocking query is overdue: 37 s")
    report.measure("F51", "new_connections", max(0, during[0] - before[0]))
    report.measure("F51", "new_threads", max(0, during[1] - before[1]))
    report.measure("F51", "recovery_s", seen.recovery)
    report.measure("F51", "evicted", len(seen.watch.lost), seen.lost())


async def wiped(crew: Crew) -> None:
    """F53: Consul is killed and comes back with nothing."""
    report = crew.report
    report.say("F53: Consul loses its data")
    full = 0.0

    async def down() -> None:
        crew.consul.kill()
        shutil.rmtree(crew.consul.folder / "data")

    async def up() -> None:
        nonlocal full
        began = now()
        await asyncio.to_thread(crew.consul.start)
        await eventually(lambda: _in_consul(crew), within=100)
        full = now() - began
        report.say(f"... Consul lists all of them again after {full:.1f} s")

    seen = await outage(crew, 2, down, up)
    report.measure("F53", "errors", len(seen.errors), codes(seen.errors))
    report.measure("F53", "evicted", len(seen.watch.lost), seen.lost())
    report.measure("F53", "full_view_s", full)


async def _in_consul(crew: Crew) -> bool:
    url = f"{crew.consul.address}/v1/agent/services"
    try:
        async with crew.gateway.session.get(url) as response:
            listed = await response.text()
    except aiohttp.ClientError:
        return False
    return all(f':{name}"' in listed for name in crew.names)


async def without_consul(crew: Crew) -> None:
    """F52: the gateway starts from its snapshot while Consul is down; another one has none."""
    report = crew.report
    report.say("F52: the gateway starts while Consul is down")
    await asyncio.sleep(1.5)  # a snapshot is written once a second
    crew.consul.kill()
    crew.gateway.kill()
    began = now()
    crew.gateway.spawn()
    await crew.gateway.up()
    answer = await crew.caller.send(AGENT, meshgate_deadline="3")
    while answer.code and now() < began + 20:
        answer = await crew.caller.send(AGENT, meshgate_deadline="3")
    report.measure("F52", "serves_s", now() - began, answer.code)
    load = crew.load(100)
    await load.warm()
    async with load:
        await asyncio.sleep(3)
    report.measure("F52", "errors", len(failed(load.samples)), codes(failed(load.samples)))
    report.measure("F52", "no_snapshot_wrong", await _without_snapshot(crew))
    watch = Watch(crew)
    await asyncio.to_thread(crew.consul.start)
    await eventually(crew.in_touch, within=30)
    await asyncio.sleep(LEASE + 1)
    watch.stop()
    report.measure("F52", "evicted", len(watch.lost), " ".join(sorted(watch.lost)))


async def _without_snapshot(crew: Crew) -> int:
    other = GatewayUnderTest(
        crew.folder / "other", crew.gateway.session, registry=f"consul://127.0.0.1:{crew.consul.port}"
    )
    try:
        await other.start()
        return int(await other.status("/livez") != 200) + int(await other.status("/readyz") != 503)
    finally:
        await other.stop()


async def restarted(crew: Crew, seconds: float) -> None:
    """F52: the gateway is killed and started again while Consul is up."""
    report = crew.report
    report.say("F52: the gateway restarts")
    load = crew.load(100)
    await load.warm()
    crew.gateway.kill()
    await crew.gateway.start()
    watch = Watch(crew)
    began = now()
    async with load:
        await asyncio.sleep(seconds)
    watch.stop()
    errors = failed(load.between(began))
    report.measure("F52", "errors_after_restart", len(errors), codes(errors))
    report.measure("F52", "evicted_by_restart", len(watch.lost), " ".join(sorted(watch.lost)))


async def one_watch(crew: Crew, more: int) -> None:
    """F58: connections to Consul do not grow with the number of agents."""
    report, pid, port = crew.report, crew.gateway.pid, crew.consul.port
    report.say(f"F58: {more} agents more")
    before = await _most(pid, port)
    run = crew.gateway.ran
    headers = {"authorization": f"Bearer {run.join_key}"}
    url = f"{run.join}/meshgate.v1.RegistryService/Register"
    for number in range(more):
        name = f"other-{number}"
        card = f'{{"name":"{name}","version":"1.0.0","description":"one of many","skills":[]}}'
        registration = {
            "instanceId": f"{name}-1",
            "agent": name,
            "lasting": True,
            "endpoints": [{"binding": "JSONRPC", "url": f"http://127.0.0.1:9/{name}/", "protocolVersion": "1.0"}],
            "manifest": {"agent": name, "version": "1.0.0", "foreign": True, "cardJson": card},
        }
        async with crew.gateway.session.post(url, json={"registration": registration}, headers=headers) as response:
            if response.status != 200:
                raise RuntimeError(f"registration refused: {await response.text()}")

    async def all_listed() -> bool:
        return len(await crew.gateway.instances()) >= more + len(crew.names)

    await eventually(all_listed, within=30)
    # Idle connections of the registrations may linger; those that watch stay.
    after = await _least(pid, port)
    report.measure("F58", "connections", after)
    report.measure("F58", "more_for_agents", max(0, after - before))


async def _most(pid: int, port: int) -> int:
    return max([await _sample(pid, port) for _ in range(20)])


async def _least(pid: int, port: int) -> int:
    return min([await _sample(pid, port) for _ in range(40)])


async def _sample(pid: int, port: int) -> int:
    await asyncio.sleep(0.1)
    return connections_to(pid, port)
