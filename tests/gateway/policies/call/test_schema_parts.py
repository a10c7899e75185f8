"""Which parts the schema policy converts, in which direction, and what it does where no way leads."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshgate.a2a.call import Call, Route
from meshgate.a2a.errors import ConversionFailed
from meshgate.a2a.limits import DEFAULTS
from meshgate.a2a.mesh import headers
from meshgate.a2a.payload import JsonPayload
from meshgate.a2a.reply import Reply
from meshgate.gateway.contracts.converters import Converters
from meshgate.gateway.contracts.known_contract import KnownContract
from meshgate.gateway.contracts.transform import Converter, Side
from meshgate.gateway.policies.call.schema import Schema
from meshgate.testing import LocalMesh
from tests.gateway.calls import Behind, make_call
from tests.gateway.policies.test_schema import ANSWERS, change, meshed, said, settings

pytestmark = pytest.mark.requirement("path.schema")


class NoWay(Converters):
    """Finds no way between any two releases."""

    async def get(self, known: KnownContract, side: Side, source: str, target: str) -> Converter | None:
        raise ConversionFailed(f"no way from {source} to {target} of {known.subject.skill} ({side})")


def policy(mesh: LocalMesh, kind: type[Converters] = Converters, **limits: int) -> Schema:
    changed = msgspec.structs.replace(DEFAULTS, **limits)
    return Schema(kind(mesh.gateway.schemas, changed, {}), mesh.gateway.usage, changed)


def call_of(caller: str, agent: str, *parts: dict[str, Any], method: str = "SendMessage") -> Call:
    """A call by who speaks one release to an agent that runs another."""
    to = Route("weather", "forecast", agent, (), contract="c1")
    call = make_call(method, headers={headers.SCHEMA_VERSION: caller}, route=to)
    if not parts:
        return call
    tree = {"message": {"messageId": "m", "role": "ROLE_USER", "parts": list(parts)}}
    return msgspec.structs.replace(call, payload=JsonPayload(call.method.request, tree))


class Answers(Behind):
    """An agent behind the policy that answers with a task which has these parts; it may repeat the question."""

    def __init__(self, *parts: dict[str, Any], question: dict[str, Any] | None = None) -> None:
        super().__init__()
        self._parts = parts
        asked = {"messageId": "m", "role": "ROLE_USER", "parts": [question]}
        self._history = [asked] if question is not None else []

    async def __call__(self, call: Call) -> Reply:
        self.calls.append(call)
        status = {"state": "TASK_STATE_COMPLETED"}
        artifacts = [{"artifactId": "a", "parts": list(self._parts)}]
        task = {"id": "t", "status": status, "artifacts": artifacts, "history": self._history}
        return Reply.one(JsonPayload(call.method.response, task if call.method.on_task else {"task": task}))


def data(tree: dict[str, Any]) -> list[Any]:
    """What the parts of a task say."""
    return [part["data"] for part in tree.get("task", tree)["artifacts"][0]["parts"]]


async def test_a_part_of_the_output_that_a_caller_sends_is_not_converted_as_its_input() -> None:
    async with meshed() as (mesh, _):
        behind = Answers()
        seen = said("1.0.0", ANSWERS["1.0.0"], "p.Tell")
        await policy(mesh)(call_of("1.0.0", "2.0.0", said("1.0.0", {"city": "Bern"}), seen), behind)
        sent = [part["data"] for part in behind.last.payload.tree()["message"]["parts"]]
        assert sent == [{"place": "Bern"}, ANSWERS["1.0.0"]]


async def test_a_question_that_an_agent_repeats_is_converted_back() -> None:
    async with meshed() as (mesh, _):
        behind = Answers(said("2.0.0", ANSWERS["2.0.0"], "p.Tell"), question=said("2.0.0", {"place": "Bern"}))
        reply = await policy(mesh)(call_of("1.0.0", "2.0.0", said("1.0.0", {"city": "Bern"})), behind)
        tree = (await reply.answer()).tree()
        assert data(tree) == [ANSWERS["1.0.0"]]
        assert tree["task"]["history"][0]["parts"][0]["data"] == {"city": "Bern"}


async def test_what_another_release_said_of_a_task_is_converted_from_its_own_words() -> None:
    async with meshed() as (mesh, _):
        behind = Answers(said("1.1.0", ANSWERS["1.1.0"], "p.Tell"), said("2.0.0", ANSWERS["2.0.0"], "p.Tell"))
        reply = await policy(mesh)(call_of("1.0.0", "2.0.0", method="GetTask"), behind)
        assert data((await reply.answer()).tree()) == [ANSWERS["1.0.0"], ANSWERS["1.0.0"]]


async def test_where_no_way_leads_a_call_is_refused_before_it_is_sent_or_only_watched() -> None:
    async with meshed() as (mesh, _):
        call, behind = call_of("1.0.0", "2.0.0", said("1.0.0", {"city": "Bern"})), Answers()
        with pytest.raises(ConversionFailed):
            await policy(mesh, NoWay)(call, behind)
        assert behind.calls == []
        await change(mesh, settings(mediation="observe"))
        await policy(mesh, NoWay)(call, behind)
        assert [each.payload for each in behind.calls] == [call.payload]


async def test_no_more_agreements_are_kept_than_ways() -> None:
    async with meshed() as (mesh, _):
        schema = policy(mesh, mediation_ways=2)
        kept: list[int] = []
        for caller in ("1.0.0", "1.1.0", "2.0.0"):
            await schema(call_of(caller, "2.0.0"), Answers())
            kept.append(len(schema._agreements))
        assert kept == [1, 2, 1]
