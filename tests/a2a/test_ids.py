"""The bounds of ids and references: to the byte, in every message that has one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meshgate.a2a.codec.strict_json import check
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.types import (
    A2AMessage,
    CancelTaskRequest,
    GetTaskRequest,
    SendMessageRequest,
    SendMessageResponse,
    StreamResponse,
    SubscribeToTaskRequest,
)

pytestmark = pytest.mark.requirement("bounds.ids")

TAGGED = 512 + 254
"""A task's id as a client sees it."""
STATUS = {"state": "TASK_STATE_WORKING"}


def message(**more: Any) -> dict[str, Any]:
    return {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "x"}], **more}


def request(**more: Any) -> dict[str, Any]:
    return {"message": message(**more)}


def artifact(value: str) -> dict[str, Any]:
    return {"artifactId": value, "parts": [{"text": "x"}]}


Tree = Callable[[str], dict[str, Any]]
CASES: list[tuple[type[A2AMessage], Tree, int, str]] = [
    (SendMessageRequest, lambda text: request(messageId=text), 512, "message.messageId"),
    (SendMessageRequest, lambda text: request(contextId=text), TAGGED, "message.contextId"),
    (SendMessageRequest, lambda text: request(taskId=text), TAGGED, "message.taskId"),
    (SendMessageRequest, lambda text: request(referenceTaskIds=["t", text]), TAGGED, "message.referenceTaskIds"),
    (SendMessageRequest, lambda text: {**request(), "tenant": text}, 512, "tenant"),
    (GetTaskRequest, lambda text: {"id": text}, TAGGED, "id"),
    (CancelTaskRequest, lambda text: {"id": text}, TAGGED, "id"),
    (SubscribeToTaskRequest, lambda text: {"id": text}, TAGGED, "id"),
    (SendMessageResponse, lambda text: {"task": {"id": text, "status": STATUS}}, TAGGED, "task.id"),
    (
        SendMessageResponse,
        lambda text: {"task": {"id": "t", "contextId": text, "status": STATUS}},
        TAGGED,
        "task.contextId",
    ),
    (
        SendMessageResponse,
        lambda text: {"task": {"id": "t", "status": STATUS, "artifacts": [artifact(text)]}},
        512,
        "task.artifacts[0].artifactId",
    ),
    (StreamResponse, lambda text: {"statusUpdate": {"taskId": text, "status": STATUS}}, TAGGED, "statusUpdate.taskId"),
    (
        StreamResponse,
        lambda text: {"artifactUpdate": {"taskId": "t", "artifact": artifact(text)}},
        512,
        "artifactUpdate.artifact.artifactId",
    ),
    (
        StreamResponse,
        lambda text: {"statusUpdate": {"taskId": "t", "status": {**STATUS, "message": message(messageId=text)}}},
        512,
        "statusUpdate.status.message.messageId",
    ),
]


@pytest.mark.parametrize(("kind", "tree", "most", "field"), CASES)
@pytest.mark.parametrize("letter", ["x", "\u00e9", "\u20ac", "\U0001f680"])
def test_an_id_is_as_long_as_its_limit_and_no_longer(
    kind: type[A2AMessage], tree: Tree, most: int, field: str, letter: str
) -> None:
    fits, rest = divmod(most, len(letter.encode()))
    check(tree(letter * fits + "x" * rest), kind)
    with pytest.raises(InvalidParams) as refused:
        check(tree(letter * fits + "x" * (rest + 1)), kind)
    assert refused.value.violations == ((field, f"must not be longer than {most} bytes"),)
    assert refused.value.neutral


def test_a_message_refers_to_as_many_tasks_as_the_limit_and_no_more() -> None:
    check(request(referenceTaskIds=["t"] * 64), SendMessageRequest)
    with pytest.raises(InvalidParams) as refused:
        check(request(referenceTaskIds=["t"] * 65), SendMessageRequest)
    assert refused.value.violations == (("message.referenceTaskIds", "must not be longer than 64 ids"),)


def test_other_faults_of_a_message_are_no_limits() -> None:
    with pytest.raises(InvalidParams) as refused:
        check(request(messageId=""), SendMessageRequest)
    assert not refused.value.neutral
