"""What every registry does, whatever it is built on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import cast

import msgspec
import pytest

from meshgate.a2a.errors import InvalidParams
from meshgate.gateway.identity.card_keys import generation_row
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.registry.backends.consul.address import ConsulAddress
from meshgate.registry.backends.consul.registry import ConsulRegistry
from meshgate.registry.backends.file import FileRegistry
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.errors import RegistryUnavailable, UnknownLease
from meshgate.registry.interface import Registry
from meshgate.registry.limits import MAX_BLOB
from meshgate.registry.model import Endpoint, HealthCheck, Instance, Switch
from tests.registry.samples import SUMMARISER, Following, agent, gateway
from tests.registry.virtual import VirtualTime
from tests.support import servers
from tests.support.patience import patience

_numbers = count()
TTL = 1.0
_LOOK = 0.05
LOOKS = int(patience() / _LOOK)
"""After so many looks a lease that does not run out counts as one that never will."""


@dataclass
class Backend:
    """A registry, another opened on the same state, and a way to let the time of a lease pass."""

    registry: Registry
    other: Registry
    lapse: Callable[[], Awaitable[None]]


@pytest.fixture(params=["memory", "file", pytest.param("consul", marks=pytest.mark.integration)])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Backend, None]:
    made = _backend(str(request.param), request, tmp_path)
    yield made
    await made.other.aclose()
    await made.registry.aclose()


def _backend(kind: str, request: pytest.FixtureRequest, folder: Path) -> Backend:
    if kind == "memory":
        time = VirtualTime()
        memory = MemoryRegistry(clock=time.clock, sleep=time.sleep, ttl=TTL)
        return Backend(memory, memory, lambda: time.advance(TTL / 2))
    if kind == "file":
        path = folder / "registry.db"
        clock = VirtualTime()  # of the leases alone: the looks at the file are real work in threads
        file, other = (FileRegistry(path, ttl=TTL, clock=clock.clock) for _ in range(2))
        return Backend(file, other, lambda: _moved(clock))
    consul = cast("servers.Consul", request.getfixturevalue("consul"))
    address = ConsulAddress(port=consul.port, prefix=f"contract{next(_numbers)}")
    return Backend(
        ConsulRegistry(address, ttl=TTL, settle=0.0), ConsulRegistry(address, ttl=TTL, settle=0.0), _real_time
    )


async def _moved(time: VirtualTime) -> None:
    time.now += TTL / 2
    await _real_time()


async def _real_time() -> None:
    await asyncio.sleep(_LOOK)


@pytest.mark.requirement("join.gateways")
@pytest.mark.cells("join.gateways", backend=("memory", "file", "consul"))
@pytest.mark.parametrize("name", ["gateway", "gw", "gw0badcafe", "GateWay"])
async def test_no_backend_lists_an_agent_under_the_name_of_a_gateway(backend: Backend, name: str) -> None:
    manifest = msgspec.structs.replace(SUMMARISER, agent=name)
    with pytest.raises(InvalidParams, match="are names of gateways"):
        await backend.registry.register(agent(f"{name}-1", manifest), manifest)


@pytest.mark.requirement("registry.watch")
async def test_a_watch_begins_with_everything(backend: Backend) -> None:
    await backend.registry.register(agent("a1"), SUMMARISER)
    await backend.registry.register(gateway("g1"))
    await backend.registry.throw(Switch("agent", "rogue", "it loops"))

    async with Following(backend.registry) as seen:
        first = seen.deltas[0]

        assert first.reset
        assert {one.instance.id for one in first.put} == {"a1", "g1"}
        assert first.switches == (Switch("agent", "rogue", "it loops"),)


@pytest.mark.requirement("cards.key")
async def test_a_row_that_is_no_instance_keeps_its_kind_and_stays_without_renewals(backend: Backend) -> None:
    row = generation_row(MeshKey(bytes(range(32))), 2)
    await backend.registry.register(row)
    await backend.registry.register(agent("mortal"), SUMMARISER)
    async with Following(backend.registry) as seen:
        await _lapse_until(backend, lambda: seen.ids == {row.id, "lively"})
        assert seen.index.entries[row.id].instance == row


async def test_a_watch_of_an_empty_registry_says_so_at_once(backend: Backend) -> None:
    async with Following(backend.registry) as seen:
        assert seen.deltas[0].reset
        assert seen.deltas[0].put == ()
        assert seen.deltas[0].switches == ()


async def test_a_registered_instance_appears_with_its_manifest(backend: Backend) -> None:
    async with Following(backend.registry) as seen:
        lease = await backend.registry.register(agent("a1"), SUMMARISER)
        await seen.until(lambda: "a1" in seen.ids)

        assert lease.instance == "a1"
        assert lease.ttl == TTL
        assert seen.index.entries["a1"].manifest == SUMMARISER


async def test_every_field_of_an_instance_arrives(backend: Backend) -> None:
    full = Instance(
        id="a1",
        agent="summariser",
        manifest=SUMMARISER.digest(),
        endpoints=(
            Endpoint("JSONRPC", "http://127.0.0.1:9001/a2a?x=1,2", tenant="blue"),
            Endpoint("GRPC", "[::1]:9002", version="1.1"),
        ),
        tenant="acme",
        labels={"region": "eu-west/1", "tier": "a b"},
        weight=0.25,
        check=HealthCheck("http://192.0.2.1:9001/health", interval=30.0),
        lasting=True,
        draining=True,
    )
    async with Following(backend.registry) as seen:
        await backend.registry.register(full, SUMMARISER)
        await seen.until(lambda: "a1" in seen.ids)

        assert seen.index.entries["a1"].instance == full


async def test_registering_again_replaces(backend: Backend) -> None:
    async with Following(backend.registry) as seen:
        await backend.registry.register(agent("a1"), SUMMARISER)
        await seen.until(lambda: "a1" in seen.ids)
        await backend.registry.register(agent("a1", draining=True))
        await seen.until(lambda: seen.index.entries["a1"].instance.draining)

        assert seen.ids == {"a1"}


async def test_an_instance_that_deregisters_is_gone(backend: Backend) -> None:
    async with Following(backend.registry) as seen:
        await backend.registry.register(agent("a1"), SUMMARISER)
        await backend.registry.register(agent("a2"))
        await seen.until(lambda: seen.ids == {"a1", "a2"})
        await backend.registry.deregister("a1")
        await seen.until(lambda: seen.ids == {"a2"})


async def test_deregistering_what_is_not_there_is_no_error(backend: Backend) -> None:
    await backend.registry.deregister("nobody")


async def test_renewing_an_unknown_lease_says_register_again(backend: Backend) -> None:
    with pytest.raises(UnknownLease):
        await backend.registry.renew("nobody")


async def test_a_lease_that_was_ended_cannot_be_renewed(backend: Backend) -> None:
    await backend.registry.register(agent("a1"), SUMMARISER)
    assert (await backend.registry.renew("a1")).instance == "a1"
    await backend.registry.deregister("a1")

    with pytest.raises(UnknownLease):
        await backend.registry.renew("a1")


@pytest.mark.requirement("registry.lease")
async def test_a_lease_that_nobody_renews_runs_out_and_a_renewed_one_does_not(backend: Backend) -> None:
    registry = backend.registry
    async with Following(backend.registry) as seen:
        await registry.register(agent("silent"), SUMMARISER)
        await registry.register(agent("lively"))
        await seen.until(lambda: seen.ids == {"silent", "lively"})
        for _ in range(LOOKS):
            if "silent" not in seen.ids:
                break
            await registry.renew("lively")
            await backend.lapse()

        assert seen.ids == {"lively"}


async def test_after_a_lease_ran_out_the_instance_can_come_back(backend: Backend) -> None:
    async with Following(backend.registry) as seen:
        await backend.registry.register(agent("a1"), SUMMARISER)
        await _lapse_until(backend, lambda: "a1" in seen.ids)
        await _lapse_until(backend, lambda: "a1" not in seen.ids)
        await backend.registry.register(agent("a1"))
        await seen.until(lambda: "a1" in seen.ids)


async def test_what_an_operator_registered_stays_without_renewals(backend: Backend) -> None:
    async with Following(backend.registry) as seen:
        await backend.registry.register(agent("foreign", lasting=True), SUMMARISER)
        await backend.registry.register(agent("mortal"))
        await seen.until(lambda: seen.ids == {"foreign", "mortal"})
        await _lapse_until(backend, lambda: seen.ids == {"foreign", "lively"})

        assert (await backend.registry.renew("foreign")).instance == "foreign"


async def _lapse_until(backend: Backend, condition: Callable[[], bool]) -> None:
    """Let leases run out, but for one: in a store that nobody writes to no lease does."""
    await backend.registry.register(agent("lively"), SUMMARISER)
    for _ in range(LOOKS):
        if condition():
            return
        await backend.registry.renew("lively")
        await backend.lapse()
    assert condition()


async def test_renewals_are_no_news(backend: Backend) -> None:
    async with Following(backend.registry) as seen:
        await backend.registry.register(agent("a1"), SUMMARISER)
        await seen.until(lambda: "a1" in seen.ids)
        before = len(seen.deltas)
        for _ in range(3):
            await backend.registry.renew("a1")
        await backend.registry.throw(Switch("job", "j1"))
        await seen.until(lambda: seen.switches)

        assert [delta.put for delta in seen.deltas[before:]] == [()]


async def test_changes_that_come_close_together_arrive_as_few_deltas(backend: Backend) -> None:
    names = {f"a{number}" for number in range(40)}
    async with Following(backend.registry) as seen:
        await backend.registry.register(agent("a0"), SUMMARISER)
        await asyncio.gather(*(backend.registry.register(agent(name)) for name in sorted(names)))
        await seen.until(lambda: seen.ids == names)

        assert len(seen.deltas) <= len(names) / 2


@pytest.mark.requirement("registry.watch")
async def test_what_one_process_registers_another_sees(backend: Backend) -> None:
    async with Following(backend.other) as seen:
        await backend.registry.register(agent("a1"), SUMMARISER)
        await seen.until(lambda: "a1" in seen.ids)
        assert seen.index.entries["a1"].manifest == SUMMARISER

        await backend.other.renew("a1")
        await backend.other.deregister("a1")
        await seen.until(lambda: not seen.ids)


async def test_two_watches_of_one_registry_see_the_same(backend: Backend) -> None:
    async with Following(backend.registry) as one, Following(backend.registry) as two:
        await backend.registry.register(agent("a1"), SUMMARISER)
        await one.until(lambda: one.ids == {"a1"})
        await two.until(lambda: two.ids == {"a1"})


async def test_a_watch_goes_on_when_another_ends(backend: Backend) -> None:
    async with Following(backend.registry) as lasting:
        async with Following(backend.registry):
            pass
        await backend.registry.register(agent("a1"), SUMMARISER)
        await lasting.until(lambda: lasting.ids == {"a1"})


async def test_a_manifest_is_found_by_its_digest(backend: Backend) -> None:
    await backend.registry.register(agent("a1"), SUMMARISER)

    assert await backend.other.manifest(SUMMARISER.digest()) == SUMMARISER
    with pytest.raises(KeyError):
        await backend.registry.manifest("0" * 32)


async def test_an_agent_whose_manifest_is_nowhere_is_refused(backend: Backend) -> None:
    with pytest.raises(InvalidParams):
        await backend.registry.register(agent("a1"))


async def test_a_manifest_that_is_not_the_instances_own_is_refused(backend: Backend) -> None:
    other = msgspec.structs.replace(SUMMARISER, version="3.0.0")

    with pytest.raises(InvalidParams):
        await backend.registry.register(agent("a1"), other)


async def test_a_gateway_needs_no_manifest(backend: Backend) -> None:
    async with Following(backend.registry) as seen:
        await backend.registry.register(gateway("g1"))
        await seen.until(lambda: seen.ids == {"g1"})

        assert [one.instance for one in seen.index.gateways] == [gateway("g1")]


async def test_a_blob_is_found_by_the_hash_of_its_content(backend: Backend) -> None:
    data = bytes(range(256)) * 16
    digest = await backend.registry.put_blob(data)

    assert await backend.registry.put_blob(data) == digest
    assert await backend.other.get_blob(digest) == data
    with pytest.raises(KeyError):
        await backend.registry.get_blob("f" * 32)


async def test_a_blob_may_be_as_large_as_a_key_of_consul_and_no_larger(backend: Backend) -> None:
    digest = await backend.registry.put_blob(bytes(MAX_BLOB))
    assert await backend.registry.get_blob(digest) == bytes(MAX_BLOB)

    with pytest.raises(InvalidParams):
        await backend.registry.put_blob(bytes(MAX_BLOB + 1))


async def test_an_empty_blob_is_one(backend: Backend) -> None:
    assert await backend.registry.get_blob(await backend.registry.put_blob(b"")) == b""


@pytest.mark.parametrize("name", ["planner", "../../agents", "a/b//c", "50% of ümlauts?", "job#1.2", ".", "ß" * 64])
async def test_a_switch_is_thrown_and_lifted_whatever_its_name(backend: Backend, name: str) -> None:
    async with Following(backend.registry) as seen:
        await backend.registry.throw(Switch("skill", name, "why not"))
        await backend.registry.throw(Switch("agent", "kept"))
        await seen.until(lambda: len(seen.switches) == 2)
        assert Switch("skill", name, "why not") in seen.switches

        await backend.other.lift(Switch("skill", name))
        await seen.until(lambda: seen.switches == (Switch("agent", "kept"),))


async def test_throwing_a_switch_again_changes_its_reason(backend: Backend) -> None:
    async with Following(backend.registry) as seen:
        await backend.registry.throw(Switch("tenant", "acme", "first"))
        await backend.registry.throw(Switch("tenant", "acme", "second"))
        await seen.until(lambda: seen.switches == (Switch("tenant", "acme", "second"),))


@pytest.mark.parametrize("switch", [Switch("job", ""), Switch("job", "x" * 129), Switch("job", "j1", "x" * 1025)])
async def test_a_switch_that_some_backend_could_not_hold_is_refused_by_all(backend: Backend, switch: Switch) -> None:
    with pytest.raises(InvalidParams):
        await backend.registry.throw(switch)


async def test_lifting_a_switch_that_is_not_thrown_is_no_error(backend: Backend) -> None:
    await backend.registry.lift(Switch("job", "j1"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""},
        {"id": "a/b"},
        {"id": "a:b"},
        {"id": "x" * 129},
        {"agent": "no spaces"},
        {"tenant": ""},
        {"labels": {"region": "a,b"}},
        {"labels": {"a=b": "c"}},
        {"labels": {f"label{number}": "x" * 50 for number in range(20)}},
        {"endpoints": (Endpoint("JSONRPC", "http://127.0.0.1:9001/with space"),)},
        {"endpoints": (Endpoint("JSONRPC", ""),)},
    ],
)
async def test_an_instance_that_some_backend_could_not_hold_is_refused_by_all(
    backend: Backend, wrong: dict[str, object]
) -> None:
    with pytest.raises(InvalidParams):
        await backend.registry.register(msgspec.structs.replace(agent("a1"), **wrong), SUMMARISER)


async def test_a_closed_registry_ends_its_watches_and_refuses_work(backend: Backend) -> None:
    async with Following(backend.registry) as seen:
        await backend.registry.aclose()

        assert await seen.ended() is None
        with pytest.raises(RegistryUnavailable):
            await backend.registry.renew("a1")


# --- subjects: the contracts of skills

ONE, TWO, THREE = "1" * 32, "2" * 32, "3" * 32
SUBJECTS = [
    "planner/plan",
    "a..b/c__d",
    "A.b-c_d/9",
    "a" * 128 + "/" + "b" * 128,
    "x.-y" * 32 + "/" + "b--b" * 32,
    "acme:planner/plan",
    "t" * 128 + ":" + "a" * 128 + "/" + "b" * 128,
]


@pytest.mark.requirement("registry.subjects")
@pytest.mark.parametrize("name", SUBJECTS)
async def test_a_subject_points_to_a_digest_and_every_process_sees_it(backend: Backend, name: str) -> None:
    assert await backend.registry.subject(name) == ""
    async with Following(backend.other) as seen:
        assert seen.deltas[0].subjects == {}
        assert await backend.registry.put_subject(name, ONE, "")
        await seen.until(lambda: seen.index.subjects == {name: ONE})
        assert await backend.other.put_subject(name, TWO, ONE)
        await seen.until(lambda: seen.index.subjects == {name: TWO})
    assert await backend.registry.subject(name) == TWO


async def test_a_watch_begins_with_all_subjects_and_tells_of_each_change(backend: Backend) -> None:
    names = {f"agent/skill{number}": ONE for number in range(20)}
    for name in names:
        assert await backend.registry.put_subject(name, ONE, "")
    async with Following(backend.registry) as seen:
        assert seen.deltas[0].subjects == names
        await backend.registry.register(agent("a1"), SUMMARISER)
        await seen.until(lambda: "a1" in seen.ids)
        assert [delta.subjects for delta in seen.deltas[1:] if delta.put] == [None]
        await backend.registry.put_subject("agent/skill3", TWO, ONE)
        await seen.until(lambda: seen.index.subjects == {**names, "agent/skill3": TWO})


@pytest.mark.requirement("registry.subjects_cas")
async def test_a_subject_is_changed_only_by_who_knows_what_it_points_to(backend: Backend) -> None:
    registry = backend.registry
    assert not await registry.put_subject("a/s", TWO, ONE)
    assert await registry.subject("a/s") == ""

    assert await registry.put_subject("a/s", ONE, "")
    assert not await registry.put_subject("a/s", TWO, "")
    assert not await registry.put_subject("a/s", TWO, THREE)
    assert await backend.other.subject("a/s") == ONE


@pytest.mark.requirement("registry.subjects_cas")
async def test_of_two_who_change_a_subject_at_once_one_wins(backend: Backend) -> None:
    at = ""
    for number in range(1, 6):
        mine, yours = f"{number:032x}", f"{number + 100:032x}"
        won = await asyncio.gather(
            backend.registry.put_subject("a/s", mine, at), backend.other.put_subject("a/s", yours, at)
        )
        assert sorted(won) == [False, True]
        at = mine if won[0] else yours
        assert await backend.registry.subject("a/s") == at


NO_SUBJECTS = [
    "",
    "plan",
    "/plan",
    "planner/",
    "a/b/c",
    "a b/c",
    "../x",
    ".a/b",
    "a" * 129 + "/b",
    "default:a/b",
    ":a/b",
    "t:/b",
    "t:a:b/c",
    "a/t:b",
]


@pytest.mark.parametrize("name", NO_SUBJECTS)
async def test_what_is_no_name_of_a_subject_is_refused_by_all(backend: Backend, name: str) -> None:
    with pytest.raises(InvalidParams):
        await backend.registry.put_subject(name, ONE, "")
    with pytest.raises(InvalidParams):
        await backend.registry.subject(name)


@pytest.mark.parametrize("digest", ["", "1" * 31, "1" * 33, "G" * 32, "A" * 32])
async def test_what_is_no_digest_is_refused_by_all(backend: Backend, digest: str) -> None:
    with pytest.raises(InvalidParams):
        await backend.registry.put_subject("a/s", digest, "")


# -- documents that nothing names


@pytest.mark.requirement("registry.swept")
@pytest.mark.cells("registry.swept")
async def test_every_document_is_listed_with_a_stamp_that_changes_when_it_is_stored_again(backend: Backend) -> None:
    registry = backend.registry
    assert await registry.documents() == frozenset()
    blob = await registry.put_blob(b"data")
    await registry.register(agent(), SUMMARISER)
    assert await backend.other.documents() == {blob, SUMMARISER.digest()}
    assert await registry.stamp("0" * 32) is None
    before = {digest: await registry.stamp(digest) for digest in (blob, SUMMARISER.digest())}
    assert None not in before.values()
    await registry.register(gateway())
    assert {digest: await registry.stamp(digest) for digest in before} == before
    await backend.other.put_blob(b"data")
    await backend.other.register(agent("a2"), SUMMARISER)
    after = {digest: await registry.stamp(digest) for digest in before}
    assert [after[digest] != stamp for digest, stamp in before.items()] == [True, True]


@pytest.mark.requirement("registry.swept")
async def test_a_document_is_discarded_unless_it_was_stored_again(backend: Backend) -> None:
    registry = backend.registry
    digest = await registry.put_blob(b"data")
    stamp = await registry.stamp(digest)
    assert stamp is not None
    await backend.other.put_blob(b"data")
    assert not await registry.discard(digest, stamp)
    assert await registry.get_blob(digest) == b"data"
    stamp = await registry.stamp(digest)
    assert stamp is not None
    assert await registry.discard(digest, stamp)
    assert not await registry.discard(digest, stamp)
    with pytest.raises(KeyError):
        await backend.other.get_blob(digest)
    assert await registry.documents() == frozenset()
    assert await registry.put_blob(b"data") == digest
    assert await registry.get_blob(digest) == b"data"
