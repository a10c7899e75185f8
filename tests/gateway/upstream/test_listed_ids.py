"""The ids in an agent's list: each task is shown as a ``GetTask`` shows it, and one that is not the caller's is not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshgate.a2a.errors import InvalidAgentResponse
from meshgate.a2a.lists.task_list import ListTasksRequest, ListTasksResponse
from meshgate.a2a.mesh import headers
from meshgate.a2a.mesh.context_ids import ContextTags, context_label
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.a2a.mesh.task_labels import TaskLabels
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import JsonPayload, payload_of
from meshgate.gateway.facts import ListBegin
from meshgate.gateway.upstream.attempt import Attempt
from meshgate.gateway.upstream.listed_ids import ListedIds
from tests.gateway.calls import ANN, Clock, instance, make_call

pytestmark = pytest.mark.requirement("tasks.from_agents")
Tree = dict[str, Any]
TAGS = TaskTags(bytes(32))
CONTEXTS, LABELS = ContextTags(TAGS), TaskLabels(TAGS)
OWNER = TAGS.owner("ann")
TRIP = CONTEXTS.made_by_caller("trip", tenant="default", owner=OWNER)


class Listed:
    """The ids of one list, of the agent ``echo``, which one instance of two tells."""

    def __init__(self, context: str = "", begin: ListBegin | None = None, **more: Any) -> None:
        payload = payload_of(ListTasksRequest(context_id=context))
        changes: Any = {"method": METHODS["ListTasks"], "payload": payload, "context_id": context}
        call = msgspec.structs.replace(make_call("GetTask"), **changes)
        if begin is not None:
            call = call.with_fact(begin)
        where = instance(Clock(), **more)
        self.call = call
        self.dropped: list[str] = []
        attempt = Attempt(call, where, where.entry.instance.endpoints[0], 0.0)
        self.ids = ListedIds(TAGS, CONTEXTS, call, attempt, LABELS, self.dropped.append)

    def shown(self, *tasks: Tree) -> list[Tree]:
        """The page that the caller is shown of an agent's."""
        page = {"tasks": list(tasks), "nextPageToken": "", "pageSize": 9, "totalSize": len(tasks)}
        tree = self.ids.event(JsonPayload(ListTasksResponse, page)).tree()
        assert (tree["pageSize"], tree["totalSize"]) == (9, len(tasks))
        found: list[Tree] = tree["tasks"]
        return found


def listed(label: Any = None, context: str = "c9", **more: Any) -> Tree:
    metadata = {"note": 1, **({} if label is None else {headers.LABEL_KEY: label})}
    said: Tree = {"messageId": "m", "role": "ROLE_USER", "parts": [], "taskId": "t1", "contextId": context}
    status = {"state": "TASK_STATE_WORKING"}
    return {"id": "t1", "contextId": context, "status": status, "history": [said], "metadata": metadata, **more}


def label_of(release: str = "", context: str = "", owner: str = ANN.id, where: str = "echo-2") -> str:
    return LABELS.make("default", owner, "echo", where, release, context)


@pytest.mark.parametrize("release", ["", "1.2.0"])
@pytest.mark.parametrize("context", ["", "trip"])
def test_a_task_has_the_ids_that_its_label_says_wherever_it_has_some(release: str, context: str) -> None:
    carried = context_label(context)
    (task,) = Listed().shown(listed(label_of(release, carried), TRIP if context else "c9", referenceTaskIds=[]))
    about: Any = {"tenant": "default", "owner": ANN.id, "agent": "echo", "instance": "echo-2"}
    name = TAGS.tag("t1", release=release, context=carried, **about)
    own = CONTEXTS.made_by_agent("c9", tenant="default", owner=OWNER, agent="echo")
    told = {"taskId": name, "contextId": context or own}
    assert (task["id"], task["contextId"]) == (name, context or own)
    assert {key: task["history"][0][key] for key in told} == told
    assert task["metadata"] == {"note": 1}


def test_a_task_that_another_one_refers_to_is_of_the_same_release() -> None:
    said = {"messageId": "m", "role": "ROLE_USER", "parts": [], "referenceTaskIds": ["t0"]}
    (task,) = Listed().shown(listed(label_of("1.2.0"), history=[said]))
    tag = TAGS.read(task["history"][0]["referenceTaskIds"][0])
    assert tag is not None
    assert (tag.upstream, tag.release) == ("t0", "1.2.0")


def test_a_task_without_a_label_is_its_instances_and_without_metadata_it_has_none() -> None:
    plain = {key: value for key, value in listed().items() if key != "metadata"}
    for told in (plain, listed(label_of(where="echo-1"), metadata={headers.LABEL_KEY: label_of(where="echo-1")})):
        (task,) = Listed().shown(told)
        assert task["id"] == TAGS.tag("t1", tenant="default", owner="ann", agent="echo", instance="echo-1")
        assert "metadata" not in task


def test_what_is_not_the_callers_is_dropped_and_counted_and_the_rest_is_shown() -> None:
    found = Listed()
    own = listed(label_of())
    assert len(found.shown(own, listed(label_of(owner="ben")), listed(""), listed(7), own)) == 2
    assert found.dropped == ["echo"] * 3


def test_an_id_that_is_too_long_is_the_agents_fault() -> None:
    with pytest.raises(InvalidAgentResponse, match="more than 512 bytes"):
        Listed().shown(listed(label_of(), id="x" * 513))
    assert len(Listed().shown(listed(label_of(), id="x" * 512))) == 1


def test_the_agent_is_asked_for_its_own_id_of_the_context_and_told_where_to_begin() -> None:
    asked = Listed("trip", ListBegin("first"))
    assert asked.ids.request(asked.call.payload).tree() == {"contextId": TRIP}
    assert asked.ids.for_lists(LABELS) == {headers.TASKS_AFTER: "first"}
    own = CONTEXTS.made_by_agent("c9", tenant="default", owner=OWNER, agent="echo")
    assert Listed(own).ids.request(payload_of(ListTasksRequest(context_id=own))).tree() == {"contextId": "c9"}
    assert Listed().ids.for_lists(LABELS) == {}


def test_an_agent_that_shares_its_contexts_is_asked_for_them_as_they_are() -> None:
    asked = Listed("trip", shared_contexts=True)
    assert asked.ids.request(asked.call.payload).tree() == {"contextId": "trip"}
    (task,) = asked.shown(listed(label_of(), "trip"))
    assert task["contextId"] == "trip"
