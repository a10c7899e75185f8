"""The names of a call in its reply's headers."""

from __future__ import annotations

import pytest

from meshgate.a2a.call import Call
from meshgate.a2a.mesh.lineage import Lineage
from meshgate.a2a.outcome import Head
from meshgate.gateway.policies.attempt.names import Names
from tests.gateway.calls import Behind, Clock, chosen, instance, make_call

pytestmark = pytest.mark.requirement("path.names")


async def headers(call: Call) -> dict[str, str]:
    reply = await Behind()(call)
    reply.head = Head({"x-agent": "kept", "meshgate-call": "forged", "meshgate-job": "kept"})
    names = Names()
    names.replied(names.admit(call), reply)
    return dict(reply.head.headers)


async def test_a_reply_names_the_call_its_job_and_the_instance_and_keeps_what_it_had() -> None:
    clock = Clock()
    call = chosen(make_call(lineage=Lineage("g.1", "")), instance(clock), clock)
    assert await headers(call) == {
        "x-agent": "kept",
        "meshgate-call": "c1",
        "meshgate-job": "g.1",
        "meshgate-instance": "echo-1",
    }


async def test_what_is_not_known_is_not_named() -> None:
    assert await headers(make_call()) == {"x-agent": "kept", "meshgate-call": "c1", "meshgate-job": "kept"}
