"""Instances at addresses that real transports call."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping

from meshgate.a2a.call import Call
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import JsonPayload
from meshgate.a2a.protocol_version import protocol_headers
from meshgate.gateway.upstream.attempt import Attempt
from meshgate.gateway.upstream.instances import Instances
from meshgate.gateway.upstream.send import Outbound
from meshgate.registry.model import Delta, Endpoint, Entry, Instance, Manifest

__all__ = ["Agents"]


class Agents:
    """What a gateway's table says of one agent."""

    def __init__(self) -> None:
        self.instances = Instances(lambda _: "secret", clock=asyncio.get_running_loop().time)
        self._names = (f"agent-{number}" for number in itertools.count())

    def start(self, *endpoints: Endpoint) -> str:
        """List an instance; its id."""
        name = next(self._names)
        listed = Instance(name, "agent", "", endpoints=endpoints)
        self.instances.apply(Delta(put=(Entry(listed, Manifest("agent", "1.0.0")),)))
        return name

    def stop(self, name: str) -> None:
        """List an instance no longer."""
        self.instances.apply(Delta(gone=(name,)))

    def call(
        self, name: str, method: str = "GetTask", endpoint: int = 0, headers: Mapping[str, str] | None = None
    ) -> Outbound:
        """A call to an instance, as a transport sends it; with these headers of its caller's."""
        instance = self.instances.get(name)
        assert instance is not None
        now = asyncio.get_running_loop().time()
        about = METHODS[method]
        payload = JsonPayload(about.request, {"id": "task-1"} if about.task_field else {})
        call = Call(
            method=METHODS[method], payload=payload, task_id="task-1", deadline=now + 20.0, headers=headers or {}
        )
        attempt = Attempt(call, instance, instance.entry.instance.endpoints[endpoint], now)
        return Outbound(call, payload, protocol_headers(attempt.endpoint.version, None), attempt)
