"""Rates where a gateway's share is next to one."""

from __future__ import annotations

import pytest

from tests.gateway.jobs.test_rates import Bucket


@pytest.mark.requirement("path.rate")
@pytest.mark.parametrize(("live", "burst"), [(4, "1.5"), (9, "1")])
def test_a_refusal_names_the_share_that_a_gateway_has_at_least(live: int, burst: str) -> None:
    bucket = Bucket(4.0, 6, live)
    assert bucket.at_once() == 1
    assert bucket.refusal.message == (
        f"ann may call echo 1 times a second here (burst {burst}; 4 a second over {live} gateways)"
    )
