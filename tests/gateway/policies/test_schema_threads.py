"""Large parts and costly ways are mediated in threads, and the loop goes on."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import msgspec
import pytest

from meshgate.a2a.call import Call, Route
from meshgate.a2a.codec.transcode import proto_class, to_proto
from meshgate.a2a.errors import ConversionFailed, SchemaViolation
from meshgate.a2a.limits import Limits
from meshgate.a2a.payload import JsonPayload, ProtoPayload
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import SendMessageRequest, SendMessageResponse
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.converters import Converters
from meshgate.gateway.contracts.transform import MigrationFunction, is_larger
from meshgate.gateway.policies.call.schema import Schema
from meshgate.registry.model import Capability, Manifest, Migration, SchemaRef
from meshgate.registry.schemas import load_image
from meshgate.testing import LocalMesh
from tests.registry.schemas.build import compiled

OLD = "message A { string city = 1 [(buf.validate.field).string.min_len = 1]; repeated string tags = 2; }"
NEW = OLD.replace("city", "place")
LIMITS = Limits(mediation_inline=2000)
LARGE = ["x" * 100] * 100
MAIN = threading.main_thread()


def renamed(old: dict[str, Any]) -> dict[str, Any]:
    """A migration that says in which thread it ran."""
    if old["tags"] == ["fail"]:
        raise RuntimeError("told to")
    return {"place": "main" if threading.current_thread() is MAIN else "thread", "tags": old["tags"]}


def back(old: dict[str, Any]) -> dict[str, Any]:
    return {"place": old["place"], "tags": ["main" if threading.current_thread() is MAIN else "thread"]}


renamed.__dict__["down"] = back
FUNCTIONS: dict[str, MigrationFunction] = {"renamed": renamed}


class Counted(Converters):
    """Converters that count what they were given to do in a thread."""

    thread_calls = 0

    async def in_thread(self, work: Any, *given: Any) -> Any:
        self.thread_calls += 1
        return await super().in_thread(work, *given)


class Both:
    """An agent of release 2 behind the policy, which knows releases 1.0, 1.1 (alike) and 2.0."""

    def __init__(self, mesh: LocalMesh) -> None:
        self.converters = Counted(mesh.gateway.schemas, LIMITS, FUNCTIONS)
        self.policy = Schema(self.converters, mesh.gateway.usage, LIMITS)
        self.mesh = mesh
        self.got: list[Any] = []
        self.tags: list[str] = []
        self.parts: list[dict[str, Any]] = []

    async def fill(self) -> None:
        gate = SchemaGate(self.mesh.gateway.schemas.store)
        releases = (("1.0.0", OLD, ()), ("1.1.0", NEW, ()), ("2.0.0", NEW, (Migration("^1", function="renamed"),)))
        news = asyncio.Event()
        catalogue = self.mesh.gateway.schemas
        catalogue.on_change.append(lambda _: news.set())
        for version, text, migrations in releases:
            ref = SchemaRef("p.A", load_image(compiled(text)).digest)
            skill = Capability("plan", version, input=ref, output=ref, migrations=migrations)
            await gate.admit(Manifest("planner", version, skills=(skill,)), (compiled(text),))
        while (known := catalogue.subject("planner/plan")) is None or len(known.releases) < 3:
            news.clear()
            await news.wait()

    async def forward(self, call: Call) -> Reply:
        self.got += [part["data"] for part in call.payload.tree()["message"]["parts"]]
        parts = self.parts or [{"data": {"place": "Bern", "tags": self.tags}}]
        answer = {"messageId": "r", "role": "ROLE_AGENT", "parts": parts}
        return Reply.one(JsonPayload(SendMessageResponse, {"message": answer}))

    async def ask(self, agent: str, data: Any, *, version: str = "1.0.0", length: str = "", proto: bool = False) -> Any:
        """The data of the answer."""
        part = {"data": data, "mediaType": f"application/json; type=p.A; version={version}"}
        tree = {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [part]}}
        call = self.mesh.call_of(tree, "planner")
        route = Route("planner", "plan", agent, (), contract="c1")
        payload = ProtoPayload(SendMessageRequest, to_proto(tree, proto_class(SendMessageRequest)))
        headers = {"content-length": length} if length else {}
        call = msgspec.structs.replace(call, route=route, headers=headers, payload=payload if proto else call.payload)
        answer = await (await self.policy(call, self.forward)).answer()
        return answer.tree()["message"]["parts"][0]["data"]


@pytest.fixture
async def both() -> Any:
    async with LocalMesh() as mesh:
        made = Both(mesh)
        await made.fill()
        yield made
        made.converters.close()


@pytest.mark.requirement("mediation.beside")
async def test_a_function_that_the_operator_installed_runs_in_a_thread_however_small_the_message_is(both: Both) -> None:
    answer = await both.ask("2.0.0", {"city": "Bern"})
    assert [data["place"] for data in both.got] == ["thread"]
    assert answer == {"city": "Bern", "tags": ["thread"]}
    assert both.converters.thread_calls == 2


@pytest.mark.requirement("mediation.bounded")
async def test_of_a_message_of_very_many_parts_each_is_converted_and_the_first_are_counted(both: Both) -> None:
    part = {"data": {"city": "Bern"}, "mediaType": "application/json; type=p.A; version=1.0.0"}
    both.parts = [{"data": {"place": "Bern"}}] * 100
    tree = {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [part] * 100}}
    call = both.mesh.call_of(tree, "planner")
    call = msgspec.structs.replace(call, route=Route("planner", "plan", "1.1.0", (), contract="c1"))
    answer = await (await both.policy(call, both.forward)).answer()
    assert both.got == [{"place": "Bern"}] * 100
    assert [each["data"] for each in answer.tree()["message"]["parts"]] == [{"city": "Bern"}] * 100
    rows = both.mesh.gateway.usage.rows("planner/plan")
    assert {row.direction: row.calls for row in rows} == {"input": 64, "output": 64}


@pytest.mark.parametrize("proto", [False, True])
@pytest.mark.parametrize("length", ["", "99", "9" * 30])
@pytest.mark.parametrize(("tags", "calls"), [([], 0), (LARGE, 3)])
@pytest.mark.requirement("mediation.beside")
async def test_a_large_request_is_read_and_converted_in_a_thread_whatever_its_headers_say(
    both: Both, length: str, tags: list[str], calls: int, proto: bool
) -> None:
    await both.ask("1.1.0", {"city": "Bern", "tags": tags}, length=length, proto=proto)
    assert both.converters.thread_calls == calls
    assert both.got == [{"place": "Bern", **({"tags": tags} if tags else {})}]


@pytest.mark.requirement("mediation.beside")
async def test_a_large_answer_is_converted_in_a_thread(both: Both) -> None:
    both.tags = LARGE
    assert await both.ask("1.1.0", {"city": "Bern"}) == {"city": "Bern", "tags": LARGE}
    assert both.converters.thread_calls == 1


@pytest.mark.requirement("mediation.beside")
async def test_what_is_refused_in_a_thread_is_refused_alike(both: Both) -> None:
    with pytest.raises(SchemaViolation):
        await both.ask("1.1.0", {"city": "", "tags": LARGE})
    with pytest.raises(SchemaViolation):
        await both.ask("1.1.0", {"city": ""})
    with pytest.raises(ConversionFailed):
        await both.ask("2.0.0", {"city": "Bern", "tags": ["fail"]})
    assert both.got == []


async def test_many_at_once_are_each_answered(both: Both) -> None:
    asked: list[dict[str, Any]] = [{"city": f"c{number}", "tags": LARGE} for number in range(40)]
    answers = await asyncio.gather(*(both.ask("1.1.0", data) for data in asked))
    assert len(answers) == len(both.got) == 40
    assert sorted(data["place"] for data in both.got) == sorted(data["city"] for data in asked)


WEIGHED: list[tuple[Any, bool]] = [
    ("x" * 3000, True),
    (["x"] * 300, True),
    ({f"k{number}": 1 for number in range(300)}, True),
    ([[[["x" * 900]]]], False),
    ({"a": {"b": ["x"] * 100}}, False),
    ([{}] * 130, False),
    ([{}] * 260, True),
]


@pytest.mark.parametrize(("data", "more"), WEIGHED)
def test_what_weighs_too_much_is_told_by_its_values_and_texts(data: Any, more: bool) -> None:
    assert is_larger(JsonPayload(SendMessageRequest, {"data": data}), 2000) is more
