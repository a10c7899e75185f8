"""The ids of one attempt: what goes out to the agent, and what its answers become."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshgate.a2a.call import Call
from meshgate.a2a.errors import InvalidAgentResponse, InvalidParams
from meshgate.a2a.mesh import headers
from meshgate.a2a.mesh.context_ids import ContextTags, context_label
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.a2a.mesh.task_labels import TaskLabels
from meshgate.a2a.payload import JsonPayload
from meshgate.gateway.facts import TaskRoute
from meshgate.gateway.upstream.attempt import Attempt
from meshgate.gateway.upstream.ids import AttemptIds
from tests.gateway.calls import Clock, instance, make_call
from tests.gateway.upstream.test_outbound import message

pytestmark = pytest.mark.requirement("contexts.own")
Tree = dict[str, Any]
LONG = "x" * 65
TAGS = TaskTags(bytes(32))


def talking(context: str, task: TaskRoute | None = None, task_id: str = "") -> Call:
    """A message in a context, perhaps on a task."""
    call = msgspec.structs.replace(message(contextId=context), context_id=context, task_id=task_id)
    return call if task is None else call.with_fact(task)


class Ids:
    """The ids of a call's attempt, and what becomes of one context in each direction."""

    def __init__(self, call: Call, **more: Any) -> None:
        where = instance(Clock(), **more)
        self.call = call
        self.ids = AttemptIds(
            TAGS, ContextTags(TAGS), call, Attempt(call, where, where.entry.instance.endpoints[0], 0.0)
        )

    def told(self) -> str:
        """The context that the agent is told."""
        return str(self.ids.request(self.call.payload).tree()["message"].get("contextId", ""))

    def shown(self, context: str, task: str = "t1") -> Tree:
        """The task that the caller is shown."""
        tree = {"task": {"id": task, "contextId": context, "status": {"state": "TASK_STATE_WORKING"}}}
        shown: Tree = self.ids.event(JsonPayload(self.call.method.response, tree)).tree()["task"]
        return shown


def on_task(label: str, *, known: bool = True) -> TaskRoute:
    return TaskRoute("t1", "echo-1", "", TAGS.owner("ann") if known else b"other", label)


@pytest.mark.requirement("contexts.agents")
def test_an_id_of_the_callers_is_its_own_in_both_directions_and_its_tasks_carry_it() -> None:
    ids = Ids(talking("trip"))
    shown = ids.shown(ids.told())
    tag = TAGS.read(shown["id"])
    assert (shown["contextId"], tag is not None and tag.context) == ("trip", context_label("trip"))
    assert ids.shown("c9")["contextId"].endswith("~c9")


@pytest.mark.requirement("contexts.task")
@pytest.mark.parametrize("said", ["", "trip"])
def test_a_task_shows_what_its_id_carries_whether_or_not_the_message_names_it(said: str) -> None:
    own = Ids(talking("trip")).told()
    ids = Ids(talking(said, on_task(context_label("trip")), "shown"))
    assert ids.told() == (own if said else "")
    assert (ids.shown(own)["contextId"], ids.shown(own)["id"]) == ("trip", "shown")
    assert Ids(talking("", on_task(context_label("trip"), known=False))).shown(own)["contextId"] != "trip"


@pytest.mark.requirement("contexts.task")
def test_a_task_whose_callers_id_was_too_long_goes_by_it_or_by_the_tagged_one() -> None:
    own = Ids(talking(LONG)).told()
    task = on_task(context_label(LONG))
    assert task.context == "l"
    unsaid = Ids(talking("", task)).shown(own)["contextId"]
    assert unsaid.endswith(f"~{own}")
    for said in (LONG, unsaid):
        ids = Ids(talking(said, task))
        assert (ids.told(), ids.shown(own)["contextId"]) == (own, said)


@pytest.mark.requirement("contexts.task")
def test_a_context_that_is_not_its_tasks_is_refused_by_its_field() -> None:
    with pytest.raises(InvalidParams) as refused:
        Ids(talking("fair", on_task(context_label("trip")))).told()
    ((field, what),) = refused.value.violations
    assert (field, what in refused.value.message) == ("message.contextId", True)


def test_a_task_without_a_context_of_its_callers_is_told_the_id_as_it_is() -> None:
    ids = Ids(talking("fair", on_task("")))
    assert ids.told() == "fair"
    tagged = ids.shown("c9")["contextId"]
    assert tagged.endswith("~c9")
    assert Ids(talking(tagged, on_task(""))).told() == "c9"


def test_an_agent_that_shares_contexts_is_told_ids_as_they_are() -> None:
    ids = Ids(talking("room"), shared_contexts=True)
    assert (ids.told(), ids.shown("room")["contextId"], ids.shown("c9")["contextId"]) == ("room", "room", "c9")
    tag = TAGS.read(ids.shown("room")["id"])
    assert tag is not None
    assert tag.context == ""
    # A task that began while the agent did not share them goes on as it began.
    own = Ids(talking("trip")).told()
    late = Ids(talking("trip", on_task(context_label("trip"))), shared_contexts=True)
    assert (late.told(), late.shown(own)["contextId"]) == (own, "trip")


@pytest.mark.requirement("contexts.agents")
@pytest.mark.parametrize("more", [{}, {"shared_contexts": True}])
def test_an_agents_ids_are_bounded(more: Tree) -> None:
    ids = Ids(message(), **more)
    assert ids.shown("c" * 512)["contextId"].endswith("c" * 512)
    for context, task, what in (("c" * 513, "t1", "a context id"), ("c", "t" * 513, "a task id")):
        with pytest.raises(InvalidAgentResponse) as refused:
            ids.shown(context, task)
        assert refused.value.message == f"echo-1 sent {what} of more than 512 bytes"
        assert refused.value.neutral


def test_a_request_without_any_of_these_ids_goes_on_as_it_is() -> None:
    ids = Ids(message())
    assert ids.ids.request(ids.call.payload) is ids.call.payload
    referring = Ids(message(referenceTaskIds=["t"]))
    assert referring.ids.request(referring.call.payload) is not referring.call.payload


@pytest.mark.requirement("tasks.from_agents")
def test_a_message_that_may_begin_a_task_takes_its_label_to_the_agent_and_nothing_else_does() -> None:
    labels = TaskLabels(TAGS)
    assert list(Ids(talking("trip")).ids.for_lists(labels)) == [headers.TASK_LABEL]
    assert Ids(talking("", on_task(""), "t1")).ids.for_lists(labels) == {}
    assert Ids(make_call("GetTask")).ids.for_lists(labels) == {}
