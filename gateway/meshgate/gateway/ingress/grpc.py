"""The data plane over gRPC: one server for every binding that gRPC carries. Needs the extra ``grpc``."""

from __future__ import annotations

from typing import Any

from meshgate.a2a.bindings.table import GRPC_ROWS
from meshgate.a2a.limits import Limits
from meshgate.gateway.ingress.credentials import CredentialCheck
from meshgate.gateway.ingress.edge import Entrance
from meshgate.net.grpc_server import A2AService, make_server

__all__ = ["grpc_ingress"]


def grpc_ingress(entrance: Entrance, check: CredentialCheck, limits: Limits, *, reuse_port: bool = False) -> Any:
    """A ``grpc.aio`` server of the data plane; the caller adds ports and starts it.

    Args:
        entrance: gives the start of the path for each binding.
        check: finds the caller before a message is read.
        reuse_port: whether workers share its port.
    """
    services = [
        A2AService(entrance(*row.key), limits, admit=check.admission(row.id), binding=row.load()) for row in GRPC_ROWS
    ]
    return make_server(services, limits, reuse_port=reuse_port)
