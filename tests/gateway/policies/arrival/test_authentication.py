"""Who calls: the principal that the credentials prove is put into the call."""

from __future__ import annotations

import asyncio

import pytest

from meshgate.a2a.call import ANONYMOUS, Call, Principal
from meshgate.a2a.errors import PermissionDenied, Unauthenticated, UpstreamUnavailable
from meshgate.gateway.identity.authenticator import Authenticated, Credentials
from meshgate.gateway.policies.arrival.authentication import Authentication
from meshgate.gateway.policy import Counts
from tests.gateway.calls import ANN, Behind, make_call


class ByName:
    """Knows ann, and forbids eve."""

    async def authenticate(self, credentials: Credentials, /) -> Principal:
        name = credentials.headers.get("authorization", "")
        if name == "eve":
            raise PermissionDenied
        if name != "ann":
            raise Unauthenticated
        return ANN


class Seen:
    def __init__(self) -> None:
        self.counted: Counts = Counts()
        self.told: list[Call] = []
        self.policy = Authentication(ByName(), self.counted, self.told.append)

    async def call(self, name: str, behind: Behind) -> None:
        await self.policy(make_call(principal=ANONYMOUS, headers={"authorization": name}), behind)


@pytest.mark.requirement("path.authentication")
async def test_the_principal_stands_in_the_call_that_goes_on() -> None:
    seen, behind = Seen(), Behind()
    await seen.call("ann", behind)
    assert [call.principal for call in behind.calls] == [ANN]
    assert (seen.counted, seen.told) == ({}, [])


@pytest.mark.requirement("path.authentication")
@pytest.mark.parametrize(("name", "kind"), [("", Unauthenticated), ("eve", PermissionDenied)])
async def test_who_proves_nothing_is_refused_and_counted_and_nothing_is_forwarded(
    name: str, kind: type[Exception]
) -> None:
    seen, behind = Seen(), Behind()
    with pytest.raises(kind):
        await seen.call(name, behind)
    assert (behind.calls, seen.counted, seen.told) == ([], Counts({("authentication", "refuse"): [1]}), [])


@pytest.mark.parametrize("error", [UpstreamUnavailable(), Unauthenticated(), asyncio.CancelledError()])
async def test_what_fails_further_down_is_told_with_who_called_and_is_no_refusal_of_this_policy(
    error: BaseException,
) -> None:
    seen = Seen()
    with pytest.raises(type(error)):
        await seen.call("ann", Behind(error))
    assert [call.principal for call in seen.told] == [ANN]
    assert seen.counted == {}


@pytest.mark.requirement("path.authentication")
async def test_a_call_whose_credential_the_edge_has_checked_passes_and_it_is_not_looked_up_again() -> None:
    seen, behind = Seen(), Behind()
    call = make_call(principal=ANN, headers={"authorization": "eve"}).with_fact(Authenticated(ANN))
    await seen.policy(call, behind)
    assert behind.calls == [call]
    assert seen.counted == {}
