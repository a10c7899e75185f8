"""What ``meshgate doctor`` finds about the gateways of a mesh."""

from __future__ import annotations

import pytest

from meshgate.cli.doctor.mesh_checks import compare_clocks
from meshgate.cli.views.model import GatewayStatus


def gateways(*clocks: float) -> tuple[GatewayStatus, ...]:
    return tuple(GatewayStatus(f"gw{number}", clock=1.8e9 + clock) for number, clock in enumerate(clocks))


@pytest.mark.requirement("lineage.minted")
def test_gateways_whose_clocks_differ_are_named_with_the_difference_and_the_remedy() -> None:
    (found,) = compare_clocks(gateways(0.0, 7.4, -3.0))
    assert (found.state, found.detail) == ("warn", "gateway gw2 is 10 s behind gateway gw1")
    assert "limits.clock_skew" in found.remedy


def test_the_time_that_the_answers_took_is_no_difference_and_one_gateway_has_none() -> None:
    (found,) = compare_clocks(gateways(0.0, 2.0))
    assert (found.state, found.detail) == ("ok", "the gateways agree")
    assert list(compare_clocks(gateways(0.0))) == []
