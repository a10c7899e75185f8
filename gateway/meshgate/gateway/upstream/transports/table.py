"""The transports of a gateway: one for each binding of the table that is installed here."""

from __future__ import annotations

from collections.abc import Callable

from meshgate.a2a.bindings.table import GRPC_ROWS, HTTP_ROWS, Key
from meshgate.a2a.limits import Limits
from meshgate.a2a.protocol_version import LEGACY_VERSION
from meshgate.gateway.upstream.send import Wire
from meshgate.gateway.upstream.transports.followed_tasks import FollowedTasks
from meshgate.gateway.upstream.transports.http import HttpTransport, make_client
from meshgate.registry.extras import GRPC, has

__all__ = ["make_transports"]


def make_transports(limits: Limits, clock: Callable[[], float]) -> dict[Key, Wire]:
    """A transport for each binding. Those with one carrier share its connections."""
    client = make_client(limits)
    found: dict[Key, Wire] = {row.key: HttpTransport(row.load(), client, limits, clock) for row in HTTP_ROWS}
    if not has(GRPC):
        return _with_followed(found)
    from meshgate.gateway.upstream.transports.channels import Channels
    from meshgate.gateway.upstream.transports.grpc import GrpcTransport

    channels = Channels(limits)
    return _with_followed(
        {**found, **{row.key: GrpcTransport(row.load(), channels, limits, clock) for row in GRPC_ROWS}}
    )


def _with_followed(wires: dict[Key, Wire]) -> dict[Key, Wire]:
    return {key: FollowedTasks(wire) if key[1] == LEGACY_VERSION else wire for key, wire in wires.items()}
