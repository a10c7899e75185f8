"""README's table "What protects you", row by row: the built wheel, callers and agents of plain HTTP."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import PORTS
from tests.e2e.environments import APPS, ROOT, Environment
from tests.e2e.outside import Agents, Answer, Outside, Script, fails, running, says, soon, waits
from tests.support import servers
from tests.support.patience import patience

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240), pytest.mark.requirement("readme.protection")]
Row = Callable[[Outside, Agents], None]
ROWS: dict[str, Row] = {}
"""By the first cell of the row."""


def row(what: str) -> Callable[[Row], Row]:
    """The test of a row."""

    def add(test: Row) -> Row:
        ROWS[what] = test
        return test

    return add


def table() -> dict[str, str]:
    """The rows of the table: what goes wrong, and what the caller is told."""
    text = (ROOT / "README.md").read_text("utf-8").partition("## What protects you\n")[2].partition("\n\n")[0]
    cells = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")][2:]
    return {first.strip(): last.strip() for first, _, last in cells}


@pytest.fixture(scope="module")
def outside(gateway: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    folder = tmp_path_factory.mktemp("protected")
    with running(gateway, folder, "--limit", "rate=50", "--limit", "burst=600") as found:
        yield found


@pytest.fixture(scope="module")
def agents(outside: Outside) -> Iterator[Agents]:
    made = Agents()
    made.join(outside, "echo", says("hi"))
    soon(lambda: not outside.call("echo").reason)
    yield made
    made.stop()


@pytest.mark.parametrize("what", table())
def test_a_row_is_true(what: str, outside: Outside, agents: Agents) -> None:
    ROWS[what](outside, agents)


def test_every_row_has_a_test_that_sees_all_that_the_caller_is_told() -> None:
    assert set(ROWS) == set(table())
    for what, told in table().items():
        source = Path(__file__).read_text("utf-8").partition(f'@row("{what}")')[2].partition("\n@row(")[0]
        for word in re.findall(r"`([A-Z_]+)`", told):
            assert f'"{word}"' in source, (what, word)


@row("a stranger, or a key that does not cover this")
def stranger(outside: Outside, agents: Agents) -> None:
    for key in ("", "mg_client_0_made-up", outside.keys["join"]):
        assert outside.call("echo", key=key).reason == "UNAUTHENTICATED"
    there, absent = (outside.call(name, key="narrow") for name in ("echo", "ohce"))
    assert there.reason == absent.reason == "NO_ROUTE"
    assert there.message.replace("echo", "ohce") == absent.message
    assert "mg_" not in (outside.environment.scratch / "home" / "keys.json").read_text().replace('"mg_', "")


@row("A calls B calls A")
def circle(outside: Outside, agents: Agents) -> None:
    seen: list[Answer] = []

    def calls(to: str, *, keep: bool) -> Script:
        def script(found: Agents, name: str, request: dict[str, Any], headers: dict[str, str]) -> str:
            seen.append(found.call_on(name, to, headers if keep else None))
            return "done"

        return script

    for keep in (True, False):
        one, two = f"ping-{keep}".lower(), f"pong-{keep}".lower()
        agents.join(outside, one, calls(two, keep=keep))
        agents.join(outside, two, calls(one, keep=keep))
        seen.clear()
        assert outside.call(one).text == "done"
        (looped,) = [each for each in seen if each.reason]
        assert looped.reason == "LOOP"
        assert one in looped.message
        assert two in looped.message
    # The two answer first, and call each other afterwards, without a token.
    agents.join(outside, "first", _afterwards("second", seen))
    agents.join(outside, "second", _afterwards("first", seen))
    seen.clear()
    outside.call("first")
    soon(lambda: any(each.reason == "LOOP" for each in seen))
    assert [agents.arrived[name] for name in ("first", "second")] == [1, 1]


def _afterwards(to: str, seen: list[Answer]) -> Script:
    def script(found: Agents, name: str, request: dict[str, Any], headers: dict[str, str]) -> str:
        threading.Timer(0.1, lambda: seen.append(found.call_on(name, to))).start()
        return "done"

    return script


@row("a chain that goes on and on")
def chain(outside: Outside, agents: Agents) -> None:
    seen: list[Answer] = []

    def script(found: Agents, name: str, request: dict[str, Any], headers: dict[str, str]) -> str:
        seen.append(found.call_on(name, f"link-{int(name.rpartition('-')[2]) + 1}", headers))
        return "done"

    for number in range(10):
        agents.join(outside, f"link-{number}", script)
    assert outside.call("link-0").text == "done"
    (deep,) = [each for each in seen if each.reason]
    assert deep.reason == "DEPTH"
    assert all(f"link-{number}" in deep.message for number in range(9))
    assert "link-8" not in agents.arrived


@row("a job that spends and spends")
def spending(outside: Outside, agents: Agents) -> None:
    seen: list[Answer] = []

    def spends(found: Agents, name: str, request: dict[str, Any], headers: dict[str, str]) -> str:
        seen.extend(found.call_on(name, "echo", headers) for _ in range(300))
        return "done"

    def bursts(found: Agents, name: str, request: dict[str, Any], headers: dict[str, str]) -> str:
        with ThreadPoolExecutor(80) as pool:
            seen.extend(pool.map(partial(_again, found, name, headers), range(80)))
        return "done"

    agents.join(outside, "spender", spends)
    outside.call("spender")
    assert sum(not each.reason for each in seen) <= 256
    assert seen[-1].reason == "BUDGET_EXHAUSTED"
    assert "256" in seen[-1].message
    seen.clear()
    outside.call("spender", headers={"meshgate_budget": "calls=5"})
    assert [each.reason for each in seen[:6]] == ["", "", "", "", "BUDGET_EXHAUSTED", "BUDGET_EXHAUSTED"]
    agents.join(outside, "sleepy", waits(1.0))
    agents.join(outside, "burster", bursts)
    seen.clear()
    outside.call("burster")
    refused = [each for each in seen if each.reason]
    assert {each.reason for each in refused} == {"FAN_OUT"}
    assert sum(not each.reason for each in seen) <= 64


def _again(agents: Agents, name: str, headers: dict[str, str], _: int) -> Answer:
    return agents.call_on(name, "sleepy", headers)


@row("a caller in a hurry")
def hurry(outside: Outside, agents: Agents) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(partial(outside.call, key="hasty"), ["echo"] * 1_500))
    refused = [each for each in answers if each.reason]
    assert {each.reason for each in refused} == {"RATE_LIMITED"}
    assert all(each.details["RetryInfo"]["retryDelay"] for each in refused)
    assert not outside.call("echo", key="bob").reason


@row("an answer that never comes")
def late(outside: Outside, agents: Agents) -> None:
    agents.join(outside, "late", waits(patience(30.0)))
    began = time.monotonic()
    assert outside.call("late", headers={"meshgate_deadline": "1"}).reason == "UPSTREAM_DEADLINE"
    assert time.monotonic() - began < patience(1.0) + 1.0


@row("an instance that fails")
def failing(outside: Outside, agents: Agents) -> None:
    agents.join(outside, "broken", fails(503))
    assert outside.call("broken").reason == "UPSTREAM_UNAVAILABLE"
    agents.join(outside, "half", fails(503))
    outside.list("half", f"{agents.url}/echo/", "well")
    # A message may have been acted on, so it is not sent again; after five of them the breaker opens.
    soon(lambda: not any(outside.call("half").reason for _ in range(10)))


@row("an instance that hangs")
def hanging(outside: Outside, agents: Agents) -> None:
    agents.join(outside, "hung", waits(patience(60.0)))
    assert outside.call("hung", headers={"meshgate_deadline": "4"}).reason == "OUTCOME_UNKNOWN"
    outside.list("hung", f"{agents.url}/echo/", "well")
    soon(lambda: not outside.call("hung", headers={"meshgate_deadline": "2"}).reason)
    assert [outside.call("hung", headers={"meshgate_deadline": "2"}).reason for _ in range(5)] == [""] * 5


@row("a retry storm")
def storm(outside: Outside, agents: Agents) -> None:
    agents.join(outside, "storm", fails(503), instances=3)
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(partial(outside.call, key="bob"), ["storm"] * 60))
    took = time.monotonic() - began
    assert {each.reason for each in answers} == {"UPSTREAM_UNAVAILABLE"}
    assert agents.arrived.get("storm", 0) <= 60 + 0.2 * (60 + 600) + 5 * (took + 10)


@row("a message that was sent, and then the line went dead")
def dead_line(outside: Outside, agents: Agents) -> None:
    agents.join(outside, "dead", fails(None), instances=2)
    assert outside.call("dead").reason == "OUTCOME_UNKNOWN"
    assert agents.arrived["dead"] == 1


@row("something that must stop now")
def stopped(outside: Outside, agents: Agents) -> None:
    for kind, name in (("agent", "echo"), ("key", "ann"), ("tenant", "default")):
        outside.command("kill", kind, name, "--reason", "a test")
        found = outside.call("echo")
        outside.command("kill", kind, name, "--lift")
        assert found.reason == "KILLED"
        assert "a test" in found.message
    assert not outside.call("echo").reason


@row("a message that changed")
def changed(outside: Outside, agents: Agents) -> None:
    joining = {"MESHGATE_JOIN_URL": outside.run["join"], "MESHGATE_JOIN_KEY": outside.keys["join"]}
    agent = outside.environment.start("python", APPS / "weather.py", **joining)
    try:
        soon(lambda: not outside.call("weather", data={"city": "Oslo"}).reason)
        good, *bad = [outside.call("weather", data={"city": city}) for city in ("Oslo", 7, "")]
    finally:
        agent.terminate()
        agent.communicate()
    assert good.result["task"]["artifacts"][0]["parts"][0]["data"] == {"city": "Oslo", "degrees": 21.5}
    for answer in bad:
        assert answer.reason == "SCHEMA_VIOLATION"
        assert "city" in str(answer.details["BadRequest"]["fieldViolations"])


@row("somebody else's task")
def others_task(outside: Outside, agents: Agents) -> None:
    task = outside.call("echo").result["task"]["id"]
    assert not outside.call("echo", method="GetTask", id=task).reason
    for other in (task, task[:-1] + "0", "made-up"):
        assert outside.call("echo", key="bob", method="GetTask", id=other).reason == "TASK_NOT_FOUND"


@row("a registry that is down")
def no_registry(outside: Outside, agents: Agents) -> None:
    folder = outside.environment.scratch / "consul"
    folder.mkdir()
    with servers.consul() as consul:
        flags = ("--registry", f"consul://127.0.0.1:{consul.port}")
        with running(outside.environment, folder, *flags) as mesh:
            agents.join(mesh, "kept", says("hi"))
            agents.gateway = outside.run["gateway"]
            soon(lambda: not mesh.call("kept").reason)
            soon(lambda: any(b"kept-1" in file.read_bytes() for file in (folder / "home").glob("snapshot*.bin")))
            consul.stop()
            assert [mesh.call("kept").reason for _ in range(5)] == [""] * 5
            mesh.command("down")
            mesh.command("up", "-d", *PORTS, *flags)
            run = json.loads((folder / "home" / "run.json").read_text())
            assert Outside(mesh.environment, run, mesh.keys).call("kept").text == "hi"
