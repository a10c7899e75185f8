"""The history of a task of 0.3, cut to what was asked for."""

from __future__ import annotations

from typing import Any

import pytest
from a2a.compat.v0_3 import a2a_v0_3_pb2

from meshgate.a2a.v0_3.history import cut_history, cut_message

pb: Any = a2a_v0_3_pb2


@pytest.mark.requirement("legacy.history")
@pytest.mark.parametrize(("most", "left"), [(None, "abc"), (0, ""), (1, "c"), (3, "abc"), (4, "abc")])
def test_the_newest_stay(most: int | None, left: str) -> None:
    task = {"id": "t", "history": list("abc")}
    cut = cut_history(task, most)
    assert cut == {"id": "t", "history": list(left)}
    assert (cut is task) is (len(left) == 3)
    for message in (
        pb.Task(history=[pb.Message(message_id=each) for each in "abc"]),
        pb.SendMessageResponse(task=pb.Task(history=[pb.Message(message_id=each) for each in "abc"])),
    ):
        cut_message(message, most)
        kept = message.history if message.DESCRIPTOR.name == "Task" else message.task.history
        assert "".join(each.message_id for each in kept) == left


@pytest.mark.parametrize("answer", ["text", None, [], {"history": "no list"}, {}])
def test_what_is_no_task_is_left_to_others(answer: Any) -> None:
    assert cut_history(answer, 0) is answer
