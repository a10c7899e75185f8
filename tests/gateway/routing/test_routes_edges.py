"""The route to a foreign agent that is called by its name."""

from __future__ import annotations

from meshgate.a2a.selector import Selector
from tests.gateway.calls import ANN, entry
from tests.gateway.routing.test_routes import listed


def test_a_foreign_agent_may_stand_once_on_a_path_and_has_no_contract() -> None:
    _, routes = listed(entry("far-1", "far", foreign=True, skills=()))
    (route,) = routes.find(Selector(agent="far", text="far"), ANN)
    assert (route.agent, route.instances, route.reentrant, route.contract) == ("far", ("far-1",), 1, "")
