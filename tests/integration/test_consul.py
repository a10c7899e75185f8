"""The Consul registry against a real Consul: the traps of py-consul, and outages."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import time
import urllib.request
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshgate.registry.backends.consul.address import ConsulAddress
from meshgate.registry.backends.consul.registry import ConsulRegistry
from meshgate.registry.errors import RegistryUnavailable, UnknownLease
from meshgate.registry.index import Index
from meshgate.registry.model import HealthCheck, Instance, Switch
from meshgate.registry.watcher import Watcher
from tests.conftest import StartConsul
from tests.registry.samples import SUMMARISER, Following, agent, gateway
from tests.registry.virtual import until
from tests.support import servers
from tests.support.patience import patience

pytestmark = pytest.mark.integration

_numbers = count()


@asynccontextmanager
async def opened(consul: servers.Consul, **settings: Any) -> AsyncGenerator[ConsulRegistry, None]:
    """A registry on `consul`, with names of its own unless a `prefix` is given."""
    prefix = settings.pop("prefix", f"it{next(_numbers)}")
    token = settings.pop("token", consul.token or "")
    registry = ConsulRegistry(ConsulAddress(port=consul.port, prefix=prefix, token=token), **settings)
    try:
        yield registry
    finally:
        await registry.aclose()


async def ask(consul: servers.Consul, method: str, path: str, body: bytes | None = None, token: str = "") -> bytes:
    """Talks to Consul without py-consul."""
    headers = {"X-Consul-Token": token or consul.token or ""}
    request = urllib.request.Request(f"{consul.address}{path}", data=body, method=method, headers=headers)

    def send() -> bytes:
        with urllib.request.urlopen(request, timeout=patience()) as response:
            return bytes(response.read())

    return await asyncio.to_thread(send)


@asynccontextmanager
async def serving() -> AsyncGenerator[tuple[int, Callable[[], None], Callable[[], Awaitable[None]]], None]:
    """An HTTP server that answers 200 to anything, with ways to stop it and to start it again on its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        writer.close()

    running = [await asyncio.start_server(answer, "127.0.0.1", 0)]
    port: int = running[0].sockets[0].getsockname()[1]

    async def again() -> None:
        running.append(await asyncio.start_server(answer, "127.0.0.1", port))

    def stop() -> None:
        running[-1].close()

    try:
        yield port, stop, again
    finally:
        stop()


def checked(name: str, port: int, *, lasting: bool = False) -> Instance:
    check = HealthCheck(f"http://127.0.0.1:{port}/health", interval=0.3)
    return msgspec.structs.replace(agent(name, lasting=lasting), check=check)


# --- the traps of py-consul ---


async def test_a_killed_consul_is_an_unavailable_registry_for_commands_and_watches(own_consul: StartConsul) -> None:
    consul = own_consul()
    async with opened(consul) as registry, Following(registry) as seen:
        await registry.register(agent("a1"), SUMMARISER)
        await seen.until(lambda: seen.ids == {"a1"})
        consul.kill()

        assert isinstance(await seen.ended(), RegistryUnavailable)
        for command in (registry.renew("a1"), registry.deregister("a1"), registry.put_blob(b"x")):
            with pytest.raises(RegistryUnavailable):
                await command
        with pytest.raises(RegistryUnavailable):
            await anext(registry.watch())

        await asyncio.to_thread(consul.start)
        async with Following(registry) as again:
            await registry.register(agent("a2"), SUMMARISER)
            await again.until(lambda: "a2" in again.ids)


async def test_a_consul_that_hangs_is_noticed_by_commands_and_watches(own_consul: StartConsul) -> None:
    consul = own_consul()
    async with opened(consul, wait=0.5, timeout=0.5) as registry, Following(registry) as seen:
        consul.pause()
        try:
            with pytest.raises(RegistryUnavailable):
                await registry.put_blob(b"x")
            assert isinstance(await seen.ended(), RegistryUnavailable)
        finally:
            consul.resume()


async def test_a_quiet_watch_outlives_the_time_that_its_queries_wait(consul: servers.Consul) -> None:
    # The lease of one second is the clock of this test: four queries and more run empty meanwhile.
    async with opened(consul, wait=0.2, timeout=0.3, ttl=1.0, settle=0.0) as registry, Following(registry) as seen:
        await registry.register(agent("kept", lasting=True), SUMMARISER)
        await registry.register(agent("mortal"))
        await seen.until(lambda: seen.ids == {"kept", "mortal"})
        await seen.until(lambda: seen.ids == {"kept"})
        await registry.deregister("kept")
        await seen.until(lambda: not seen.ids)


def connections_to(port: int) -> int:
    """How many clients a loopback port has: lines with it as the local side, in state 01 (established)."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return sum(line[1] == f"0100007F:{port:04X}" and line[3] == "01" for line in lines)


@pytest.mark.skipif(sys.platform != "linux", reason="counts connections in /proc/net/tcp")
@pytest.mark.requirement("registry.few_queries")
async def test_three_hundred_watches_are_four_queries_and_starve_nobody(own_consul: StartConsul) -> None:
    consul = own_consul()
    async with opened(consul) as registry:
        watches = [registry.watch() for _ in range(300)]
        firsts = await asyncio.gather(*(anext(watch) for watch in watches))
        assert all(first.reset for first in firsts)

        await asyncio.gather(*(registry.register(gateway(f"g{number}")) for number in range(5)))
        assert connections_to(consul.port) <= 4 + 5

        nexts = await asyncio.gather(*(anext(watch) for watch in watches))
        assert all(delta.put for delta in nexts)
        await asyncio.gather(*(watch.aclose() for watch in watches))


async def test_the_environment_of_other_consul_clients_is_not_looked_at(
    own_consul: StartConsul, monkeypatch: pytest.MonkeyPatch
) -> None:
    consul = own_consul(acl=True)
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", "00000000-0000-0000-0000-000000000000")
    monkeypatch.setenv("CONSUL_HTTP_ADDR", "http://192.0.2.1:1")
    monkeypatch.setenv("CONSUL_HTTP_SSL", "true")
    async with opened(consul) as registry, Following(registry) as seen:
        await registry.register(agent("a1"), SUMMARISER)
        await seen.until(lambda: seen.ids == {"a1"})


async def limited_token(consul: servers.Consul, rules: str) -> str:
    policy = json.dumps({"Name": f"policy{next(_numbers)}", "Rules": rules}).encode()
    made = json.loads(await ask(consul, "PUT", "/v1/acl/policy", policy))
    token = json.dumps({"Policies": [{"ID": made["ID"]}]}).encode()
    return str(json.loads(await ask(consul, "PUT", "/v1/acl/token", token))["SecretID"])


LEAST = """
service_prefix "mesh-" { policy = "write" }
key_prefix "mesh/" { policy = "write" }
node_prefix "" { policy = "read" }
"""


@pytest.mark.requirement("registry.acl")
async def test_everything_works_with_the_least_privilege_that_the_error_names(own_consul: StartConsul) -> None:
    consul = own_consul(acl=True)
    # Consul itself needs a token to bring its catalogue in line with what was deregistered at it.
    agents_own = json.dumps({"Token": consul.token}).encode()
    await ask(consul, "PUT", "/v1/agent/token/agent", agents_own)
    token = await limited_token(consul, LEAST)
    async with (
        serving() as (port, _, _),
        opened(consul, prefix="mesh", token=token) as registry,
        Following(registry) as seen,
    ):
        await registry.register(agent("renewed"), SUMMARISER)
        await registry.register(checked("checked", port))
        await registry.register(gateway("g1"))
        await registry.throw(Switch("agent", "rogue"))
        await seen.until(lambda: seen.ids == {"renewed", "checked", "g1"} and seen.switches)

        assert (await registry.renew("renewed")).instance == "renewed"
        assert (await registry.renew("checked")).instance == "checked"
        assert await registry.get_blob(await registry.put_blob(b"card")) == b"card"
        await registry.lift(Switch("agent", "rogue"))
        for name in ("renewed", "checked", "g1"):
            await registry.deregister(name)
        await seen.until(lambda: not seen.ids and not seen.switches)


async def test_a_token_that_may_not_is_an_unavailable_registry_that_says_what_it_needs(own_consul: StartConsul) -> None:
    consul = own_consul(acl=True)
    token = await limited_token(consul, 'node_prefix "" { policy = "read" }')
    async with opened(consul, prefix="mesh", token=token) as registry:
        for command in (registry.register(agent("a1"), SUMMARISER), registry.throw(Switch("job", "j1"))):
            with pytest.raises(RegistryUnavailable, match="service:write on 'mesh-"):
                await command
    async with opened(consul, token="7f3c8f5e-1a43-4f0b-9d52-3a2b6f1c0dff") as registry:
        with pytest.raises(RegistryUnavailable):
            await registry.register(agent("a1"), SUMMARISER)


@pytest.mark.requirement("registry.tls")
async def test_over_tls_consul_is_trusted_through_its_authority_alone(own_consul: StartConsul) -> None:
    consul = own_consul(tls=True)
    trusted = ConsulRegistry(ConsulAddress(port=consul.https_port, tls=True, ca_file=str(consul.ca_file)))
    try:
        async with Following(trusted) as seen:
            await trusted.register(agent("a1"), SUMMARISER)
            await seen.until(lambda: seen.ids == {"a1"})
    finally:
        await trusted.aclose()

    doubtful = ConsulRegistry(ConsulAddress(port=consul.https_port, tls=True))
    with pytest.raises(RegistryUnavailable):
        await doubtful.renew("a1")
    await doubtful.aclose()


@pytest.mark.requirement("registry.index")
async def test_an_index_that_goes_back_makes_the_watch_begin_anew(own_consul: StartConsul) -> None:
    consul = own_consul()
    # Consul lets a query that waits at the old index wait to its end.
    async with opened(consul, wait=0.5) as registry, Following(registry) as seen:
        await registry.throw(Switch("agent", "first"))
        await seen.until(lambda: len(seen.switches) == 1)
        backup = await ask(consul, "GET", "/v1/snapshot")
        for number in range(20):
            await registry.throw(Switch("job", f"j{number}"))
        await seen.until(lambda: len(seen.switches) == 21)
        await ask(consul, "PUT", "/v1/snapshot", backup)
        await seen.until(lambda: seen.switches == (Switch("agent", "first"),))
        assert sum(delta.reset for delta in seen.deltas) >= 2

        await registry.throw(Switch("agent", "second"))
        await seen.until(lambda: len(seen.switches) == 2)


# --- leases and checks ---


async def test_consul_asks_the_instance_itself_and_drops_one_that_no_longer_answers(consul: servers.Consul) -> None:
    async with (
        serving() as (port, stop, _),
        opened(consul, ttl=1.0, settle=0.0) as registry,
        Following(registry) as seen,
    ):
        await registry.register(checked("a1", port), SUMMARISER)
        await registry.register(agent("clock"))
        await seen.until(lambda: seen.ids == {"a1", "clock"})
        # Nobody renews either: only the one that Consul can ask stays.
        await seen.until(lambda: seen.ids == {"a1"})
        stop()
        await seen.until(lambda: not seen.ids)


async def test_a_foreign_agent_goes_and_comes_with_its_health(consul: servers.Consul) -> None:
    async with (
        serving() as (port, stop, again),
        opened(consul, ttl=1.0, settle=0.0) as registry,
        Following(registry) as seen,
    ):
        await registry.register(checked("foreign", port, lasting=True), SUMMARISER)
        await seen.until(lambda: seen.ids == {"foreign"})
        stop()
        await seen.until(lambda: not seen.ids)
        await again()
        await seen.until(lambda: seen.ids == {"foreign"})


@pytest.mark.requirement("registry.nobody_evicted")
async def test_a_restarted_gateway_gives_an_expired_lease_one_more_term(consul: servers.Consul) -> None:
    async with opened(consul, prefix="grace", ttl=1.0, settle=0.0) as before, Following(before) as seen:
        await before.register(agent("a1"), SUMMARISER)
        await seen.until(lambda: seen.ids == {"a1"})
        await seen.until(lambda: not seen.ids)

        async with opened(consul, prefix="grace", ttl=1.0, settle=0.0) as after, Following(after) as fresh:
            assert fresh.ids == {"a1"}
            await fresh.until(lambda: not fresh.ids)


async def test_an_instance_that_moved_to_another_gateways_consul_is_listed_once(consul: servers.Consul) -> None:
    async with opened(consul, prefix="moved") as registry, Following(registry) as seen:
        await registry.register(agent("a1"), SUMMARISER)
        await seen.until(lambda: seen.ids == {"a1"})
        entry = json.loads(await ask(consul, "GET", "/v1/health/service/moved-agents"))[0]["Service"]
        moved = {
            "Node": "elsewhere",
            "Address": "192.0.2.9",
            "Service": {"ID": entry["ID"], "Service": "moved-agents", "Meta": entry["Meta"] | {"tenant": "acme"}},
        }
        await ask(consul, "PUT", "/v1/catalog/register", json.dumps(moved).encode())
        await seen.until(lambda: seen.index.entries["a1"].instance.tenant == "acme")
        assert seen.ids == {"a1"}


# --- what others may have written ---


async def test_two_meshes_on_one_consul_do_not_see_each_other(consul: servers.Consul) -> None:
    async with (
        opened(consul, prefix="blue") as blue,
        opened(consul, prefix="blue-green") as green,
        Following(blue) as seen,
    ):
        await green.register(agent("g1"), SUMMARISER)
        await green.throw(Switch("agent", "x"))
        await blue.register(agent("b1"), SUMMARISER)
        await seen.until(lambda: seen.ids)

        assert seen.ids == {"b1"}
        assert seen.switches == ()
        with pytest.raises(UnknownLease):
            await blue.renew("g1")


async def test_a_manifest_that_is_not_what_its_name_says_is_not_used(consul: servers.Consul) -> None:
    async with opened(consul, prefix="rogue") as registry, Following(registry) as seen:
        await registry.register(agent("honest"), SUMMARISER)
        await seen.until(lambda: seen.ids == {"honest"})
        other = msgspec.structs.replace(SUMMARISER, version="9.9.9")
        forged = agent("forged", other)
        await ask(consul, "PUT", f"/v1/kv/rogue/manifests/{other.digest()}", SUMMARISER.encode())
        await registry.register(forged)  # whoever brings the manifest itself would mend it
        await registry.deregister("honest")
        await seen.until(lambda: "honest" not in seen.ids)

        assert seen.ids == set()
        with pytest.raises(KeyError):
            await registry.manifest(other.digest())


async def test_entries_of_another_hand_are_left_out(consul: servers.Consul) -> None:
    async with opened(consul, prefix="odd") as registry, Following(registry) as seen:
        for entry in ({"id": "x"}, {"id": "odd:x"}, {"id": "odd:y", "meta": {"agent": "y", "e0": "SMTP"}}):
            body = json.dumps({"name": "odd-agents", **entry}).encode()
            await ask(consul, "PUT", "/v1/agent/service/register", body)
        await ask(consul, "PUT", "/v1/kv/odd/switches/pet/cat", b"")
        for key, value in (("a/b/c", "1" * 32), ("a", "1" * 32), ("a/b", "short"), ("a/~!", "1" * 32)):
            await ask(consul, "PUT", f"/v1/kv/odd/subjects/{key}", value.encode())
        await registry.register(agent("a1"), SUMMARISER)
        await registry.put_subject("a/c", "1" * 32, "")
        await seen.until(lambda: seen.ids and seen.index.subjects)

        assert seen.ids == {"a1"}
        assert seen.switches == (Switch("pet", "cat"),)
        assert seen.index.subjects == {"a/c": "1" * 32}
        unread = [delta.unread for delta in seen.deltas if delta.unread is not None][-1]
        assert sorted(unread.values()) == ["subject"] * 4 + ["unreadable"] * 3


# --- outages, seen by a gateway's watcher ---


@asynccontextmanager
async def watching(registry: ConsulRegistry, snapshot: Path | None = None) -> AsyncGenerator[Watcher, None]:
    watcher = Watcher(registry, Index(), snapshot)
    task = asyncio.create_task(watcher.run())
    try:
        yield watcher
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def renewing(registry: ConsulRegistry, *names: str) -> AsyncGenerator[None, None]:
    """What SDKs do through a gateway's join port: renew, and register again when told to."""

    async def keep(name: str) -> None:
        while True:
            try:
                await registry.renew(name)
            except UnknownLease:
                await registry.register(agent(name), SUMMARISER)
            except RegistryUnavailable:
                pass
            await asyncio.sleep(0.2)

    for name in names:
        await registry.register(agent(name), SUMMARISER)
    tasks = [asyncio.create_task(keep(name)) for name in names]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.requirement("registry.nobody_evicted")
async def test_a_consul_that_restarts_evicts_nobody(own_consul: StartConsul) -> None:
    consul = own_consul(persistent=True)
    lost: list[str] = []
    async with (
        serving() as (port, _, _),
        opened(consul, ttl=1.0, settle=3.0) as registry,
        renewing(registry, "a1", "a2", "a3"),
        watching(registry) as watcher,
    ):
        watcher.on_change.append(lambda delta: lost.extend(delta.gone))
        await registry.register(checked("asked", port), SUMMARISER)
        await until(lambda: set(watcher.index.entries) == {"a1", "a2", "a3", "asked"})
        for stop in (consul.stop, consul.kill):
            await asyncio.to_thread(stop)
            await until(lambda: watcher.stale_seconds() > 1.5)  # longer than a lease
            await asyncio.to_thread(consul.start)
            await until(lambda: not watcher.stale)
            # Another lease, which nobody renews, is the clock that shows that a full term has passed since.
            await registry.register(agent("clock"), SUMMARISER)
            await until(lambda: "clock" in watcher.index.entries)
            await until(lambda: "clock" not in watcher.index.entries)

    assert set(lost) == {"clock"}


async def test_a_consul_that_comes_back_empty_is_filled_again_before_anybody_is_dropped(
    own_consul: StartConsul,
) -> None:
    consul = own_consul(persistent=True)
    lost: list[str] = []
    names = ("a1", "a2", "a3")
    async with (
        opened(consul, ttl=2.0) as registry,
        watching(registry) as watcher,
        renewing(registry, *names),
    ):
        watcher.on_change.append(lambda delta: lost.extend(delta.gone))
        await until(lambda: set(watcher.index.entries) == set(names))
        await asyncio.to_thread(consul.kill)
        await until(lambda: watcher.stale)
        shutil.rmtree(consul.folder / "data")
        await asyncio.to_thread(consul.start)
        await until(lambda: not watcher.stale)
        async with opened(consul, prefix=registry.address.prefix) as other, Following(other) as seen:
            await seen.until(lambda: seen.ids == set(names))
        await until(lambda: not watcher.held)

        assert set(watcher.index.entries) == set(names)
    assert lost == []


@pytest.mark.requirement("registry.subjects")
async def test_subjects_survive_a_restart_of_consul_and_a_wiped_one_begins_anew(own_consul: StartConsul) -> None:
    consul, one, two = own_consul(persistent=True), "1" * 32, "2" * 32
    async with opened(consul) as registry, watching(registry) as watcher:
        assert await registry.put_subject("planner/plan", one, "")
        await until(lambda: watcher.index.subjects == {"planner/plan": one})
        await asyncio.to_thread(consul.stop)
        await until(lambda: watcher.stale)
        assert watcher.index.subjects == {"planner/plan": one}
        await asyncio.to_thread(consul.start)
        await until(lambda: not watcher.stale)
        assert await registry.subject("planner/plan") == one
        assert not await registry.put_subject("planner/plan", two, "")

        await asyncio.to_thread(consul.kill)
        await until(lambda: watcher.stale)
        shutil.rmtree(consul.folder / "data")
        await asyncio.to_thread(consul.start)
        await until(lambda: not watcher.stale and not watcher.index.subjects)
        assert await registry.put_subject("planner/plan", two, "")
        await until(lambda: watcher.index.subjects == {"planner/plan": two})


async def test_a_manifest_that_consul_lost_is_put_back_by_whoever_knows_it(consul: servers.Consul) -> None:
    async with opened(consul, prefix="loss") as knows:
        async with Following(knows) as seen:
            await knows.register(agent("a1", lasting=True), SUMMARISER)
            await seen.until(lambda: seen.ids == {"a1"})
        await ask(consul, "DELETE", "/v1/kv/loss/manifests?recurse=1")
        async with Following(knows) as again:
            assert again.ids == {"a1"}
        async with opened(consul, prefix="loss") as other:
            assert await other.manifest(SUMMARISER.digest()) == SUMMARISER


async def test_an_agent_whose_manifest_consul_lost_is_asked_to_register_again(consul: servers.Consul) -> None:
    async with opened(consul, prefix="lost") as before:
        await before.register(agent("a1", lasting=True), SUMMARISER)
    await ask(consul, "DELETE", "/v1/kv/lost/manifests?recurse=1")
    async with opened(consul, prefix="lost") as after, Following(after) as seen:
        assert seen.ids == set()
        with pytest.raises(UnknownLease):
            await after.renew("a1")
        await after.register(agent("a1", lasting=True), SUMMARISER)
        await seen.until(lambda: seen.ids == {"a1"})
        assert (await after.renew("a1")).instance == "a1"


@pytest.mark.requirement("registry.snapshot")
async def test_a_gateway_that_starts_while_consul_is_away_serves_from_its_snapshot(
    own_consul: StartConsul, tmp_path: Path
) -> None:
    consul, snapshot = own_consul(), tmp_path / "snapshot.json"
    async with opened(consul) as registry, watching(registry, snapshot) as watcher:
        await registry.register(agent("a1"), SUMMARISER)
        await until(lambda: watcher.index.entries and watcher.saved)
    consul.kill()

    async with opened(consul) as registry, watching(registry, snapshot) as watcher:
        await until(watcher.ready.is_set)
        assert set(watcher.index.entries) == {"a1"}
        assert watcher.stale
        await until(lambda: watcher.stale_seconds() > 0 and watcher.reason)


async def test_a_herd_that_registers_at_once_wakes_a_watch_four_times_a_second_at_most(consul: servers.Consul) -> None:
    names = {f"a{number}" for number in range(300)}
    async with opened(consul) as registry, Following(registry) as seen:
        await registry.register(agent("a0"), SUMMARISER)
        before, began = len(seen.deltas), time.monotonic()
        await asyncio.gather(*(registry.register(agent(name)) for name in sorted(names)))
        await seen.until(lambda: seen.ids == names)

        # However slow the machine is: a burst of two, then four a second, of each of four queries.
        assert len(seen.deltas) - before <= 4 * (2 + 4 * (time.monotonic() - began))
        assert len(seen.deltas) - before < len(names) / 3
