"""Another release of the agent, when nothing could be sent to the first."""

from __future__ import annotations

import msgspec
import pytest

from meshgate.a2a.call import Route
from meshgate.a2a.errors import MeshError, OutcomeUnknown, UpstreamUnavailable
from meshgate.gateway.policies.call.failover import Failover
from tests.gateway.calls import Behind, make_call

pytestmark = pytest.mark.requirement("path.failover")
OLDER = [Route("echo", "say", version, ()) for version in ("1.2.0", "1.1.0")]
FIRST = Route("echo", "say", "1.3.0", (), others=tuple(OLDER))


async def versions(*errors: MeshError, route: Route | None = FIRST) -> tuple[list[str], MeshError | None]:
    """The releases that a call went to, and what it ended with."""
    behind, ended = Behind(*errors), None
    try:
        await Failover()(make_call(route=route), behind)
    except MeshError as error:
        ended = error
    return [call.route.version if call.route else "" for call in behind.calls], ended


def unsent(name: str = "") -> UpstreamUnavailable:
    return UpstreamUnavailable(name, unsent=True)


async def test_the_first_release_that_can_be_asked_answers() -> None:
    assert await versions() == (["1.3.0"], None)
    assert await versions(unsent()) == (["1.3.0", "1.2.0"], None)
    assert await versions(unsent(), unsent()) == (["1.3.0", "1.2.0", "1.1.0"], None)


async def test_when_none_can_be_asked_the_first_refusal_is_told() -> None:
    first = unsent("first")
    assert await versions(first, unsent("second"), unsent("third")) == (["1.3.0", "1.2.0", "1.1.0"], first)


@pytest.mark.parametrize("error", [UpstreamUnavailable(), OutcomeUnknown()])
async def test_what_may_have_arrived_is_sent_nowhere_else(error: MeshError) -> None:
    assert await versions(error) == (["1.3.0"], error)
    assert await versions(unsent(), error) == (["1.3.0", "1.2.0"], error)


async def test_without_another_release_or_a_route_the_refusal_is_told() -> None:
    error = unsent()
    assert await versions(error, route=msgspec.structs.replace(FIRST, others=())) == (["1.3.0"], error)
    assert await versions(error, route=None) == ([""], error)
