"""An attempt of a call that is on no record."""

from __future__ import annotations

import pytest

from meshgate.a2a.errors import UpstreamUnavailable
from tests.gateway.calls import Behind, chosen, instance, make_call
from tests.gateway.policies.attempt.test_record_attempt import Notes


@pytest.mark.requirement("path.record")
async def test_an_attempt_of_a_call_without_a_record_ends_as_it_would_without_the_policy() -> None:
    notes = Notes()
    call = chosen(make_call(id="c2"), instance(notes.clock), notes.clock)
    with pytest.raises(UpstreamUnavailable) as failed:
        await notes.policy(call, Behind(UpstreamUnavailable("away")))
    assert failed.value.message == "away"
    ends: list[str] = []
    reply = (await notes.policy(call, Behind())).on_end(lambda outcome: ends.append(outcome.state))
    await reply.answer()
    assert ends == ["done"]
