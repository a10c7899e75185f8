"""The two ports beside the data plane: the join port for agents, and the admin port for operators."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import TypeVar, cast
from urllib.parse import urlsplit

from meshgate.gateway.cluster.client import Unknown
from meshgate.gateway.cluster.peers import RemotePeers
from meshgate.gateway.cluster.questions import CALLED, METRICS, Question
from meshgate.gateway.config import Config
from meshgate.gateway.contracts.admission.closed_gate import make_gate
from meshgate.gateway.contracts.catalogue import Catalogue
from meshgate.gateway.contracts.sweeper import Sweeper
from meshgate.gateway.control.absent_agents import AbsentAgents
from meshgate.gateway.control.admin.app import make_admin
from meshgate.gateway.control.card_rotation import CardRotation
from meshgate.gateway.control.foreign.card_acceptance import CardAcceptance
from meshgate.gateway.control.foreign.card_trust import RECENT, CardTrust
from meshgate.gateway.control.foreign.registered_agents import RegisteredAgents
from meshgate.gateway.control.foreign.settings_agents import SettingsAgents
from meshgate.gateway.control.join import JoinApp
from meshgate.gateway.gateway import Gateway
from meshgate.gateway.identity.credential_seal import CredentialSeal
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.gateway.identity.shared_keys import SharedKeys
from meshgate.gateway.observe.metrics import merge_metrics
from meshgate.net.addresses import AgentNetworks
from meshgate.net.server import HttpServer, bind
from meshgate.registry.foreign.card_places import card_places
from meshgate.registry.index import Index
from meshgate.registry.interface import Registry
from meshgate.registry.watcher import Watcher

__all__ = ["Control", "MeshAsk", "mesh_ports"]

T = TypeVar("T")


def mesh_ports(own: Iterable[int], table: Index) -> Iterator[tuple[str, int]]:
    """The mesh's ports as ``AgentNetworks`` takes them: this process's own, and the inspect ports of all gateways."""
    for port in own:
        yield "", port
    for entry in table.gateways:
        for endpoint in entry.instance.endpoints:
            parts = urlsplit(endpoint.url)
            yield parts.hostname or "", parts.port or 0


class MeshAsk:
    """Asks all gateways: the one in this process, if there is one, and the others over their inspect ports."""

    def __init__(self, own: Gateway | None, remote: RemotePeers) -> None:
        self._remote = remote
        self._own = own

    async def ask(self, question: Question[T], *arguments: object, only: str = "") -> dict[str, T]:
        """The answers, by gateway; ``only`` asks a single one. Gateways that are silent, or too old to know the
        question, are left out.
        """
        answers: dict[str, T] = {}
        if self._own is not None and only in ("", self._own.id):
            answers[self._own.id] = self._own.answers.table[question.name](*arguments)
        for gateway, answer in (await self._remote.ask_all(question, *arguments, only=only)).items():
            if not isinstance(answer, Unknown) and (answer is not None or question.answer is None):
                answers[gateway] = cast("T", answer)
        return answers


class Control:
    """The join and admin ports.

    Args:
        mesh: the mesh key.
        keys: the keys of callers, of agents that join, and of admins.
        watcher: follows the registry.
        own: the gateway in this process; None in a supervisor.
        data_urls: the URLs at which clients and agents reach the data plane.
        schemas: the contracts of skills, as this process follows them.
        home: names the mesh's home.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what the two ports are made of
        self,
        config: Config,
        mesh: MeshKey,
        keys: SharedKeys,
        registry: Registry,
        watcher: Watcher,
        own: Gateway | None,
        remote: RemotePeers,
        data_urls: tuple[str, ...],
        taken: frozenset[int],
        schemas: Catalogue,
        home: str,
    ) -> None:
        table = watcher.index
        join_host = config.join_host or config.host
        join_sockets = bind(join_host, config.join_port, "--join-port")
        admin_sockets = bind(config.admin_host, config.admin_port, "--admin-port")
        ports = {int(sockets[0].getsockname()[1]) for sockets in (join_sockets, admin_sockets)}
        addresses = AgentNetworks(config.agent_networks, lambda: mesh_ports(ports | taken, table))
        gate = make_gate(schemas.store, schemas.restore, config.limits, last=schemas.last)
        join = JoinApp(registry, table, keys.store, mesh, addresses, lambda: data_urls, config.limits, gate=gate)
        asking = MeshAsk(own, remote)

        async def metrics() -> bytes:
            return merge_metrics(await asking.ask(METRICS))

        seal = CredentialSeal(mesh)

        async def called(agent: str, tenant: str) -> frozenset[str]:
            answers = await asking.ask(CALLED, agent, tenant, RECENT)
            return frozenset(skill for skills in answers.values() for skill in skills)

        trust = CardTrust(registry, called)
        self._listed = SettingsAgents(
            config.agents, registry, table, addresses, seal, home=home, trust=trust, limits=config.limits
        )
        admin = make_admin(
            asking,
            registry,
            table,
            keys,
            catalogue=schemas,
            gate=gate,
            metrics=metrics,
            acceptance=CardAcceptance(registry, table, addresses, seal, config.limits.switch_wait),
            rotation=CardRotation(registry, table, mesh, config.card_keys, config.limits.switch_wait),
            refused=lambda: [*self._listed.refused, *self._registered.refused],
            limits=config.limits,
        )
        self._watcher = watcher
        self._sweeper = Sweeper(schemas, table, config.limits)
        cards = frozenset(place for agent in config.agents for place in card_places(agent.card))
        self._absent = AbsentAgents(registry, table, asking, cards, config.limits)
        self._registered = RegisteredAgents(registry, table, addresses, seal, cards, trust=trust, limits=config.limits)
        self._background: list[asyncio.Task[None]] = []
        self.join = HttpServer(join, join_sockets, config.limits)
        self.admin = HttpServer(admin, admin_sockets, config.limits)

    async def start(self) -> None:
        """Listen."""
        await self.join.start()
        await self.admin.start()
        self._background = [
            asyncio.ensure_future(run)
            for run in (self._sweeper.run(), self._absent.run(), self._registered.run(), self._keep_listed())
        ]

    async def stop(self) -> None:
        """Close."""
        for task in self._background:
            task.cancel()
        await self.join.stop()
        await self.admin.stop()

    async def _keep_listed(self) -> None:
        await self._watcher.ready.wait()  # who has which name stands in the registry
        await self._listed.run()
