"""The start of the path: each call gets an id, and what the edge found out before."""

from __future__ import annotations

import itertools

import pytest

from meshgate.a2a.call import ANONYMOUS
from meshgate.gateway.facts import Arrived
from meshgate.gateway.identity.authenticator import Authenticated
from meshgate.gateway.ingress.edge import edge
from tests.gateway.calls import ANN, Behind, make_call


@pytest.mark.requirement("path.authentication")
async def test_a_call_gets_an_id_the_principal_that_was_found_and_the_binding_it_came_by() -> None:
    behind, ids = Behind(), map(str, itertools.count(1))
    handle = edge(behind, "GRPC", lambda: next(ids))
    await handle(make_call(principal=ANONYMOUS).with_fact(Authenticated(ANN)).with_fact("kept"))
    await handle(make_call(principal=ANONYMOUS).with_fact("kept"))
    await handle(make_call(principal=ANONYMOUS))
    assert [(call.id, call.principal) for call in behind.calls] == [("1", ANN), ("2", ANONYMOUS), ("3", ANONYMOUS)]
    assert [call.fact(Arrived) for call in behind.calls] == [Arrived("GRPC")] * 3
    assert [call.fact(str) for call in behind.calls] == ["kept", "kept", None]
