"""A gateway process: ports, registration, signals, drain. ``run`` is what ``meshgate up`` runs."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets as secrets_module
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from meshgate.a2a.bindings.table import DEFAULT
from meshgate.a2a.errors import MeshError
from meshgate.gateway.cluster.server import InspectApp
from meshgate.gateway.config import Config, ConfigError
from meshgate.gateway.control.ports import Control
from meshgate.gateway.gateway import Gateway
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.gateway.identity.secrets import Secrets
from meshgate.gateway.identity.shared_keys import SharedKeys
from meshgate.gateway.placement import Policies
from meshgate.gateway.process.keys import consul_access, follow_keys
from meshgate.gateway.settings import LOCAL_DOMAIN, Settings
from meshgate.gateway.version import FEATURES, VERSION
from meshgate.net.server import HttpServer, PortTaken, bind
from meshgate.registry.errors import UnknownLease
from meshgate.registry.home import Home, Run
from meshgate.registry.interface import Registry
from meshgate.registry.model import Endpoint, Instance
from meshgate.registry.open import open_registry
from meshgate.registry.watcher import Watcher

__all__ = ["DataPlane", "Signals", "check_company", "open_configured", "run_file", "run_single"]

log = structlog.get_logger(__name__)
_FIRST_ANSWER = 1.0
"""Seconds that a start waits to hear from the registry which gateways there are."""
_RIGHTS = "give its Consul token the rights that docs/operating.md lists"


def open_configured(config: Config, home: Home) -> Registry:
    """The registry that the settings name; a file in the mesh's home if they name none."""
    url = config.registry or f"file://{home.path.resolve()}/registry.db"
    return open_registry(url, ttl=config.limits.lease, consul=consul_access(config))


class DataPlane:
    """One gateway on its ports: HTTP, gRPC and inspect.

    Args:
        mesh: the mesh key.
        keys: the keys of callers; they are followed while the gateway runs.
        share: whether other workers bind the same data ports.
    """

    def __init__(
        self, config: Config, mesh: MeshKey, keys: SharedKeys, registry: Registry, home: Home, *, share: bool = False
    ) -> None:
        self.config, self.registry, self._keys = config, registry, keys
        self._share = share
        limits = config.limits
        self._http_sockets = bind(config.host, config.port, "--port", share=share)
        self.port = int(self._http_sockets[0].getsockname()[1])
        self.grpc_port = config.grpc_port
        self._inspect_sockets = bind(config.inspect_host, config.inspect_port, "--inspect-port")
        self.inspect_port = int(self._inspect_sockets[0].getsockname()[1])
        if config.grpc_port == 0:
            (free, *rest) = bind(config.host, 0, "--grpc-port")
            self.grpc_port = int(free.getsockname()[1])
            for one in (free, *rest):
                one.close()
        gateway_id = f"gw{secrets_module.token_hex(4)}"
        settings = Settings(
            gateway_id=gateway_id,
            base_url=config.base_url.rstrip("/"),
            grpc_address=config.grpc_address,
            grpc_port=max(0, self.grpc_port),
            http_port=self.port,
            loopback=config.loopback,
            card_grpc=config.card_grpc,
            public_cards=config.loopback if config.public_cards is None else config.public_cards,
            card_keys=tuple(map(Path, config.card_keys)),
            catalogue_domain=config.catalogue_domain.lower() or LOCAL_DOMAIN,
            cors_origins=config.cors_origins,
            push_networks=config.push_networks,
            snapshot=home.path / f"snapshot{'' if not share else '-' + str(os.getpid())}.bin",
            schemas=home.path / "schemas",
            plugins=config.policies,
        )
        self.gateway = Gateway(
            registry,
            mesh,
            keys.store,
            settings=settings,
            limits=limits,
            tracing=_tracing(config, gateway_id),
            policies=Policies(without=frozenset(config.without_policies)),
        )
        inspect = InspectApp(self.gateway.answers.table, self.gateway.mesh.inspect_secret(), limits)
        self._servers = [
            HttpServer(self.gateway.app, self._http_sockets, limits),
            HttpServer(inspect, self._inspect_sockets, limits),
        ]
        self._grpc: Any = None
        self._lease: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Watch the registry, listen, and register with the other gateways."""
        # Before anybody may call: a key may have been revoked since this home's list was written.
        await self._keys.refresh(_FIRST_ANSWER)
        self._following = asyncio.ensure_future(self._keys.run())
        await self.gateway.start()
        await check_company(self.gateway.watcher)
        for server in self._servers:
            await server.start()
        if self.grpc_port > 0:
            await self._start_grpc()
        self._lease = asyncio.ensure_future(self._keep_lease())
        # The objects made so far live as long as the process, and a call leaves few cycles: collect seldom.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)

    async def _start_grpc(self) -> None:
        from meshgate.gateway.ingress.grpc import grpc_ingress

        self._grpc = grpc_ingress(
            self.gateway.entrance, self.gateway.credentials, self.config.limits, reuse_port=self._share
        )
        hosts = [self.config.host, "[::1]"] if self.config.host == "127.0.0.1" else [self.config.host]
        for index, host in enumerate(hosts):
            try:
                self._grpc.add_insecure_port(f"{host}:{self.grpc_port}")
            except RuntimeError:
                if index == 0:
                    raise PortTaken(
                        f"port {self.grpc_port} on {host} cannot be used: choose another with --grpc-port"
                    ) from None
        await self._grpc.start()

    async def _keep_lease(self) -> None:
        url = f"http://{self.config.inspect_host}:{self._servers[1].port}"
        me = self.gateway.mesh.sign_row(gateway_row(self.gateway.id, url))
        registered = False
        while True:
            try:
                if registered:
                    await self.registry.renew(me.id)
                    self._note_row(me.id)
                else:
                    await self.registry.register(me)
                    registered = True
            except UnknownLease:
                registered = False
                continue
            except MeshError as error:
                self.gateway.own_row = "this gateway's own row in the registry cannot be written"
                log.warning("not_registered", gateway=me.id, code=error.code, reason=error.message)
            except Exception:
                # Any error: a gateway that stops renewing is soon counted as gone, so try again.
                log.exception("renewal_failed", gateway=me.id)
            await asyncio.sleep(self.config.limits.lease / 3)

    def _note_row(self, me: str) -> None:
        """Note whether the registry shows this gateway the row that it took from it a while ago."""
        seen = me in self.gateway.table.entries or self.gateway.watcher.stale
        found = "" if seen else "the registry took this gateway's own row and does not show it: may it read all rows?"
        if found and found != self.gateway.own_row:
            log.warning("own_row_not_seen", gateway=me, effect="agents that join are not seen either", remedy=_RIGHTS)
        self.gateway.own_row = found

    async def drain(self, hurry: asyncio.Event) -> None:
        """Leave the mesh, let open calls end, then close. ``hurry`` cuts the waiting short."""
        self.gateway.draining = True
        if self._lease is not None:
            self._lease.cancel()
        try:
            await asyncio.wait_for(self.registry.deregister(self.gateway.id), 1.0)
        except (MeshError, TimeoutError):
            log.info("leave_failed", gateway=self.gateway.id)
        limits = self.config.limits
        last = min(limits.drain_last, limits.drain / 2)
        self._servers[0].leave()
        if not await self._idle(limits.drain - last, limits.drain_idle, hurry):
            ended = self.gateway.end_open()
            log.info("ended_open_calls", calls=ended)
            await self._idle(last, 0.0, asyncio.Event())
        await self.stop()

    async def _idle(self, seconds: float, idle: float, hurry: asyncio.Event) -> bool:
        """Wait until no call is open, and for ``idle`` seconds for callers' connections to close; whether that came."""
        waited, callers = 0.0, self._servers[0]
        while waited < seconds and not hurry.is_set():
            if not self.gateway.in_flight.count and (waited >= idle or not callers.connections):
                return True
            await asyncio.sleep(0.05)
            waited += 0.05
        return not self.gateway.in_flight.count

    async def stop(self) -> None:
        """Close everything now."""
        for task in (self._lease, self._following):
            if task is not None:
                task.cancel()
        await self._keys.aclose()
        if self._grpc is not None:
            await self._grpc.stop(0.5)
        for server in self._servers:
            await server.stop()
        await self.gateway.aclose()


async def check_company(watcher: Watcher) -> None:
    """Check that no gateway of release 0.1 is listed, if the registry answers within a second.

    Raises:
        ConfigError: one is: the two releases share no mesh.
    """
    with suppress(TimeoutError):
        await asyncio.wait_for(watcher.heard.wait(), _FIRST_ANSWER)
    if watcher.older_gateways:
        raise ConfigError(
            f"the gateway {min(watcher.older_gateways)!r} in this registry is of release 0.1, which shares no mesh "
            f"with {VERSION}: stop all gateways of 0.1 first (one that was killed stays listed for a minute)"
        )


def gateway_row(name: str, inspect: str) -> Instance:
    """The entry of a gateway in the registry: its inspect address, its version, and its features.

    Features are separated by spaces: a label holds no comma.
    """
    labels = {"version": VERSION.replace("+", "-"), "features": " ".join(FEATURES)}
    # The inspect port speaks no A2A, but every release can read a row with this binding.
    endpoints = (Endpoint(DEFAULT.id, inspect),)
    return Instance(id=name, agent="gateway", manifest="", kind="gateway", endpoints=endpoints, labels=labels)


def _tracing(config: Config, instance: str) -> Any:
    if not config.otlp:
        return None
    from meshgate.telemetry.collector import configure

    return configure(config.otlp, "meshgate-gateway", instance, version=VERSION, limits=config.limits)


class Signals:
    """SIGTERM and SIGINT: the first asks to drain, a second to hurry."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.come)

    def come(self) -> None:
        """A signal came."""
        if self.stop.is_set():
            self.hurry.set()
        self.stop.set()


def run_file(config: Config, secrets: Secrets, *, port: int, grpc_port: int, control: Control) -> Run:
    """The content of ``run.json``: the mesh's addresses and keys."""
    host = "127.0.0.1" if config.host in ("0.0.0.0", "::") else config.host
    return Run(
        pid=os.getpid(),
        gateway=f"http://{host}:{port}",
        join=f"http://{config.join_host or host}:{control.join.port}",
        admin=f"http://{config.admin_host}:{control.admin.port}",
        grpc=f"{host}:{grpc_port}" if grpc_port > 0 else "",
        client_key=secrets.clear.get("client", ""),
        join_key=secrets.clear.get("join", ""),
        admin_key=secrets.clear.get("admin", ""),
    )


async def run_single(config: Config, secrets: Secrets, home: Home, announce: Callable[[Run], None]) -> None:
    """Run one gateway with its join and admin ports until a signal comes."""
    if config.registry == "memory:" and config.workers > 1:
        raise ConfigError("--workers needs a registry that processes share: leave registry out, or use Consul")
    signals = Signals()
    registry = open_configured(config, home)
    mesh, keys = MeshKey(secrets.mesh), follow_keys(config, secrets, home, keeper=True)
    plane = DataPlane(config, mesh, keys, registry, home)
    urls = (config.base_url or f"http://{config.host}:{plane.port}",)
    remote = plane.gateway.remote
    if remote is None:
        raise RuntimeError("a gateway with a data plane finds its peers in the registry")
    control = Control(
        config,
        mesh,
        keys,
        registry,
        plane.gateway.watcher,
        plane.gateway,
        remote,
        urls,
        frozenset({plane.port, plane.grpc_port, plane.inspect_port}),
        plane.gateway.schemas,
        home.name,
    )
    try:
        await plane.start()
        await control.start()
    except BaseException:
        await control.stop()
        await plane.stop()
        await registry.aclose()
        raise
    run = run_file(config, secrets, port=plane.port, grpc_port=plane.grpc_port, control=control)
    home.write(run)
    announce(run)
    try:
        await signals.stop.wait()
        log.info("draining", open_calls=plane.gateway.in_flight.count)
        await control.stop()
        await plane.drain(signals.hurry)
    finally:
        home.remove(os.getpid())
        await registry.aclose()
