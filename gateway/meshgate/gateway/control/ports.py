"""The two ports beside the data plane: where agents join, and where operators look and act."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from meshgate.gateway.app import Gateway
from meshgate.gateway.cluster.inspection import RemotePeers
from meshgate.gateway.config import Config
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.catalogue import Catalogue
from meshgate.gateway.control.admin.app import make_admin
from meshgate.gateway.control.join import AddressPolicy, JoinApp
from meshgate.gateway.identity.keys import MeshKey
from meshgate.gateway.identity.secrets import Secrets
from meshgate.gateway.observe.metrics import merge_metrics
from meshgate.net.server import HttpServer, bind
from meshgate.registry.index import Table
from meshgate.registry.interface import Registry

__all__ = ["Control", "MeshAsk"]


class MeshAsk:
    """Asks all gateways: the one in this process, if there is one, and the others over their inspect APIs."""

    def __init__(self, own: Gateway | None, remote: RemotePeers) -> None:
        self._remote = remote
        self._own = own
        self._methods: dict[str, Callable[..., Any]] = {}
        if own is not None:
            self._methods = {
                "status": own.status,
                "jobs": own.job_views,
                "job": own.job_view,
                "call": own.call_record,
                "instances": own.instance_views,
                "usage": own.usage_view,
                "end_job": own.end_job,
                "drain": own.drain,
                "metrics": lambda: own.metrics_text().decode(),
            }

    async def ask(self, name: str, *arguments: object, kind: Any, only: str = "") -> dict[str, Any]:
        """The answers, by gateway; ``only`` asks a single one."""
        answers: dict[str, Any] = {}
        if self._own is not None and only in ("", self._own.id):
            answers[self._own.id] = self._methods[name](*arguments)
        # All at once: gateways that are gone and still listed would add up.
        urls = {gateway: url for gateway, url in self._remote.urls().items() if only in ("", gateway)}
        asked = (self._remote.ask(url, name, *arguments, kind=kind, patience=2.0) for url in urls.values())
        found = zip(urls, await asyncio.gather(*asked), strict=True)
        return answers | {gateway: answer for gateway, answer in found if answer is not None or kind is None}


class Control:
    """The join and admin ports.

    Args:
        own: the gateway in this process, or None in a supervisor.
        data_urls: where clients and agents reach the data plane.
        schemas: the contracts of skills, as this process follows them.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what the two ports are made of
        self,
        config: Config,
        secrets: Secrets,
        registry: Registry,
        table: Table,
        own: Gateway | None,
        remote: RemotePeers,
        data_urls: tuple[str, ...],
        taken: frozenset[int],
        schemas: Catalogue,
    ) -> None:
        keys, mesh = secrets.store(), MeshKey(secrets.mesh)
        join_host = config.join_host or config.host
        join_sockets = bind(join_host, config.join_port, "--join-port")
        admin_sockets = bind(config.admin_host, config.admin_port, "--admin-port")
        ports = {int(sockets[0].getsockname()[1]) for sockets in (join_sockets, admin_sockets)}
        addresses = AddressPolicy(config.agent_networks, frozenset(ports) | taken)
        gate = SchemaGate(schemas.store, schemas.restore, config.limits, last=schemas.last)
        join = JoinApp(registry, table, keys, mesh, addresses, lambda: data_urls, config.limits, gate=gate)
        asking = MeshAsk(own, remote)

        async def metrics() -> bytes:
            return merge_metrics(await asking.ask("metrics", kind=str))

        admin = make_admin(
            asking, registry, table, keys, catalogue=schemas, gate=gate, metrics=metrics, limits=config.limits
        )
        self.addresses = addresses
        self.join = HttpServer(join, join_sockets, config.limits)
        self.admin = HttpServer(admin, admin_sockets, config.limits)

    async def start(self) -> None:
        """Listen."""
        await self.join.start()
        await self.admin.start()

    async def stop(self) -> None:
        """Close."""
        await self.join.stop()
        await self.admin.stop()
