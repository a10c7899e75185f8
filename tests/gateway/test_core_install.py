"""A gateway on the extra ``gateway-core``: what it goes without is refused with the line that installs it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from meshgate.a2a.call import Route
from meshgate.a2a.errors import UnsupportedOperation, UpstreamUnavailable
from meshgate.a2a.limits import DEFAULTS
from meshgate.a2a.selector import parse_selector
from meshgate.a2a.versions import VersionRange
from meshgate.gateway.config import ConfigError, load_config
from meshgate.gateway.contracts.admission.check import check
from meshgate.gateway.contracts.admission.closed_gate import make_gate
from meshgate.gateway.control.admin.explanation import complete
from meshgate.gateway.control.card_rotation import CardRotation
from meshgate.gateway.identity.card_keys import read_card_keys
from meshgate.gateway.identity.credential_seal import CredentialSeal
from meshgate.gateway.identity.mesh_key import MeshKey, WeakSecret
from meshgate.gateway.policies.call.closed_schema import ClosedSchema
from meshgate.gateway.upstream.agent_access import ClosedAccess
from meshgate.gateway.upstream.transports.table import make_transports
from meshgate.registry import extras
from meshgate.registry.extras import CONTRACTS, CREDENTIALS, GRPC, REMEDY, SIGNATURES
from meshgate.registry.foreign.agent_credential import AgentCredential
from meshgate.registry.groups import Scope
from meshgate.registry.join import wire
from meshgate.registry.model import Capability, Endpoint, ForeignTerms, Instance, Manifest
from meshgate.registry.schemas import Subject
from meshgate.registry.selection import explain
from meshgate.testing import LocalMesh, task, text
from tests.gateway.asgi import request
from tests.gateway.control.test_join import MANIFEST, code, instance, port
from tests.gateway.meshes import virtual_mesh
from tests.gateway.policies.test_schema import ANSWERS, Weather, ask, change, heard, release, settings, skill
from tests.support.virtual_loop import virtual_time

pytestmark = pytest.mark.requirement("install.core")
MODULES = frozenset({"grpc", "a2a", "google.rpc", "cel", "protovalidate", "cryptography"})


def go_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, what the extra ``gateway-core`` leaves out counts as missing."""
    there = importlib.util.find_spec

    def find_spec(name: str) -> object:
        return None if name in MODULES else there(name)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


@asynccontextmanager
async def core(monkeypatch: pytest.MonkeyPatch, *versions: str) -> AsyncGenerator[tuple[LocalMesh, Weather]]:
    """A gateway of the core beside one that has everything and knows these releases; an agent of the last of them."""
    async with LocalMesh() as whole:
        for version in versions:
            await release(whole, version)
        go_without(monkeypatch)
        async with LocalMesh(join=whole) as mesh:
            agent = Weather(ANSWERS[versions[-1]])
            await mesh.add("weather", agent, skills=(skill(versions[-1])[0],), version=versions[-1])
            await heard(mesh, lambda subject: subject.release(versions[-1]) is not None)
            yield mesh, agent


async def test_a_call_to_a_skill_with_a_contract_is_refused_and_reaches_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async with core(monkeypatch, "1.0.0") as (mesh, agent):
        for mode in ("enforce", "observe", "off"):
            await change(mesh, settings(mediation=mode))
            for selector in ("weather", "forecast@1", "forecast@*"):
                with pytest.raises(UpstreamUnavailable) as caught:
                    await ask(mesh, {"data": {"city": "Bern"}}, selector=selector)
                assert REMEDY in caught.value.message
                assert caught.value.unsent
                assert caught.value.neutral, "it says nothing of the instance's health"
        assert agent.asked == []


async def test_a_contract_that_has_not_arrived_refuses_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    go_without(monkeypatch)
    async with LocalMesh() as mesh:
        agent = Weather({})
        await mesh.add("weather", agent, skills=(skill("1.0.0")[0],), version="1.0.0")
        with pytest.raises(UpstreamUnavailable, match="installed without contracts"):
            await ask(mesh, {"data": {"city": "Bern"}})
        assert agent.asked == []


async def test_operations_on_a_task_of_such_a_skill_are_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async with LocalMesh() as whole:
        await release(whole, "1.0.0")
        both = Capability("moon", "1.0.0", default=True), skill("1.0.0")[0]
        await whole.add("weather", task("t1"), skills=both, version="1.0.0")
        begun = await whole.call("forecast@1", "Bern")
        known = str(begun.tree["task"]["id"])
        go_without(monkeypatch)
        async with LocalMesh(join=whole) as mesh:
            await mesh.seen("weather-1")
            for method in ("GetTask", "CancelTask", "SubscribeToTask"):
                with pytest.raises(UpstreamUnavailable, match="installed without contracts"):
                    await mesh.read(mesh.call_of({"id": known}, method=method))
            assert (await mesh.call("moon@1")).events, "its other skill is called"
            await mesh.add("plain", task("t2"))
            begun = await mesh.call("plain")
            await mesh.read(mesh.call_of({"id": begun.tree["task"]["id"]}, method="GetTask"))


async def test_skills_without_a_contract_are_served_and_go_before_those_with_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with core(monkeypatch, "1.0.0") as (mesh, agent):
        await mesh.add("almanac", text("rain"), skills=(Capability("forecast", "1.0.0"), Capability("moon", "1.0.0")))
        for selector in ("forecast@1", "moon@*"):
            assert (await mesh.call(selector)).tree["message"]["parts"] == [{"text": "rain"}]
        assert agent.asked == []


async def test_nothing_is_converted_and_no_type_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    go_without(monkeypatch)
    async with LocalMesh() as mesh:
        policy, call = mesh.gateway.schema, mesh.make_call("weather")
        assert isinstance(policy, ClosedSchema)
        assert policy.admit(call) is call, "a call without a route is none of its business"
        route = Route("weather", "forecast", "1.0.0", ())
        assert not policy.covers(route, VersionRange())
        assert policy.skill_of_parts(call, route, ("forecast",)) == ""


async def test_who_explains_a_selector_is_told_as_a_caller_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async with core(monkeypatch, "1.0.0") as (mesh, _):
        found = explain(mesh.gateway.table, parse_selector("forecast@1"), Scope())
        told = complete(found, (), (), "default", closed=True)
        assert (told.outcome, [one.reason for one in told.verdicts]) == ("UPSTREAM_UNAVAILABLE", ["contract"])
        assert REMEDY in told.verdicts[0].detail
        assert complete(found, (), (), "default").outcome == ""


async def test_a_release_is_neither_judged_nor_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    go_without(monkeypatch)
    async with LocalMesh() as mesh:
        gate = make_gate(mesh.gateway.schemas.store)
        made, image = skill("1.0.0")
        for refused in (
            gate.admit(Manifest("weather", "1.0.0", skills=(made,)), (image,)),
            check(gate, "weather", made, (image,)),
        ):
            with pytest.raises(UnsupportedOperation) as caught:
                await refused
            assert REMEDY in caught.value.message
        assert (await gate.state_of("weather/forecast")).subject == Subject("weather", "forecast")
        plain = Manifest("weather", "1.0.0", skills=(Capability("forecast", "1.0.0"),))
        assert (await gate.admit(plain)).manifest == plain


async def test_an_agent_that_is_listed_keeps_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    async with core(monkeypatch, "1.0.0") as (mesh, _):
        (entry,) = (one for one in mesh.gateway.table.entries.values() if one.instance.agent == "weather")
        assert await make_gate(mesh.gateway.schemas.store).knows(entry.instance.manifest, entry.manifest)


@virtual_time
async def test_an_agent_with_a_contract_does_not_join_and_reads_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    go_without(monkeypatch)
    async with port() as join:
        made, image = skill("1.0.0")
        manifest = Manifest("weather", "1.0.0", skills=(made,))
        who = Instance(
            "weather-1", "weather", manifest.digest(), endpoints=(Endpoint("JSONRPC", "http://127.0.0.1:9/"),)
        )
        answer = await join.post("Register", wire.encode_register(who, manifest, images=(image,)), join.key())
        assert code(answer) == (400, "failed_precondition")
        assert REMEDY in answer.json["message"]
        assert join.table.entries == {}
        assert (await join.register(instance(), join.key(), MANIFEST)).status == 200


def test_the_client_reads_the_refusal_as_one_that_no_further_try_changes() -> None:
    status, body = wire.encode_error(UnsupportedOperation(f"no contracts: {REMEDY}"))
    assert isinstance(wire.decode_error(status, body), UnsupportedOperation)


def test_a_credential_is_neither_sealed_nor_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    seal = CredentialSeal(MeshKey(os.urandom(32)))
    sealed = seal.seal(AgentCredential({"x-key": "s"}), "default", "maps")
    go_without(monkeypatch)
    for refused in (
        lambda: seal.seal(AgentCredential({"x-key": "s"}), "default", "maps"),
        lambda: seal.open(sealed, "default", "maps"),
    ):
        with pytest.raises(UnsupportedOperation) as caught:
            refused()
        assert REMEDY in caught.value.message


async def test_a_foreign_agent_with_a_credential_is_listed_and_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    async with LocalMesh() as whole:
        sealed = whole.gateway.seal.seal(AgentCredential({"x-key": "s"}), "default", "maps")
        go_without(monkeypatch)
        manifest = Manifest("maps", "1.0.0", foreign=True, terms=ForeignTerms(credential=sealed))
        listed = Instance("maps-1", "maps", manifest.digest(), endpoints=(Endpoint("JSONRPC", "http://127.0.0.1:9/"),))
        await whole.registry.register(listed, manifest)
        async with LocalMesh(join=whole) as mesh:
            await mesh.seen("maps-1")
            found = mesh.gateway.instances.get("maps-1")
            assert found is not None
            access = found.access
            assert isinstance(access, ClosedAccess)
            with pytest.raises(UpstreamUnavailable, match="installed without credentials"):
                await access.headers()


@pytest.mark.parametrize("asked", [{"grpc_port": 0}, {"grpc_port": 8081}], ids=["free", "usual"])
def test_a_grpc_port_that_is_asked_for_is_refused_with_its_place_and_the_remedy(
    asked: dict[str, int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path
    load_config(asked, home=home, environ={})
    go_without(monkeypatch)
    assert load_config({}, home=home, environ={}).grpc_port == -1
    assert load_config({"grpc_port": -1}, home=home, environ={}).grpc_port == -1
    (home / "meshgate.toml").write_text(f"\ngrpc_port = {asked['grpc_port']}\n")
    for flags, environ, place in (
        (asked, {}, "--grpc-port: "),
        ({}, {"MESHGATE_GRPC_PORT": str(asked["grpc_port"])}, "MESHGATE_GRPC_PORT: "),
        ({}, {}, f"{home / 'meshgate.toml'}, line 2: "),
    ):
        with pytest.raises(ConfigError) as caught:
            load_config(flags, home=home, environ=environ)
        assert str(caught.value).startswith(place)
        assert REMEDY in str(caught.value)


def test_agents_are_called_over_http_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def bindings() -> set[str]:
        return {binding for binding, _ in make_transports(DEFAULTS, lambda: 0.0)}

    assert "GRPC" in bindings()
    go_without(monkeypatch)
    assert bindings() == {"JSONRPC", "HTTP+JSON"}


def test_what_is_missing_is_listed_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert extras.lacking() == ()
    go_without(monkeypatch)
    assert extras.lacking() == (GRPC, CONTRACTS, CREDENTIALS, SIGNATURES)
    assert (extras.extras()["gateway-core"], extras.extras()["gateway"]) == (True, False)


@pytest.mark.requirement("cards.signed")
@virtual_time
async def test_cards_are_served_unsigned_where_they_cannot_be_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    go_without(monkeypatch)
    async with virtual_mesh() as mesh:
        headers = {"authorization": f"Bearer {mesh.key}"}
        card = await request(mesh.gateway.ingress, "GET", "/", headers=headers)
        assert (card.status, "signatures" in card.json) == (200, False)
        assert (await request(mesh.gateway.ingress, "GET", "/.well-known/jwks.json")).json == {"keys": []}
        rotation = CardRotation(mesh.registry, mesh.gateway.table, mesh.mesh_key, (), 1.0)
        with pytest.raises(UnsupportedOperation, match="without signed cards"):
            await rotation.rotate()
        with pytest.raises(WeakSecret, match="cards cannot be signed here"):
            read_card_keys([Path("card.pem")])
