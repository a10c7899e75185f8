"""How long a call may take: what its caller says, within what its parent has left and what the gateway allows."""

from __future__ import annotations

import math

import pytest

from meshgate.a2a.errors import InvalidParams, UpstreamDeadline
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.mesh.lineage import Lineage
from meshgate.a2a.outcome import Head
from meshgate.a2a.payload import JsonPayload
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import Task
from meshgate.gateway.facts import Flight, Parents
from meshgate.gateway.policies.arrival.deadline import Deadline
from tests.gateway.calls import Clock, limits, make_call

pytestmark = pytest.mark.requirement("path.deadline")


def seconds(
    header: str | None = None,
    *,
    binding: float = math.inf,
    token: float | None = None,
    parent: float | None = None,
    changed: Limits = DEFAULTS,
) -> float:
    """How long a call may take, by what its header, its binding, its token and its parent in flight say."""
    clock = Clock(4096.0)
    headers = {} if header is None else {"meshgate-deadline": header}
    lineage = None if token is None else Lineage("g.1", "c0", remaining=token)
    call = make_call(headers=headers, lineage=lineage, deadline=clock.now + binding)
    if parent is not None:
        call = call.with_fact(Parents(((),), Flight("c0", "g.1", (), parent, 0.0)))
    return Deadline(changed, clock).admit(call).deadline - clock.now


def test_a_caller_that_says_nothing_waits_for_the_default() -> None:
    assert seconds() == 60.0
    assert seconds(changed=limits(deadline=7.0)) == 7.0


@pytest.mark.parametrize("said", ["0.5", "59", "61", "899.75", "900"])
def test_what_the_caller_says_counts_below_and_above_the_default(said: str) -> None:
    assert seconds(said) == float(said)


@pytest.mark.parametrize("said", ["900.000001", "901", "1e300"])
def test_no_caller_waits_longer_than_the_longest_deadline(said: str) -> None:
    assert seconds(said) == 900.0
    assert seconds(said, changed=limits(max_deadline=12.0)) == 12.0


def test_a_binding_with_deadlines_of_its_own_has_said_it_and_the_header_counts_before_it() -> None:
    assert seconds(binding=7.5) == 7.5
    assert seconds(binding=75.0) == 75.0
    assert seconds("5", binding=7.5) == 5.0
    assert seconds("9", binding=7.5) == 9.0


@pytest.mark.parametrize("said", [None, "30"])
def test_a_child_has_no_more_time_than_its_token_says(said: str | None) -> None:
    assert seconds(said, token=2.25) == 2.25
    assert seconds(said, token=29.75) == 29.75
    assert seconds("30", token=31.0) == 30.0


@pytest.mark.parametrize("said", [None, "30"])
def test_a_child_has_no_more_time_than_its_parent_has_now(said: str | None) -> None:
    assert seconds(said, token=20.0, parent=3.5) == 3.5
    assert seconds(said, token=3.5, parent=20.0) == 3.5
    assert seconds("1.5", token=20.0, parent=3.5) == 1.5


def test_the_binding_gives_a_child_no_more_time_either() -> None:
    assert seconds(binding=50.0, token=4.0) == 4.0
    assert seconds(binding=50.0, token=40.0, parent=4.0) == 4.0


@pytest.mark.parametrize("said", ["0", "-1", "-0.000001"])
def test_a_call_without_time_is_refused(said: str) -> None:
    with pytest.raises(UpstreamDeadline):
        seconds(said)


def test_the_last_moment_of_a_deadline_of_a_token_and_of_a_parent_is_no_time() -> None:
    for binding, token, parent in ((0.0, None, None), (math.inf, 0.0, None), (math.inf, 9.0, 0.0)):
        with pytest.raises(UpstreamDeadline):
            seconds(binding=binding, token=token, parent=parent)
    moment = 2.0**-20
    for binding, token, parent in ((moment, None, None), (math.inf, moment, None), (math.inf, 9.0, moment)):
        assert seconds(binding=binding, token=token, parent=parent) == moment


@pytest.mark.parametrize("said", ["", "soon", "nan", "inf", "-inf", "1s"])
def test_what_is_no_number_is_refused_by_its_name(said: str) -> None:
    with pytest.raises(InvalidParams) as refused:
        seconds(said)
    assert refused.value.message == f"meshgate-deadline: {said!r} is no number of seconds"


def test_a_long_text_is_not_repeated_whole() -> None:
    with pytest.raises(InvalidParams) as refused:
        seconds("x" * 41)
    assert refused.value.message == f"meshgate-deadline: {'x' * 40!r} is no number of seconds"


@pytest.mark.parametrize("said", ["900.000001", "1e300"])
@pytest.mark.parametrize(("binding", "token"), [(False, None), (True, None), (False, 7.5)])
def test_a_caller_that_asks_for_more_time_than_there_is_is_told_what_it_got(
    said: str, binding: bool, token: float | None
) -> None:
    clock = Clock(4096.0)
    lineage = None if token is None else Lineage("g.1", "c0", remaining=token)
    if binding:
        call = make_call(deadline=clock.now + float(said))
    else:
        call = make_call(headers={"meshgate-deadline": said}, lineage=lineage)
    policy = Deadline(DEFAULTS, clock)
    reply = Reply.one(JsonPayload(Task, {}))
    reply.head = Head({"meshgate-call": "c1"})
    policy.replied(policy.admit(call), reply)
    got = "900.000000" if token is None else "7.500000"
    assert reply.head.headers == {"meshgate-call": "c1", "meshgate-deadline": got}


@pytest.mark.parametrize("said", ["900", "1", None])
def test_a_caller_that_gets_the_time_it_asked_for_is_told_nothing(said: str | None) -> None:
    policy = Deadline(DEFAULTS, Clock(4096.0))
    reply = Reply.one(JsonPayload(Task, {}))
    policy.replied(policy.admit(make_call(headers={"meshgate-deadline": said} if said else {})), reply)
    assert reply.head.headers == {}
