"""A task whose agent is named, while none of its instances is there."""

from __future__ import annotations

import pytest

from meshgate.a2a.errors import TaskNotFound
from meshgate.a2a.selector import Selector
from meshgate.registry.model import Delta
from tests.gateway.calls import ANN, entry, make_call
from tests.gateway.routing.test_task_owner import Owners, task_of


@pytest.mark.requirement("path.task_owner")
@pytest.mark.parametrize(("agent", "metadata"), [("echo", {"reason": "INSTANCE_GONE"}), ("other", {})])
def test_who_names_the_agent_of_a_task_whose_instance_is_gone_is_told_so(agent: str, metadata: dict[str, str]) -> None:
    owners = Owners(entry("echo-1"))
    owners.change(Delta(gone=("echo-1",)))
    call = make_call("GetTask", task_id=task_of("echo-1"), principal=ANN)
    with pytest.raises(TaskNotFound) as refused:
        owners.owner.route(call, Selector(agent=agent, text=agent))
    assert refused.value.metadata == metadata
