"""The policy that notes tasks for lists: whose they are, and of which agent."""

from __future__ import annotations

import pytest

from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.a2a.payload import JsonPayload
from meshgate.a2a.reply import Reply
from meshgate.gateway.policies.call.task_index import IndexTasks
from meshgate.gateway.tasks.known_task import TaskQuery
from meshgate.gateway.tasks.task_index import TaskIndex
from tests.gateway.calls import ANN, ECHO, Clock, make_call

pytestmark = pytest.mark.requirement("tasks.listed")
TAGS = TaskTags(bytes(32))


async def test_a_reply_is_noted_under_its_caller_and_agent_as_it_is_read() -> None:
    index = TaskIndex(TAGS, Clock())
    policy, call = IndexTasks(index), make_call(route=ECHO)
    name = TAGS.tag("t1", tenant=ANN.tenant, owner=ANN.id, agent="echo", instance="echo-1")
    told = JsonPayload(call.method.response, {"task": {"id": name, "status": {"state": "TASK_STATE_WORKING"}}})
    assert policy.admit(call) is call
    reply = Reply.one(told)
    policy.replied(call, reply)
    assert len(index) == 0
    assert await reply.answer() is told
    for agent, found in (("echo", [name]), ("", [])):
        rows = index.of(ANN.tenant, TAGS.owner(ANN.id), TaskQuery((agent,))).rows
        assert [row.id for row in rows] == found
