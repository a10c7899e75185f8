"""The table of questions between gateways: one name each, and types that both ends can write and read."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshgate.a2a.mesh.lineage import Step
from meshgate.a2a.messages.push_config import AuthenticationInfo, TaskPushNotificationConfig
from meshgate.gateway.answers import Answers
from meshgate.gateway.cluster import questions as q
from meshgate.gateway.facts import Flight
from meshgate.gateway.identity.keys import KeyStore
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.gateway.jobs.account import Grant
from meshgate.gateway.observe.call_record import CallRecord
from meshgate.gateway.observe.views import InstanceView, JobView, Status
from meshgate.gateway.parts import Parts
from meshgate.gateway.push.configuration import Configuration
from meshgate.gateway.tasks.known_task import KnownTask, KnownTasks, TaskQuery
from meshgate.registry.backends.memory import MemoryRegistry

RECORD = CallRecord("c1", "SendMessage", "GRPC", "echo", "gw", 1.8e9, 5.0, job="gw.1", path=(Step("a", "x"),))
JOB = JobView("gw.1", True, "default", "ann", 1.8e9, 1.0, 2, 256, 1, 900.0, calls=(RECORD,), more={"LOOP": 3})  # noqa: FBT003
INSTANCE = InstanceView(
    "echo-1", "echo", "1.0.0", "default", ("JSONRPC http://x",), ("say@1.0.0",), {"zone": "a"},
    breaker="open", healthy=True, draining=False, foreign=False, pending=3, latency=0.25,
)  # fmt: skip
CONFIG = TaskPushNotificationConfig("https://u.example/", "t", "p", "s", AuthenticationInfo("Bearer", "k"))
ANSWERS: dict[str, Any] = {
    "status": Status("gw", "0.2.0", 3, 4, 0.0, draining=False, ready=""),
    "flights": [Flight("c1", "gw.1", (Step("a", "x"),), 9.5, 1.8e9, "a" * 32, "b" * 16, sampled=True)],
    "lend": Grant(4, 30.0, 12, 256, 64, 900.0),
    "jobs": [JOB],
    "job": JOB,
    "call": RECORD,
    "instances": [INSTANCE],
    "usage": q.UsageView(1.8e9, 0, []),
    "called": ["*", "say"],
    "end_calls": 3,
    "drain": None,
    "push_configs": [Configuration(CONFIG, legacy=True)],
    "push_delete": True,
    "push_heard": False,
    "tasks": KnownTasks([KnownTask("t", "echo", "c", "TASK_STATE_WORKING", "2026-11-30T12:00:00Z", 1.8e9)], 3, 1.7e9),
    "metrics": "meshgate_calls_total 1.0\n",
}
ARGUMENTS: dict[str, list[Any]] = {
    "flights": ["echo", "default"], "lend": ["gw.1", 4], "jobs": [100], "job": ["gw.1"], "call": ["c1"],
    "usage": ["echo/say", True], "called": ["echo", "default", 600.0],
    "end_calls": ["job", "gw.1", "it loops"], "drain": [True],
    "push_configs": ["t"], "push_delete": ["t", "p"], "push_heard": ["handle", "t-1"],
    "tasks": ["default", "0a", TaskQuery(("echo",), "c", "TASK_STATE_WORKING", 1.5)],
}  # fmt: skip


def test_each_question_stands_in_the_table_under_its_name() -> None:
    assert {name: question.name for name, question in q.QUESTIONS.items()} == {name: name for name in ANSWERS}


def test_a_gateway_answers_every_question_and_no_other() -> None:
    parts = Parts(MemoryRegistry(), MeshKey(bytes(range(32))), KeyStore(), wires={}, alone=True)
    assert set(Answers(parts).table) == set(q.QUESTIONS)


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_read_as_it_was_written(name: str) -> None:
    answer = msgspec.json.decode(msgspec.json.encode(ANSWERS[name]), type=q.QUESTIONS[name].answer)
    assert answer == ANSWERS[name]


@pytest.mark.parametrize("name", ANSWERS)
def test_arguments_are_an_array_of_the_right_length_and_types(name: str) -> None:
    question, arguments = q.QUESTIONS[name], ARGUMENTS.get(name, [])
    assert list(msgspec.json.decode(msgspec.json.encode(arguments), type=question.arguments)) == arguments
    wrongs: list[Any] = [[*arguments, 1], arguments[1:] if arguments else [1], {}, None]
    for wrong in wrongs:
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(msgspec.json.encode(wrong), type=question.arguments)


@pytest.mark.parametrize("name", ["lend", "job", "call"])
def test_what_a_gateway_does_not_know_is_null(name: str) -> None:
    assert msgspec.json.decode(b"null", type=q.QUESTIONS[name].answer) is None
