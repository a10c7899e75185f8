"""What a gateway's row says of it."""

from __future__ import annotations

import pytest

from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.gateway.process import server
from meshgate.gateway.process.server import gateway_row
from meshgate.gateway.version import FEATURES, VERSION
from meshgate.registry.backends.consul.entry import MAX_ENTRY, Layout, instance_of, meta_of, service_of, size_of
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.index import Index


async def test_the_row_carries_the_version_and_the_features() -> None:
    registry, index = MemoryRegistry(), Index()
    await registry.register(gateway_row("gw-1", "http://127.0.0.1:8090"))
    index.apply(await anext(registry.watch()))
    assert [one.instance.labels for one in index.gateways] == [{"version": VERSION, "features": "open-rows"}]
    assert FEATURES == ("open-rows",)


@pytest.mark.requirement("registry.unsigned")
def test_the_row_with_its_proof_fits_into_consul_and_comes_back() -> None:
    mesh, layout = MeshKey(bytes(range(32))), Layout("meshgate")
    row = mesh.sign_row(gateway_row("gw-" + "0" * 16, "http://255.255.255.255:65535"))
    service = {"ID": layout.service_id(row.id), "Service": layout.service(row), "Meta": meta_of(row, "ttl")}
    assert size_of(service_of(row, "ttl", layout)) <= MAX_ENTRY
    assert instance_of(service, layout) == (row, "ttl")
    assert mesh.is_genuine(instance_of(service, layout)[0])


async def test_a_build_between_releases_registers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "VERSION", "0.2.0+g1a2b3c")
    row = gateway_row("gw-1", "http://127.0.0.1:8090")
    await MemoryRegistry().register(row)
    assert row.labels["version"] == "0.2.0-g1a2b3c"
