"""What a record learns of a call late."""

from __future__ import annotations

import pytest

from meshgate.a2a.mesh.lineage import Lineage
from tests.gateway.calls import ECHO, Behind, make_call
from tests.gateway.policies.arrival.test_record import Book


@pytest.mark.requirement("path.record")
async def test_a_job_that_is_known_after_the_route_is_filed_all_the_same() -> None:
    book = Book()
    await book.policy(make_call(), Behind())
    book.policy.saw(make_call(route=ECHO))
    book.policy.saw(make_call(route=ECHO, lineage=Lineage("g.1", "")))
    assert book.record.job == "g.1"
