"""The join port: who may register what, and where it may listen."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from meshgate.a2a.errors import InvalidParams, MeshError, PermissionDenied
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.control.join import JoinApp
from meshgate.gateway.identity.keys import KeyStore, new_key
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.net.addresses import AgentNetworks
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.index import Index
from meshgate.registry.join import wire
from meshgate.registry.model import Capability, Endpoint, Instance, Manifest
from meshgate.registry.watcher import Watcher
from tests.gateway.asgi import Answer, request
from tests.support.virtual_loop import elapsed, virtual_time

MANIFEST = Manifest("echo", "1.0.0", skills=(Capability("say", "1.0.0"),), card={"name": "echo", "version": "1.0.0"})


def instance(**changes: Any) -> Instance:
    usual = Instance("echo-1", "echo", MANIFEST.digest(), endpoints=(Endpoint("JSONRPC", "http://127.0.0.1:9/"),))
    return msgspec.structs.replace(usual, **changes)


class Port:
    """A join port with a client that has keys."""

    def __init__(self, limits: Limits = DEFAULTS) -> None:
        loop = asyncio.get_running_loop()
        self.registry = MemoryRegistry(clock=loop.time)
        self.table = Index()
        self.watching = asyncio.ensure_future(Watcher(self.registry, self.table, clock=loop.time).run())
        self.keys = KeyStore()
        self.mesh = MeshKey(os.urandom(32))
        addresses = AgentNetworks(refused=frozenset({8090}))
        self.app = JoinApp(
            self.registry, self.table, self.keys, self.mesh, addresses, lambda: ("http://gw",), limits, clock=loop.time
        )

    def key(self, **scope: Any) -> str:
        key, record = new_key("join", "someone", **scope)
        self.keys.add(record)
        return key

    async def post(self, name: str, body: bytes, key: str, **headers: str) -> Answer:
        sent = {"authorization": f"Bearer {key}", "content-type": wire.PROTO, **headers}
        return await request(self.app, "POST", wire.SERVICE_PATH + name, headers=sent, body=body)

    async def register(self, who: Instance, key: str, manifest: Manifest = MANIFEST) -> Answer:
        return await self.post("Register", wire.encode_register(who, manifest), key)


@asynccontextmanager
async def port(limits: Limits = DEFAULTS) -> AsyncGenerator[Port, None]:
    made = Port(limits)
    try:
        yield made
    finally:
        made.watching.cancel()


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


@virtual_time
async def test_who_registers_gets_a_lease_a_call_key_and_the_secret_that_gateways_show() -> None:
    async with port() as join:
        answer = await join.register(instance(), join.key())
        joined = wire.decode_register_response(answer.body)
        assert (answer.status, joined.lease.instance, joined.gateways) == (200, "echo-1", ("http://gw",))
        assert join.mesh.read_call_key(joined.call_key) == ("echo", "default", "echo-1")
        assert joined.inbound_secret == join.mesh.inbound_secret("echo-1")


@pytest.mark.parametrize(("limits", "seconds"), [(DEFAULTS, 1.0), (Limits(join_wait=0.25), 0.25)], ids=["usual", "set"])
@virtual_time
async def test_a_registration_waits_until_it_is_seen_and_no_longer_than_its_limit(
    limits: Limits, seconds: float
) -> None:
    async with port(limits) as join:
        join.watching.cancel()
        assert await elapsed(join.register(instance(), join.key())) == pytest.approx(seconds, abs=0.011)


@pytest.mark.requirement("registry.acknowledged")
@virtual_time
async def test_a_registration_that_the_registry_does_not_show_has_a_notice() -> None:
    async with port() as join:
        seen = wire.decode_register_response((await join.register(instance(), join.key())).body)
        join.watching.cancel()
        unseen = wire.decode_register_response((await join.register(instance(id="echo-2"), join.key())).body)
        assert seen.notices == ()
        assert [text.partition(":")[0] for text in unseen.notices] == [
            "the registry took this registration and does not show it yet"
        ]


@pytest.mark.requirement("join.key")
@virtual_time
async def test_a_client_key_or_none_does_not_join() -> None:
    async with port() as join:
        client, record = new_key("client", "me")
        join.keys.add(record)
        for key in (client, "", "mg_join_x_y"):
            assert code(await join.register(instance(), key)) == (401, "unauthenticated")


@pytest.mark.requirement("join.scope")
@virtual_time
async def test_a_join_key_registers_only_the_names_it_is_for() -> None:
    async with port() as join:
        narrow = join.key(agents=["team-*"])
        assert code(await join.register(instance(), narrow)) == (403, "permission_denied")
        manifest = msgspec.structs.replace(MANIFEST, agent="team-echo")
        ours = instance(agent="team-echo", manifest=manifest.digest())
        assert (await join.register(ours, narrow, manifest)).status == 200


@pytest.mark.requirement("join.scope")
@virtual_time
async def test_an_instance_id_is_not_taken_over_by_another_agent_or_tenant() -> None:
    async with port() as join:
        await join.register(instance(), join.key())
        manifest = msgspec.structs.replace(MANIFEST, agent="other")
        thief = instance(agent="other", manifest=manifest.digest())
        assert code(await join.register(thief, join.key(), manifest)) == (403, "permission_denied")
        assert code(await join.register(instance(), join.key(tenant="acme"))) == (403, "permission_denied")
        for name, body in (("Renew", wire.encode_renew("echo-1")), ("Deregister", wire.encode_deregister("echo-1"))):
            assert code(await join.post(name, body, join.key(tenant="acme"))) == (404, "not_found")
            assert code(await join.post(name, body, join.key(agents=["x"]))) == (403, "permission_denied")


@pytest.mark.requirement("join.tenant")
@virtual_time
async def test_the_tenant_is_the_keys_whatever_the_agent_says() -> None:
    async with port() as join:
        await join.register(instance(tenant="acme"), join.key(tenant="ours"))
        assert join.table.entries["echo-1"].instance.tenant == "ours"


@pytest.mark.requirement("join.address")
@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/",
        "http://10.0.0.1:80/",
        "http://[::ffff:10.0.0.1]/",
        "http://[fd00::1]/",
        "http://example.com/",
        "http://127.0.0.1:8090/",
        "http://localhost:8090/",
        "http://user:pw@127.0.0.1:1/",
        "file:///etc/passwd",
        "http://0.0.0.0:1/",
        "http://2130706433/",
    ],
)
@virtual_time
async def test_an_agent_does_not_listen_where_no_agent_may(url: str) -> None:
    async with port() as join:
        answer = await join.register(instance(endpoints=(Endpoint("JSONRPC", url),)), join.key())
        assert answer.status in (400, 403)
        assert not join.table.entries


@pytest.mark.requirement("join.address")
def test_networks_and_names_widen_where_agents_may_listen() -> None:
    policy = AgentNetworks(("10.1.0.0/16", "agents.internal"))
    policy.check("10.1.2.3:50051")
    policy.check("http://agents.internal:8080/card.json")
    with pytest.raises(PermissionDenied):
        policy.check("127.0.0.1:50051")
    with pytest.raises(InvalidParams):
        AgentNetworks(("10.1.0.0/99",))


@virtual_time
async def test_renewing_what_is_unknown_says_to_register_again() -> None:
    async with port() as join:
        answer = await join.post("Renew", wire.encode_renew("nobody"), join.key())
        assert code(answer) == (404, "not_found")


@pytest.mark.requirement("join.body")
@pytest.mark.parametrize("body", [b"\xff\xff", b"{", b"", b"\x0a\x00"])
@virtual_time
async def test_garbage_is_refused_and_registers_nothing(body: bytes) -> None:
    async with port() as join:
        for media in (wire.PROTO, wire.JSON):
            answer = await join.post("Register", body, join.key(), **{"content-type": media})
            assert code(answer) == (400, "invalid_argument")
        assert not join.table.entries


@virtual_time
async def test_only_the_three_methods_exist() -> None:
    async with port() as join:
        assert code(await join.post("Everything", b"", join.key())) == (404, "unimplemented")


def test_errors_have_connects_form() -> None:
    status, body = wire.encode_error(MeshError("boom"))
    assert (status, msgspec.json.decode(body)) == (500, {"code": "internal", "message": "boom"})


@pytest.mark.requirement("join.rate")
@virtual_time
async def test_registrations_under_one_key_have_a_rate_and_renewals_and_departures_have_none() -> None:
    async with port(Limits(join_rate=2.0, join_burst=3)) as join:
        key, other = join.key(), join.key()
        for _ in range(3):
            assert (await join.register(instance(), key)).status == 200
        refused = await join.register(instance(), key)
        assert code(refused) == (429, "resource_exhausted")
        assert "may register (limits.join_rate) 2 times a second here (burst 3" in refused.json["message"]
        assert dict(refused.headers)["retry-after"] == "1"
        assert (await join.post("Renew", wire.encode_renew("echo-1"), key)).status == 200
        assert (await join.register(instance(), other)).status == 200
        await asyncio.sleep(0.5)
        assert (await join.register(instance(), key)).status == 200
        assert (await join.register(instance(), key)).status == 429
        assert (await join.post("Deregister", wire.encode_deregister("echo-1"), key)).status == 200


@pytest.mark.requirement("join.rate")
@virtual_time
async def test_a_registration_over_the_rate_is_refused_before_its_body_is_read() -> None:
    async with port(Limits(join_rate=1.0, join_burst=1)) as join:
        key = join.key()
        await join.register(instance(), key)
        assert code(await join.post("Register", b"no registration at all", key)) == (429, "resource_exhausted")
