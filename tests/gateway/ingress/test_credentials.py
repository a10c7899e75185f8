"""The edge's look at credentials: who they prove, at once or later, and who is counted."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from meshgate.a2a.call import Principal
from meshgate.a2a.errors import AccessError, PermissionDenied, Unauthenticated
from meshgate.gateway.identity.authenticator import Authenticated, Authenticator, Credentials
from meshgate.gateway.ingress.credentials import CredentialCheck
from meshgate.gateway.observe.metrics import Metrics
from tests.gateway.calls import ANN, Clock

pytestmark = pytest.mark.requirement("edge.key_counted")
REFUSALS: dict[str, type[AccessError]] = {"": Unauthenticated, "eve": PermissionDenied}


def found(credentials: Credentials) -> Principal:
    name = credentials.headers.get("authorization", "")
    if name in REFUSALS:
        raise REFUSALS[name]
    return ANN


class AtOnce:
    def authenticate(self, credentials: Credentials, /) -> Principal:
        return found(credentials)


class Later:
    async def authenticate(self, credentials: Credentials, /) -> Principal:
        return found(credentials)


class Edge:
    """A check, with what it counted."""

    def __init__(self, authenticator: Authenticator) -> None:
        self.metrics, self.clock = Metrics(), Clock()
        self.check = CredentialCheck(authenticator, self.metrics, self.clock)

    async def ask(self, name: str, binding: str = "JSONRPC") -> Mapping[type, Any]:
        told = self.check.admission(binding)({"authorization": name})
        facts = await told if isinstance(told, Awaitable) else told
        assert facts is not None
        return facts

    @property
    def counted(self) -> list[str]:
        lines = self.metrics.render().decode().splitlines()
        return [line for line in lines if line.startswith("meshgate_unauthenticated_total")]


BOTH = pytest.mark.parametrize("authenticator", [AtOnce(), Later()], ids=["at once", "later"])


@BOTH
async def test_the_principal_is_the_fact_that_goes_with_the_call(authenticator: Authenticator) -> None:
    edge = Edge(authenticator)
    assert await edge.ask("ann") == {Authenticated: Authenticated(ANN)}
    assert edge.counted == []


@BOTH
async def test_who_is_refused_is_counted_by_binding_and_reason(authenticator: Authenticator) -> None:
    edge = Edge(authenticator)
    for name, binding in (("", "JSONRPC"), ("eve", "GRPC"), ("eve", "GRPC")):
        with pytest.raises(REFUSALS[name]):
            await edge.ask(name, binding)
    assert edge.counted == [
        'meshgate_unauthenticated_total{binding="JSONRPC",why="unknown"} 1.0',
        'meshgate_unauthenticated_total{binding="GRPC",why="denied"} 2.0',
    ]


async def test_the_log_has_one_line_a_second_with_how_many_there_were() -> None:
    edge = Edge(AtOnce())
    with capture_logs() as logs:
        for pause in (0.0, 0.5, 0.499, 0.001, 0.5, 0.5):
            edge.clock.now += pause
            with pytest.raises(Unauthenticated):
                await edge.ask("")
    assert [line["refused"] for line in logs] == [1, 3, 2]
