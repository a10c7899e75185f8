"""The end of the path: who is told that an instance has gone."""

from __future__ import annotations

from meshgate.a2a.bindings.grpc import BINDING
from meshgate.a2a.limits import DEFAULTS
from meshgate.gateway.upstream.instance import Health
from meshgate.gateway.upstream.transports.channels import Channels
from meshgate.gateway.upstream.transports.grpc import GrpcTransport
from meshgate.registry.model import Endpoint, Instance, Manifest
from meshgate.testing import LocalMesh


async def test_an_instance_that_leaves_the_mesh_takes_its_channel_along() -> None:
    channels = Channels(DEFAULTS)
    async with LocalMesh() as mesh:
        gateway = mesh.gateway
        gateway.wires["GRPC", "1.0"] = GrpcTransport(BINDING, channels, DEFAULTS, gateway.clock)
        listed = Instance("a-1", "a", Manifest("a", "1.0.0").digest(), endpoints=(Endpoint("GRPC", "127.0.0.1:1"),))
        await mesh.registry.register(listed, Manifest("a", "1.0.0"))
        await mesh.seen("a-1")
        instance = gateway.instances.get("a-1")
        assert instance is not None
        assert await gateway.ask_health(instance) is Health.FAILED
        assert channels.addresses == {"127.0.0.1:1"}

        await mesh.registry.deregister("a-1")
        await mesh.seen("a-1", there=False)
        assert channels.addresses == frozenset()
        assert await gateway.ask_health(instance) is Health.FAILED  # asked too late, it opens nothing for good
        assert channels.addresses == frozenset()
