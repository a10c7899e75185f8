"""Calls by name and by skill, unary and streamed: the same in every layout and on both bindings."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.contract.conftest import Doors
from tests.contract.doors import Refused
from tests.contract.mesh import Mesh

pytestmark = pytest.mark.asyncio(loop_scope="session")


def saying(script: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The parameters of a message that holds a script."""
    message = {"messageId": uuid.uuid4().hex, "role": "ROLE_USER", "parts": [{"text": json.dumps(script)}]}
    return {"message": {**message, **fields}}


@pytest.mark.parametrize("agent", ["clerk", "porter", "desk"])
async def test_an_agent_is_called_by_name(mesh: Mesh, doors: Doors, key: str, agent: str) -> None:
    answer = await doors.here.ask("SendMessage", saying({"do": "echo", "text": "ümlaut"}), agent, key=key)
    assert answer.task["status"]["state"] == "TASK_STATE_COMPLETED"
    assert (answer.heard["text"], answer.heard["agent"]) == ("ümlaut", agent)


async def test_a_name_that_nobody_has_is_refused(mesh: Mesh, doors: Doors, key: str) -> None:
    with pytest.raises(Refused) as refused:
        await doors.here.ask("SendMessage", saying({"do": "echo"}), "nobody", key=key)
    assert refused.value.means("NO_ROUTE")
