"""The bound on calls that are open to one instance."""

from __future__ import annotations

import pytest

from meshgate.a2a.errors import UpstreamUnavailable
from meshgate.gateway.policies.attempt.concurrency import Concurrency
from tests.gateway.calls import Clock, chosen, instance, make_call

pytestmark = pytest.mark.requirement("path.concurrency")


@pytest.mark.parametrize("limit", [1, 2, 256])
def test_as_many_calls_are_open_as_the_limit_says_and_no_more(limit: int) -> None:
    clock = Clock()
    where, policy = instance(clock), Concurrency(limit)
    for _ in range(limit):  # the attempt of the call itself is open already
        call = chosen(make_call(), where, clock)
        assert policy.admit(call) is call
    with pytest.raises(UpstreamUnavailable) as refused:
        policy.admit(chosen(make_call(), where, clock))
    error = refused.value
    assert (error.unsent, error.endpoint, error.retry_after) == (True, "echo-1", 1.0)
    assert error.message == f"echo-1 has {limit} calls open, which is its limit"


def test_a_call_that_goes_to_no_instance_is_not_bounded() -> None:
    call = make_call()
    assert Concurrency(1).admit(call) is call
