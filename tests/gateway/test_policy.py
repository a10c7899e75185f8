"""How a list of policies becomes one handler."""

from __future__ import annotations

import pytest

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import RateLimited
from meshgate.a2a.reply import Reply
from meshgate.gateway.policy import Counts, Policy, chain
from tests.gateway.calls import Behind, make_call


class Step:
    """A policy that notes when it is asked, and refuses if told."""

    def __init__(self, name: str, order: list[str], *, refuses: bool = False) -> None:
        self.name = name
        self._order = order
        self._refuses = refuses

    def admit(self, call: Call, /) -> Call:
        self._order.append(self.name)
        if self._refuses:
            raise RateLimited
        return call


class Seen(Step):
    """One that sees replies as well."""

    def replied(self, call: Call, reply: Reply, /) -> None:
        self._order.append(f"{self.name} {call.id}")


class Around:
    """One of the wrapping form."""

    name = "around"

    def __init__(self, order: list[str]) -> None:
        self._order = order

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        self._order.append("around")
        reply = await forward(call)
        self._order.append("around again")
        return reply


async def test_replies_are_seen_from_the_inside_out() -> None:
    order: list[str] = []
    behind = Behind()
    policies: list[Policy] = [
        Seen("first", order),
        Around(order),
        Seen("second", order),
        Step("third", order),
        Seen("last", order),
    ]
    await chain(policies, behind)(make_call())
    assert order == [
        "first",
        "around",
        "second",
        "third",
        "last",
        "last c1",
        "second c1",
        "around again",
        "first c1",
    ]


async def test_of_a_refusal_no_policy_sees_a_reply_and_the_refusing_one_is_counted() -> None:
    order: list[str] = []
    counts, told = Counts(), list[Call]()
    policies: list[Policy] = [Seen("first", order), Step("second", order, refuses=True), Seen("third", order)]
    call = make_call()
    with pytest.raises(RateLimited):
        await chain(policies, Behind(), counts, told.append)(call)
    assert order == ["first", "second"]
    assert {key: count for key, (count,) in counts.items() if count} == {("first", "pass"): 1, ("second", "refuse"): 1}
    assert told == [call]


async def test_a_failure_further_on_is_told_and_counts_as_no_refusal() -> None:
    counts, told = Counts(), list[Call]()

    async def fails(_: Call) -> Reply:
        raise RateLimited

    with pytest.raises(RateLimited):
        await chain([Step("first", [])], fails, counts, told.append)(make_call())
    assert {key: count for key, (count,) in counts.items() if count} == {("first", "pass"): 1}
    assert len(told) == 1
