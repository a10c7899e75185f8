"""The join port: who may register what, and where it may listen."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from meshgate.a2a.errors import InvalidParams, MeshError, PermissionDenied
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.control.join import JoinApp
from meshgate.gateway.identity.credential_seal import CredentialSeal
from meshgate.gateway.identity.keys import KeyStore, new_key
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.gateway.process.server import gateway_row
from meshgate.net.addresses import AgentNetworks
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.foreign.agent_credential import AgentCredential
from meshgate.registry.index import Index
from meshgate.registry.join import wire
from meshgate.registry.model import Capability, Endpoint, HealthCheck, Instance, Manifest
from meshgate.registry.watcher import Watcher
from tests.gateway.asgi import Answer, request
from tests.support.virtual_loop import elapsed, settle, virtual_time

MANIFEST = Manifest("echo", "1.0.0", skills=(Capability("say", "1.0.0"),), card={"name": "echo", "version": "1.0.0"})


def instance(**changes: Any) -> Instance:
    usual = Instance("echo-1", "echo", MANIFEST.digest(), endpoints=(Endpoint("JSONRPC", "http://127.0.0.1:9/"),))
    return msgspec.structs.replace(usual, **changes)


def other(name: str, *, foreign: bool = False, **changes: Any) -> tuple[Instance, Manifest]:
    """An instance of another agent, and its manifest."""
    manifest = msgspec.structs.replace(MANIFEST, agent=name, foreign=foreign)
    return instance(**{"id": f"{name}-1", **changes, "agent": name, "manifest": manifest.digest()}), manifest


class Port:
    """A join port with a client that has keys."""

    def __init__(self, limits: Limits = DEFAULTS) -> None:
        loop = asyncio.get_running_loop()
        self.registry = MemoryRegistry(clock=loop.time)
        self.table = Index()
        self.watching = asyncio.ensure_future(Watcher(self.registry, self.table, clock=loop.time).run())
        self.keys = KeyStore()
        self.mesh = MeshKey(os.urandom(32))
        self.seal = CredentialSeal(self.mesh)
        addresses = AgentNetworks(refused=lambda: {("", 8090)})
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

    async def enter(self, who: tuple[Instance, Manifest], key: str) -> Answer:
        return await self.register(who[0], key, who[1])


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
        assert joined.inbound_secret == join.mesh.inbound_secret(instance())


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
        assert (await join.enter(other("team-echo"), narrow)).status == 200


@pytest.mark.requirement("join.scope")
@virtual_time
async def test_an_instance_is_renewed_and_ended_by_keys_of_its_tenant_and_agent_alone() -> None:
    async with port() as join:
        await join.register(instance(), join.key())
        for name, body in (("Renew", wire.encode_renew("echo-1")), ("Deregister", wire.encode_deregister("echo-1"))):
            assert code(await join.post(name, body, join.key(tenant="acme"))) == (404, "not_found")
            assert code(await join.post(name, body, join.key(agents=["x"]))) == (403, "permission_denied")
        assert set(join.table.entries) == {"echo-1"}


@pytest.mark.requirement("join.gateways")
@pytest.mark.parametrize("name", ["Renew", "Deregister", "Register"])
@virtual_time
async def test_no_join_key_touches_the_row_of_a_gateway(name: str) -> None:
    async with port() as join:
        row = join.mesh.sign_row(gateway_row("gw0badcafe", "http://127.0.0.1:9"))
        await join.registry.register(row)
        await settle()
        bodies = {
            "Renew": wire.encode_renew(row.id),
            "Deregister": wire.encode_deregister(row.id),
            "Register": wire.encode_register(instance(id=row.id), MANIFEST),
        }
        answer = await join.post(name, bodies[name], join.key(roles=("operator",)))
        assert code(answer) == ((400, "invalid_argument") if name == "Register" else (404, "not_found"))
        assert join.table.entries[row.id].instance == row


@pytest.mark.requirement("join.gateways")
@pytest.mark.parametrize("name", ["gateway", "Gateway", "gw", "gw0badcafe", "GWEN", "gw-1"])
@virtual_time
async def test_no_agent_has_the_name_of_a_gateway(name: str) -> None:
    async with port() as join:
        answer = await join.enter(other(name), join.key())
        assert code(answer) == (400, "invalid_argument")
        assert "'gateway', and what begins with 'gw', are names of gateways" in answer.json["message"]


@pytest.mark.requirement("join.id")
@pytest.mark.parametrize("name", ["other-1", "echo", "echo1", "ech-o-1", "Echo-1"])
@virtual_time
async def test_the_id_of_an_instance_begins_with_its_agents_name(name: str) -> None:
    async with port() as join:
        answer = await join.register(instance(id=name), join.key())
        assert code(answer) == (400, "invalid_argument")
        assert "must begin with its agent's name and '-': echo-1, say" in answer.json["message"]


@pytest.mark.requirement("join.id")
@virtual_time
async def test_an_id_that_an_agent_has_is_refused_to_another_whose_name_begins_alike() -> None:
    async with port() as join:
        await join.enter(other("echo-eu", id="echo-eu-1"), join.key())
        assert code(await join.register(instance(id="echo-eu-1"), join.key())) == (409, "already_exists")
        assert join.table.entries["echo-eu-1"].instance.agent == "echo-eu"


@pytest.mark.requirement("join.id")
@virtual_time
async def test_two_tenants_have_agents_of_one_name_and_id_apart() -> None:
    async with port() as join:
        ours, theirs = join.key(), join.key(tenant="acme")
        first, second = [
            wire.decode_register_response((await join.register(instance(), key)).body) for key in (ours, theirs)
        ]
        mark = join.mesh.tenant_mark("acme")
        assert (first.lease.instance, second.lease.instance) == ("echo-1", "echo-1" + mark)
        assert re.fullmatch(r"\.[0-9a-f]{8}", mark)
        assert {name: entry.instance.tenant for name, entry in join.table.entries.items()} == {
            "echo-1": "default",
            "echo-1" + mark: "acme",
        }
        assert join.mesh.read_call_key(second.call_key) == ("echo", "acme", "echo-1" + mark)
        # The whole id is taken as well, and the same row is meant.
        assert (await join.register(instance(id="echo-1" + mark), theirs)).status == 200
        assert len(join.table.entries) == 2
        assert (await join.post("Deregister", wire.encode_deregister("echo-1" + mark), ours)).status == 404


@pytest.mark.requirement("join.id")
@virtual_time
async def test_an_id_has_room_for_the_mark_of_its_tenant() -> None:
    async with port() as join:
        longest = "echo-" + "x" * 114
        assert (await join.register(instance(id=longest), join.key(tenant="acme"))).status == 200
        answer = await join.register(instance(id=longest + "x"), join.key(tenant="acme"))
        assert code(answer) == (400, "invalid_argument")
        assert "is longer than 128 characters with its tenant's mark" in answer.json["message"]
        assert (await join.register(instance(id=longest + "x" * 9), join.key())).status == 200


@pytest.mark.requirement("join.secret")
@virtual_time
async def test_who_takes_over_an_id_after_its_lease_learns_no_secret_of_the_agent_that_had_it() -> None:
    async with port() as join:
        secrets = [
            wire.decode_register_response((await join.enter(who, join.key(tenant=tenant))).body).inbound_secret
            for who, tenant in (
                (other("echo-eu", id="echo-eu-1"), "default"),
                (other("echo-eu", id="echo-eu-1"), "acme"),
            )
        ]
        await join.post("Deregister", wire.encode_deregister("echo-eu-1"), join.key())
        await settle()
        thief = wire.decode_register_response((await join.register(instance(id="echo-eu-1"), join.key())).body)
        assert len({*secrets, thief.inbound_secret}) == 3
        again = await join.enter(other("echo-eu", id="echo-eu-1"), join.key(tenant="acme"))
        assert wire.decode_register_response(again.body).inbound_secret == secrets[1]


@pytest.mark.requirement("join.lasting")
@virtual_time
async def test_only_an_operator_lists_what_renews_nothing_and_only_foreign_agents() -> None:
    async with port() as join:
        team, operator = join.key(), join.key(roles=("operator",))
        ours, foreign = instance(lasting=True), other("echo", foreign=True, lasting=True)
        for key in (team, operator):
            answer = await join.register(ours, key)
            assert code(answer) == (403, "permission_denied")
            assert "'lasting' is for foreign agents" in answer.json["message"]
        answer = await join.enter(foreign, team)
        assert code(answer) == (403, "permission_denied")
        assert "only a join key with the role 'operator'" in answer.json["message"]
        assert not join.table.entries
        assert (await join.enter(foreign, operator)).status == 200


@pytest.mark.requirement("caller.told")
@virtual_time
async def test_only_an_operator_lets_a_foreign_agent_know_who_calls() -> None:
    async with port() as join:
        who, manifest = other("echo", foreign=True)
        told = msgspec.structs.replace(manifest, tell_caller=True)
        who = msgspec.structs.replace(who, manifest=told.digest())
        answer = await join.register(who, join.key(), told)
        assert code(answer) == (403, "permission_denied")
        assert "lets a foreign agent know who calls" in answer.json["message"]
        assert (await join.register(who, join.key(roles=("operator",)), told)).status == 200
        # An agent of the SDK's is told in any case.
        ours = msgspec.structs.replace(told, foreign=False)
        who = msgspec.structs.replace(who, id="echo-2", manifest=ours.digest())
        assert (await join.register(who, join.key(), ours)).status == 200


@pytest.mark.requirement("foreign.credential")
@virtual_time
async def test_only_an_operator_gives_a_credential_and_for_a_foreign_agent_alone() -> None:
    async with port() as join:
        team, operator = join.key(), join.key(roles=("operator",))
        credential = AgentCredential({"x-key": "s3cr3t"})
        check = HealthCheck("http://127.0.0.1:9/card")
        foreign = other("echo", foreign=True, lasting=True, check=check)
        brief, ours = other("echo", id="echo-2", foreign=True), other("echo", id="echo-3")
        for (who, manifest), key in [(foreign, team), (brief, operator), (ours, operator), (brief, team)]:
            body = wire.encode_register(who, manifest, credential=credential)
            answer = await join.post("Register", body, key)
            assert code(answer) == (403, "permission_denied")
            assert "s3cr3t" not in answer.json["message"]
        assert not join.table.entries
        who, manifest = foreign
        body = wire.encode_register(who, manifest, credential=credential)
        assert (await join.post("Register", body, operator)).status == 200
        (entry,) = join.table.entries.values()
        assert entry.instance.check == HealthCheck(check.url, private=True)
        terms = entry.manifest.terms
        assert terms is not None
        assert "s3cr3t" not in terms.credential
        assert join.seal.open(terms.credential, "default", "echo") == credential


@pytest.mark.requirement("join.card_name")
@virtual_time
async def test_a_name_that_a_card_gives_is_no_other_agents() -> None:
    async with port() as join:
        operator = join.key(roles=("operator",))

        async def listed(card: str, tenant: str = "default", *, chosen: bool = False) -> Answer:
            check = HealthCheck(f"http://127.0.0.1:9/{card}")
            who, manifest = other("echo", id=f"echo-{card}", foreign=True, lasting=True, check=check)
            key = join.key(roles=("operator",), tenant=tenant)
            return await join.post("Register", wire.encode_register(who, manifest, name_from_card=not chosen), key)

        assert (await listed("a")).status == 200
        assert (await listed("a")).status == 200, "the same card again"
        answer = await listed("b")
        assert code(answer) == (403, "permission_denied")
        assert (
            "the name of 'echo-a': deregister that one if it has moved here; --name echo adds" in answer.json["message"]
        )
        assert (await listed("b", "acme")).status == 200, "another tenant's names are its own"
        assert (await listed("b", chosen=True)).status == 200
        await join.register(instance(id="echo-sdk"), operator)
        await join.post("Deregister", wire.encode_deregister("echo-a"), operator)
        await join.post("Deregister", wire.encode_deregister("echo-b"), operator)
        await settle()
        assert code(await listed("a")) == (403, "permission_denied"), "an SDK agent's name"


@pytest.mark.requirement("join.tenant")
@virtual_time
async def test_the_tenant_is_the_keys_whatever_the_agent_says() -> None:
    async with port() as join:
        await join.register(instance(tenant="acme"), join.key(tenant="ours"))
        assert [entry.instance.tenant for entry in join.table.entries.values()] == ["ours"]


@pytest.mark.requirement("join.address")
@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/",
        "http://10.0.0.1:80/",
        "http://[::ffff:10.0.0.1]/",
        "http://[::ffff:127.0.0.1]:8090/",
        "http://[::ffff:7f00:1]:8090/",
        "http://[::1]:8090/",
        "http://[::127.0.0.1]:8091/",
        "127.0.0.1:8090",
        "grpc://[::ffff:127.0.0.1]:8090",
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


@pytest.mark.requirement("registry.departure")
@pytest.mark.parametrize("draining", [False, True])
@virtual_time
async def test_who_is_taken_off_is_seen_leaving_first_so_that_nobody_takes_it_for_lost(draining: bool) -> None:
    async with port() as join:
        key, names = join.key(), ("echo-1", "echo-2", "echo-3", "echo-4")
        for name in names:
            assert (await join.register(instance(id=name, draining=draining), key)).status == 200
        for name in names[:3]:
            leaving = asyncio.ensure_future(join.post("Deregister", wire.encode_deregister(name), key))
            await asyncio.sleep(0.0 if draining else 0.9)
            assert draining or join.table.entries[name].instance.draining
            assert (await leaving).status == 200
            await asyncio.sleep(0.2)
            assert name not in join.table.entries
        assert set(join.table.entries) == {"echo-4"}


@pytest.mark.requirement("join.rate")
@virtual_time
async def test_a_registration_over_the_rate_is_refused_before_its_body_is_read() -> None:
    async with port(Limits(join_rate=1.0, join_burst=1)) as join:
        key = join.key()
        await join.register(instance(), key)
        assert code(await join.post("Register", b"no registration at all", key)) == (429, "resource_exhausted")
