"""The cause of a failed task, as it is read from an agent's metadata and handed on."""

from __future__ import annotations

from typing import Any

import pytest

from meshgate.a2a.errors import AgentError, DepthExceeded, NoRoute
from meshgate.a2a.mesh.cause import Cause, read_cause
from meshgate.a2a.mesh.headers import CAUSE
from meshgate.cli.exits import Exit, from_mesh
from meshgate.sdk.client.task_errors import TaskFailed, TaskRejected, cause_of

pytestmark = pytest.mark.requirement("errors.cause")
GIVEN = {"code": "DEPTH", "message": "too deep", "path": "a.x → b.y"}


def test_a_cause_is_read_as_it_was_written() -> None:
    assert read_cause({CAUSE: GIVEN}) == Cause("DEPTH", "too deep", "a.x → b.y")
    assert read_cause({CAUSE: {**GIVEN, "later": 1}}) == Cause("DEPTH", "too deep", "a.x → b.y")
    assert read_cause({}) is None


@pytest.mark.parametrize(
    "found",
    [
        "DEPTH",
        [],
        None,
        {},
        {**GIVEN, "code": 1},
        {**GIVEN, "message": None},
        {**GIVEN, "path": ["a"]},
        {**GIVEN, "code": "depth"},
        {**GIVEN, "code": ""},
        {**GIVEN, "code": "X" * 65},
        {**GIVEN, "code": "A B"},
    ],
)
def test_what_is_no_cause_is_none(found: Any) -> None:
    assert read_cause({CAUSE: found}) is None


def test_a_cause_from_the_wire_is_bounded_and_grows_no_further_than_that() -> None:
    cause = read_cause({CAUSE: {**GIVEN, "message": "m" * 9999, "path": "p" * 9999}})
    assert cause is not None
    assert (len(cause.message), len(cause.path)) == (2048, 4096)
    assert cause.above("c.z") is cause
    full = Cause("DEPTH", "too deep", "p" * 2048).above("c.z")
    assert full.path == "c.z → " + "p" * 2048
    assert full.above("d.z") is full


def test_an_agent_further_up_adds_itself_to_a_path_that_lacks_it() -> None:
    cause = Cause("NO_ROUTE", "nobody", "b.y")
    assert cause.above("a.x").path == "a.x → b.y"
    assert cause.above("b.y") is cause
    assert Cause("LOOP", "again", "a.x → b.y → a.x").above("b.y").path == "a.x → b.y → a.x"


def test_the_root_of_an_error_is_what_came_with_it_or_itself() -> None:
    root = Cause("LOOP", "again", "b.y")
    assert cause_of(TaskFailed("LOOP: again", cause=root, target="b"), "a.x") == Cause("LOOP", "again", "a.x → b.y")
    assert cause_of(TaskFailed("no paper", target="b"), "a.x") == Cause("TASK_FAILED", "no paper", "a.x → b")
    assert cause_of(TaskRejected("not mine"), "a.x") == Cause("TASK_REJECTED", "not mine", "a.x")
    assert cause_of(NoRoute("nobody"), "a.x") == Cause("NO_ROUTE", "nobody", "a.x")
    deep = DepthExceeded("deep", metadata={"path": "a.x → b.y"})
    assert cause_of(deep, "b.y") == Cause("DEPTH", "deep", "a.x → b.y")
    own = AgentError("no", metadata={"agentReason": "TASK_FAILED"})
    assert cause_of(own, "a.x") == Cause("TASK_FAILED", "no", "a.x")
    assert cause_of(AgentError("no"), "a.x").code == "AGENT_ERROR"


def test_a_task_that_an_agent_failed_says_so_in_its_own_words() -> None:
    assert Cause("TASK_FAILED", "no paper", "").text == "no paper"
    assert Cause("LOOP", "again", "").text == "LOOP: again"


@pytest.mark.parametrize(
    ("cause", "message", "code", "remedy"),
    [
        (Cause("LOOP", "again (path a → b)", "a → b"), "again (path a → b) [LOOP]", Exit.LIMIT, ""),
        (Cause("TASK_FAILED", "no paper", "a.x → b"), "no paper (in a.x → b)", Exit.FAILED, ""),
        (Cause("UNAUTHENTICATED", "no key", "a.x"), "no key (in a.x) [UNAUTHENTICATED]", Exit.DENIED, ""),
        (Cause("KILLED", "off", "a.x"), "off (in a.x) [KILLED]", Exit.DENIED, "'meshgate kill' lists the switches"),
    ],
)
def test_the_command_tells_the_cause_and_exits_by_it(cause: Cause, message: str, code: Exit, remedy: str) -> None:
    ended = from_mesh(TaskFailed(cause.text, cause=cause))
    assert (ended.message, ended.code) == (message, code)
    assert ended.remedy.startswith(remedy) if remedy else not ended.remedy
