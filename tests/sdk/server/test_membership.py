"""How an agent joins, stays and leaves, against a join port that is scripted, in virtual time."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable

import httpx
import msgspec
import pytest
from structlog.testing import capture_logs

from meshgate.a2a.errors import MeshError, OutcomeUnknown, PermissionDenied, RateLimited, UpstreamUnavailable
from meshgate.registry.errors import InstanceTaken, RegistryUnavailable
from meshgate.registry.model import Endpoint, Instance, Lease, Manifest
from meshgate.registry.schemas import BadSchema, Incompatible, StageRefused, VersionRetired, VersionTaken
from meshgate.sdk.client.access import Access
from meshgate.sdk.client.sender import make_client
from meshgate.sdk.server.membership import Credentials, JoinClient, Membership, log_refusal
from meshgate.sdk.server.signals import announce_and_drain
from tests.sdk.ports import JoinPort
from tests.support.virtual_loop import virtual_time

ACCESS = Access(("http://join",), "join-key")


def refused() -> None:
    raise httpx.ConnectError("refused")


def broken() -> None:
    raise httpx.ReadError("reset")


def describe(draining: bool) -> tuple[Instance, Manifest]:
    manifest = Manifest("a", "1.0.0")
    return Instance("a-1", "a", manifest.digest(), (Endpoint("JSONRPC", "http://h/"),), draining=draining), manifest


class Member:
    """A membership at a join port."""

    def __init__(self) -> None:
        self.port = JoinPort()
        self.credentials = Credentials()
        client = JoinClient(ACCESS, make_client(self.port))
        self.membership = Membership(client, self.credentials, describe, rng=random.Random(1))

    async def during(self, seconds: float, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        keeping = asyncio.ensure_future(self.membership.keep())
        try:
            await asyncio.sleep(seconds)
            if meanwhile is not None:
                await meanwhile()
        finally:
            keeping.cancel()


@virtual_time
async def test_joining_gives_the_agent_its_key_and_its_secret() -> None:
    member = Member()
    lease = await member.membership.join()
    assert lease == Lease("a-1", 9.0)
    assert member.credentials.access == Access(("http://g",), "key-1")
    assert member.credentials.secrets == ("secret-1",)


@virtual_time
async def test_a_lease_is_renewed_at_a_third_of_it_never_late_and_not_in_step() -> None:
    member = Member()
    await member.during(90)
    renewals = member.port.asked("Renew")
    pauses = [later - earlier for earlier, later in itertools.pairwise(renewals)]
    assert all(2.4 <= pause <= 3.0 for pause in pauses)
    assert len(set(pauses)) > 5
    assert len(member.port.asked("Register")) == 1
    assert member.credentials.access == Access(("http://g",), "key-renewed")


@virtual_time
async def test_an_unknown_lease_is_registered_again_at_once() -> None:
    member = Member()

    async def forget() -> None:
        member.port.leases.clear()
        await asyncio.sleep(4)

    await member.during(20, forget)
    assert member.port.registered == 2
    assert "a-1" in member.port.leases
    assert member.credentials.secrets == ("secret-2", "secret-1")


@pytest.mark.requirement("join.taken")
@virtual_time
async def test_an_id_that_another_agent_took_over_is_given_up_for_another() -> None:
    member = Member()
    ids = iter(("a-2", "a-3"))
    now = "a-1"

    def rename() -> None:
        nonlocal now
        now = next(ids)
        member.port.refusal = None

    def described(draining: bool) -> tuple[Instance, Manifest]:
        instance, manifest = describe(draining)
        return msgspec.structs.replace(instance, id=now), manifest

    member.membership = Membership(
        JoinClient(ACCESS, make_client(member.port)), member.credentials, described, rng=random.Random(1), rename=rename
    )

    async def lose() -> None:
        member.port.leases.clear()
        member.port.refusal = InstanceTaken("a-1 belongs to another agent")
        await asyncio.sleep(6.0)

    with capture_logs() as logs:
        await member.during(10, lose)
    assert now == "a-2"
    assert [line["code"] for line in logs if line["event"] == "join_failed"] == ["INSTANCE_TAKEN"]


@pytest.mark.parametrize("trouble", [refused, broken])
@virtual_time
async def test_a_join_port_that_is_away_is_asked_again_until_it_is_back(trouble: Callable[[], None]) -> None:
    member = Member()
    member.port.away = trouble

    async def come_back() -> None:
        assert member.credentials.access is None
        member.port.away = lambda: None
        await asyncio.sleep(2.1)
        assert member.credentials.access is not None

    await member.during(60, come_back)
    tries = member.port.asked("Register")
    pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert max(pauses) <= 2.0
    assert pauses[0] <= 0.25
    assert len(tries) < 80


@virtual_time
async def test_a_gateway_that_is_away_takes_nothing_from_an_agent_that_has_joined() -> None:
    member = Member()

    async def outage() -> None:
        member.port.away = refused
        await asyncio.sleep(60)
        assert member.credentials.secrets == ("secret-1",)
        member.port.away = lambda: None
        await asyncio.sleep(2.1)

    await member.during(10, outage)
    assert member.port.registered == 1


@virtual_time
async def test_a_join_port_that_hangs_is_not_waited_for_longer_than_half_a_lease() -> None:
    member = Member()
    member.port.slow = 1000.0
    with pytest.raises(RegistryUnavailable):
        await member.membership.join()
    assert asyncio.get_running_loop().time() - member.port.log[0][0] == 5.0


@virtual_time
async def test_the_first_refusal_is_raised_and_a_later_one_is_lived_with() -> None:
    member = Member()
    member.port.refusal = PermissionDenied("not you")
    with pytest.raises(PermissionDenied, match="not you"):
        await member.membership.keep()

    member = Member()

    async def deny() -> None:
        member.port.refusal = PermissionDenied("not any more")
        await asyncio.sleep(20)
        member.port.refusal = None
        await asyncio.sleep(3)

    await member.during(5, deny)
    assert member.credentials.access is not None


@virtual_time
async def test_draining_is_announced_and_leaving_ends_the_lease() -> None:
    member = Member()

    async def go() -> None:
        await member.membership.drain()
        assert member.port.leases["a-1"].draining
        await asyncio.sleep(5)
        assert member.port.leases["a-1"].draining
        await member.membership.leave()

    await member.during(1, go)
    assert member.port.leases == {}


@virtual_time
async def test_who_never_joined_leaves_without_a_word() -> None:
    member = Member()
    await member.membership.drain()
    await member.membership.leave()
    assert member.port.log == []


@pytest.mark.requirement("sdk.notice")
@virtual_time
async def test_an_agent_that_leaves_takes_calls_until_gateways_have_heard_of_it() -> None:
    member = Member()

    async def go() -> None:
        told: list[float] = []
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def drain() -> None:
            told.append(loop.time() - began)

        leaving = asyncio.ensure_future(announce_and_drain(member.membership, drain, 1.0))
        await asyncio.sleep(0.9)
        assert member.port.leases["a-1"].draining
        assert not told
        await leaving
        assert told == [pytest.approx(1.0)]

    await member.during(1, go)


@virtual_time
async def test_leaving_and_draining_while_the_gateway_is_away_fail_nobody() -> None:
    member = Member()
    await member.membership.join()
    member.port.away = refused
    await member.membership.drain()
    await member.membership.leave()


@virtual_time
async def test_another_join_port_is_asked_where_the_first_does_not_answer() -> None:
    class Two(httpx.AsyncBaseTransport):
        def __init__(self, trouble: httpx.TransportError) -> None:
            self.trouble = trouble
            self.port = JoinPort()

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.host == "join":
                raise self.trouble
            return await self.port.handle_async_request(request)

    access = Access(("http://join", "http://join2"), "join-key")
    for trouble in (httpx.ConnectError("refused"), httpx.ReadError("reset")):
        client = JoinClient(access, make_client(Two(trouble)))
        assert (await client.register(*describe(draining=False))).call_key == "key-1"


@virtual_time
async def test_what_no_join_port_said_is_not_taken_for_an_answer() -> None:
    async def proxy(request: httpx.Request) -> httpx.Response:
        return httpx.Response(502, text="<html>")

    client = JoinClient(ACCESS, make_client(httpx.MockTransport(proxy)))
    with pytest.raises((RegistryUnavailable, UpstreamUnavailable, OutcomeUnknown)):
        await client.renew("a-1")


@pytest.mark.requirement("contracts.refused")
@pytest.mark.parametrize("cls", [BadSchema, Incompatible, VersionTaken, VersionRetired])
@virtual_time
async def test_a_refused_contract_is_final_first_and_later(cls: Callable[..., MeshError]) -> None:
    error = cls("p.M.x", "is wrong", "fix it") if cls is BadSchema else cls("no", violations=(("p.M.x", "fix it"),))
    member = Member()
    member.port.refusal = error
    with pytest.raises(type(error)) as caught:
        await asyncio.wait_for(member.membership.keep(), 60)
    assert caught.value.violations == error.violations
    assert len(member.port.asked("Register")) == 1

    member = Member()
    keeping = asyncio.ensure_future(member.membership.keep())
    await asyncio.sleep(5)
    member.port.leases.clear()
    member.port.on_register = error
    with pytest.raises(type(error)):
        await asyncio.wait_for(keeping, 60)
    assert len(member.port.asked("Register")) == 2


@pytest.mark.requirement("contracts.refused")
@virtual_time
async def test_a_release_that_waits_for_its_promotion_ends_an_agent_that_starts_and_none_that_was_in() -> None:
    member = Member()
    member.port.refusal = StageRefused("proposed")
    with pytest.raises(StageRefused):
        await asyncio.wait_for(member.membership.keep(), 60)

    member = Member()

    async def promoted() -> None:
        member.port.leases.clear()
        member.port.on_register = StageRefused("proposed")
        await asyncio.sleep(30)
        assert len(member.port.asked("Register")) > 2
        member.port.on_register = None
        await asyncio.sleep(10)
        assert member.port.leases

    await member.during(5, promoted)


@pytest.mark.requirement("contracts.refused", "join.rate")
@pytest.mark.parametrize("error", [RegistryUnavailable("away"), RateLimited("too many at once")])
@virtual_time
async def test_a_registry_that_cannot_be_asked_now_is_no_refusal(error: MeshError) -> None:
    member = Member()
    member.port.refusal = error

    async def come_back() -> None:
        assert len(member.port.asked("Register")) > 10
        member.port.refusal = None
        await asyncio.sleep(2.1)

    await member.during(60, come_back)
    assert member.credentials.access is not None


@virtual_time
async def test_a_later_refusal_that_nobody_waits_for_is_logged() -> None:
    member = Member()
    member.port.refusal = VersionRetired("no")
    with capture_logs() as lines:
        keeping = asyncio.ensure_future(member.membership.keep())
        keeping.add_done_callback(log_refusal)
        await asyncio.wait([keeping])
        await asyncio.sleep(0)
    assert [line["code"] for line in lines if line["event"] == "left_out_of_the_mesh"] == ["VERSION_RETIRED"]
