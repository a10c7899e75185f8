"""Three Consul servers, of which two are taken away: the third answers "No cluster leader" (F54)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.faults.crew import Crew
from tests.faults.processes import eventually
from tests.faults.registry import OVERDUE, codes, outage
from tests.support.servers import Consul, answers, consul_binary, consul_version, free_ports

__all__ = ["consul_trio", "no_leader"]


@contextmanager
def consul_trio(folder: Path) -> Generator[list[Consul]]:
    """Three servers that have a leader; the first is the gateway's."""
    binary = consul_binary()
    version = consul_version(binary)
    ports = [free_ports(4) for _ in range(3)]
    servers = [_server(binary, version, folder / f"consul-{number}", ports, number) for number in range(3)]
    with ExitStack() as stack:
        for server in servers:
            stack.callback(server.stop)
        # One alone has no leader, so all are started before any is waited for.
        for server in servers[1:]:
            server.ready = lambda: True
            server.start()
        servers[0].start()
        yield servers


def _server(binary: str, version: tuple[int, ...], folder: Path, ports: list[list[int]], number: int) -> Consul:
    folder.mkdir(parents=True)
    http, serf, server, grpc = ports[number]
    moved = {"grpc_tls": -1} if version >= (1, 14) else {}
    config = {
        "server": True,
        "bootstrap_expect": 3,
        "bind_addr": "127.0.0.1",
        "client_addr": "127.0.0.1",
        "data_dir": str(folder / "data"),
        "disable_update_check": True,
        "leave_on_terminate": False,
        "log_level": "warn",
        "node_name": f"server-{number}",
        "performance": {"raft_multiplier": 1},
        "retry_interval": "1s",
        "retry_join": [f"127.0.0.1:{each[1]}" for each in ports],
        "ports": {"http": http, "serf_lan": serf, "server": server, "grpc": grpc, "dns": -1, "serf_wan": -1, **moved},
    }
    (folder / "consul.json").write_text(json.dumps(config))
    return Consul(
        command=[binary, "agent", f"-config-file={folder / 'consul.json'}"],
        folder=folder,
        ready=lambda: answers(f"http://127.0.0.1:{http}/v1/status/leader", lambda body: len(body.strip()) > 2),
        start_within=40,
        port=http,
        version=version,
    )


async def no_leader(crew: Crew, others: list[Consul], seconds: float) -> None:
    """F54: two of three servers are killed, and come back."""
    report = crew.report
    report.say("F54: two of three Consul servers are killed")

    async def down() -> None:
        for server in others:
            server.kill()

    async def up() -> None:
        for server in others:
            server.start()

        async def led() -> bool:
            return await asyncio.to_thread(crew.consul.ready)

        await eventually(led, within=40)

    seen = await outage(crew, seconds, down, up)
    report.measure("F54", "errors", len(seen.errors), codes(seen.errors))
    if seconds > OVERDUE:
        report.measure("F54", "stale_s", seen.watch.stale)
    else:
        report.skip("F54", "stale_s", "a server that was the leader lets blocking queries end first: 30 s")
    report.measure("F54", "recovery_s", seen.recovery)
    report.measure("F54", "evicted", len(seen.watch.lost), seen.lost())
