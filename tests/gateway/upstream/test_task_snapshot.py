"""A task as the events of its stream have told it."""

from __future__ import annotations

from typing import Any

import pytest

from meshgate.gateway.upstream.task_snapshot import after_event

Tree = dict[str, Any]
pytestmark = pytest.mark.requirement("stream.shared")


def artifact(name: str, *texts: str) -> Tree:
    return {"artifactId": name, "parts": [{"text": text} for text in texts]}


TASK: Tree = {
    "id": "t",
    "status": {"state": "TASK_STATE_WORKING"},
    "artifacts": [artifact("a", "1"), artifact("b", "2")],
}


def test_nothing_is_known_before_a_task_was_told() -> None:
    assert after_event(None, {"statusUpdate": {"taskId": "t", "status": {"state": "TASK_STATE_WORKING"}}}) is None
    assert after_event(None, {"artifactUpdate": {"taskId": "t", "artifact": artifact("a")}}) is None
    assert after_event(None, {"task": TASK}) is TASK


def test_a_status_takes_the_place_of_the_one_before() -> None:
    done = {"state": "TASK_STATE_COMPLETED", "timestamp": "2026-11-30T12:00:00Z"}
    assert after_event(TASK, {"statusUpdate": {"taskId": "t", "status": done}}) == {**TASK, "status": done}
    assert after_event(TASK, {"message": {"messageId": "m"}}) is TASK


@pytest.mark.parametrize(
    ("update", "artifacts"),
    [
        ({"artifact": artifact("c", "3")}, [artifact("a", "1"), artifact("b", "2"), artifact("c", "3")]),
        ({"artifact": artifact("c", "3"), "append": True}, [*TASK["artifacts"], artifact("c", "3")]),
        ({"artifact": artifact("a", "new")}, [artifact("a", "new"), artifact("b", "2")]),
        ({"artifact": artifact("a", "more"), "append": True}, [artifact("a", "1", "more"), artifact("b", "2")]),
        ({"artifact": artifact("b", "more"), "append": True}, [artifact("a", "1"), artifact("b", "2", "more")]),
    ],
)
def test_an_artifact_is_added_replaced_or_gone_on_with(update: Tree, artifacts: list[Tree]) -> None:
    before = {**TASK, "artifacts": list(TASK["artifacts"])}
    assert after_event(before, {"artifactUpdate": {"taskId": "t", **update}}) == {**TASK, "artifacts": artifacts}
    assert before == TASK
    assert after_event({"id": "t", "status": {}}, {"artifactUpdate": update}) == {
        "id": "t",
        "status": {},
        "artifacts": [update["artifact"]],
    }
