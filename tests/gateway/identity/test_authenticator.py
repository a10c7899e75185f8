"""From the headers of a request to a principal: a caller's key, or a registered agent's call key."""

from __future__ import annotations

import pytest

from meshgate.a2a.call import Principal
from meshgate.a2a.errors import Unauthenticated
from meshgate.gateway.identity.authenticator import Credentials, KeyAuthenticator, bearer_key
from meshgate.gateway.identity.keys import KeyStore, new_key
from meshgate.gateway.identity.leases import Leases
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.registry.index import Index
from meshgate.registry.model import Delta
from tests.gateway.calls import Clock, entry, limits

MESH = MeshKey(bytes(range(32)))


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer k"},
        {"authorization": "bearer k"},
        {"authorization": "BEARER  k "},
        {"x-api-key": "k"},
        {"x-api-key": " k "},
        {"authorization": "Basic other", "x-api-key": "k"},
        {"authorization": "Bearer k", "x-api-key": "other"},
    ],
)
def test_a_key_comes_as_bearer_token_or_as_x_api_key(headers: dict[str, str]) -> None:
    assert bearer_key(headers) == "k"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer   "},
        {"authorization": "k"},
        {"authorization": "Basic k"},
        {"x-api-key": " "},
        {"authorization": "Bearer ", "x-api-key": "k"},
    ],
)
def test_without_a_key_nobody_calls(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthenticated):
        bearer_key(headers)


class Door:
    def __init__(self) -> None:
        self.index, self.keys, self.clock = Index(), KeyStore(), Clock()
        self.leases = Leases(self.index, limits(), self.clock)
        self.authenticator = KeyAuthenticator(self.keys, MESH, self.leases)

    def change(self, delta: Delta) -> None:
        self.index.apply(delta)
        self.leases.learn(delta)

    async def who(self, key: str) -> Principal:
        return self.authenticator.authenticate(Credentials({"authorization": f"Bearer {key}"}))


@pytest.mark.requirement("path.authentication")
async def test_a_client_key_is_its_principal_with_tenant_scope_and_roles() -> None:
    door = Door()
    key, record = new_key("client", "ann", tenant="acme", agents=["echo"], skills=["say"], roles=["admin"])
    door.keys.add(record)
    assert await door.who(key) == Principal("user", "ann", "acme", ("echo",), ("say",), frozenset({"admin"}))


@pytest.mark.requirement("keys.kind")
@pytest.mark.parametrize("kind", ["join", "admin"])
async def test_a_key_of_another_kind_is_nobody(kind: str) -> None:
    door = Door()
    key, record = new_key(kind, "ann")  # type: ignore[arg-type]
    door.keys.add(record)
    with pytest.raises(Unauthenticated):
        await door.who(key)


@pytest.mark.requirement("keys.call_key")
async def test_a_call_key_is_its_agent_in_its_tenant_for_as_long_as_the_instance_is_registered() -> None:
    door = Door()
    key = MESH.call_key("echo", "acme", "echo-1")
    door.change(Delta(put=(entry(tenant="acme"),)))
    assert await door.who(key) == Principal(
        "agent", "agent:echo", "acme", agents=("*",), skills=("*",), actors=("echo",)
    )
    door.change(Delta(gone=("echo-1",)))
    with pytest.raises(Unauthenticated) as ended:
        await door.who(key)
    assert ended.value.message == "this call key has ended with its lease: register again"


@pytest.mark.requirement("keys.call_key")
async def test_a_call_key_of_another_mesh_or_of_another_agents_instance_is_nobody() -> None:
    door = Door()
    door.change(Delta(put=(entry(),)))
    for key in (
        MeshKey(bytes(range(1, 33))).call_key("echo", "default", "echo-1"),
        MESH.call_key("thief", "default", "echo-1"),
        MESH.call_key("echo", "default", "echo-1") + "A",
        "mgc_",
    ):
        with pytest.raises(Unauthenticated):
            await door.who(key)
