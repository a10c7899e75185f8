"""The rate of one caller to one agent, as the policy takes from it."""

from __future__ import annotations

import pytest

from meshgate.a2a.errors import RateLimited
from meshgate.gateway.jobs.rates import Rates
from meshgate.gateway.policies.call.rate_limit import RateLimit
from tests.gateway.calls import ANN, ECHO, Clock, make_call

pytestmark = pytest.mark.requirement("path.rate")


def test_the_call_goes_on_as_it_is_until_the_burst_is_used_up() -> None:
    policy = RateLimit(Rates(1.0, 2, lambda: 1, Clock()))
    call = make_call(route=ECHO)
    assert policy.admit(call) is call
    assert policy.admit(call) is call
    with pytest.raises(RateLimited):
        policy.admit(call)


def test_the_rate_is_to_the_agent_and_without_a_route_to_no_agent() -> None:
    rates = Rates(1.0, 1, lambda: 1, Clock())
    policy = RateLimit(rates)
    policy.admit(make_call(route=ECHO))
    policy.admit(make_call())
    for agent in ("echo", ""):
        with pytest.raises(RateLimited):
            rates.take(ANN, agent)
    rates.take(ANN, "other")
