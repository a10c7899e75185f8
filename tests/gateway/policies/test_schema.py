"""The schema policy: callers and agents that speak different releases of one contract."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import pytest

from meshgate.a2a.call import Call, Principal
from meshgate.a2a.cards import CONTRACTS_URI
from meshgate.a2a.errors import (
    ConversionFailed,
    InvalidAgentResponse,
    NoRoute,
    SchemaRetired,
    SchemaViolation,
    UpstreamUnavailable,
)
from meshgate.a2a.limits import DEFAULTS
from meshgate.a2a.lists.task_list import ListTasksResponse
from meshgate.a2a.mesh.extensions import CONTRACTS
from meshgate.a2a.mesh.headers import LABEL_KEY, TASK_LABEL
from meshgate.a2a.payload import JsonPayload
from meshgate.a2a.reply import Reply
from meshgate.a2a.selector import parse_selector
from meshgate.a2a.types import SendMessageResponse, Task
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.registry.model import Capability, Manifest, Migration, SchemaRef
from meshgate.registry.schemas import Stage, Subject, SubjectSettings, load_image, promote, set_default
from meshgate.testing import LocalMesh
from tests.contract.doors import soon
from tests.gateway.meshes import add_lister
from tests.registry.schemas.build import compiled
from tests.support.patience import patience

RULES = "[(buf.validate.field).string.min_len = 1]"
V1_0 = f"message Ask {{ string city = 1 {RULES}; }} message Tell {{ double temp_c = 1; double wind_kmh = 2; }}"
V1_1 = f"""message Ask {{ string city = 1 {RULES}; int32 days = 2; }}
message Tell {{ double temperature = 1; double wind_kmh = 2; int32 humidity = 3; }}"""
V2_0 = f"""message Ask {{ string place = 1 {RULES}; int32 days = 2; }}
message Wind {{ double speed = 1; }} message Tell {{ double temperature = 1; int32 humidity = 3; Wind wind = 4; }}"""
SPLIT = Migration("^1", {"wind.speed": "old.wind_kmh"}, {"wind_kmh": "old.wind.speed"})
RELEASES: dict[str, tuple[str, tuple[Migration, ...]]] = {
    "1.0.0": (V1_0, ()),
    "1.1.0": (V1_1, ()),
    "2.0.0": (V2_0, (SPLIT,)),
}
ANSWERS: dict[str, dict[str, Any]] = {
    "1.0.0": {"tempC": 20.5, "windKmh": 12.0},
    "1.1.0": {"temperature": 20.5, "windKmh": 12.0, "humidity": 40},
    "2.0.0": {"temperature": 20.5, "humidity": 40, "wind": {"speed": 12.0}},
}
"""What an agent of each release says."""
READ: dict[tuple[str, str], dict[str, Any]] = {
    ("1.0.0", "1.1.0"): {"temperature": 20.5, "windKmh": 12.0},
    ("1.0.0", "2.0.0"): {"temperature": 20.5, "wind": {"speed": 12.0}},
    ("1.1.0", "1.0.0"): ANSWERS["1.0.0"],
    ("1.1.0", "2.0.0"): ANSWERS["2.0.0"],
    ("2.0.0", "1.0.0"): ANSWERS["1.0.0"],
    ("2.0.0", "1.1.0"): ANSWERS["1.1.0"],
}
"""What a caller of one release reads of an agent of another: (agent, caller)."""
Script = Callable[[Call], Reply]


class Weather:
    """An agent that notes what it is asked, and answers in the words of its release."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer, self.asked = answer, list[Any]()

    def __call__(self, call: Call) -> Reply:
        self.asked += [part.get("data", part) for part in call.payload.tree()["message"]["parts"]]
        parts = [{"data": self.answer, "mediaType": "application/json"}]
        message = {"messageId": "r1", "role": "ROLE_AGENT", "parts": parts}
        return Reply.one(JsonPayload(SendMessageResponse, {"message": message}))


def skill(version: str) -> tuple[Capability, bytes]:
    text, migrations = RELEASES[version]
    data = compiled(text)
    digest = load_image(data).digest
    refs = SchemaRef("p.Ask", digest), SchemaRef("p.Tell", digest)
    return Capability("forecast", version, input=refs[0], output=refs[1], migrations=migrations), data


async def release(mesh: LocalMesh, version: str, *, known: bool = True) -> None:
    """Let the gate admit a release, and the gateway hear of it."""
    made, data = skill(version)
    manifest = Manifest("weather", version, skills=(made,))
    await SchemaGate(mesh.gateway.schemas.store).admit(manifest, (data,))
    await heard(mesh, lambda subject: subject.release(version) is not None)


async def heard(mesh: LocalMesh, true: Callable[[Subject], bool]) -> None:
    """Wait until the gateway's catalogue has it."""
    news = asyncio.Event()
    catalogue = mesh.gateway.schemas
    catalogue.on_change.append(lambda _: news.set())
    while (found := catalogue.subject("weather/forecast")) is None or not true(found.subject):
        news.clear()
        await news.wait()


async def change(mesh: LocalMesh, step: Callable[[Subject], Subject]) -> None:
    """Change the subject as an operator does."""

    async def stepped(subject: Subject) -> Subject:
        return step(subject)

    new, _ = await mesh.gateway.schemas.store.change("weather/forecast", stepped)
    await heard(mesh, lambda subject: subject == new)


def settings(**changed: Any) -> Callable[[Subject], Subject]:
    return lambda subject: msgspec.structs.replace(
        subject, settings=msgspec.structs.replace(subject.settings, **changed)
    )


@asynccontextmanager
async def meshed(
    *running: str, releases: tuple[str, ...] = tuple(RELEASES), **limits: float
) -> AsyncGenerator[tuple[LocalMesh, dict[str, Weather]]]:
    """A mesh that knows all releases, and runs an agent of some of them."""
    async with LocalMesh(limits=msgspec.structs.replace(DEFAULTS, **limits)) as mesh:
        for version in releases:
            await release(mesh, version)
        agents = {version: Weather(ANSWERS[version]) for version in running}
        for version, agent in agents.items():
            await mesh.add("weather", agent, skills=(skill(version)[0],), version=version)
        yield mesh, agents


def said(version: str, data: Any, type_name: str = "p.Ask") -> dict[str, Any]:
    return {"data": data, "mediaType": f"application/json; type={type_name}; version={version}"}


async def ask(mesh: LocalMesh, *parts: dict[str, Any], selector: str = "weather", **headers: str) -> tuple[Any, Any]:
    """The data of the answer, and the reply's headers."""
    tree = {"message": {"messageId": "m1", "role": "ROLE_USER", "parts": list(parts)}}
    result = await mesh.read(mesh.call_of(tree, selector, **headers))
    (part,) = result.events[0].tree()["message"]["parts"]
    return part["data"], result.head.headers


@pytest.mark.requirement("path.schema")
@pytest.mark.parametrize("agent", list(RELEASES))
@pytest.mark.parametrize("caller", list(RELEASES))
async def test_every_caller_talks_to_every_agent_in_its_own_words(caller: str, agent: str) -> None:
    async with meshed(agent) as (mesh, agents):
        asked = {"place": "Bern"} if caller == "2.0.0" else {"city": "Bern"}
        answer, headers = await ask(mesh, said(caller, asked))
        assert agents[agent].asked == [{"place": "Bern"} if agent == "2.0.0" else {"city": "Bern"}]
        assert answer == READ.get((agent, caller), ANSWERS[agent])
        assert headers["meshgate-schema"] == f"in={caller}>{agent}; out={agent}>{caller}"


@pytest.mark.requirement("path.schema")
async def test_who_asks_for_the_extension_is_told_that_the_skill_has_a_contract() -> None:
    async with meshed("1.1.0") as (mesh, _):
        for version, asked in (("1.1.0", CONTRACTS.uri), ("1.0.0", f"https://example.org/x, {CONTRACTS.uri}")):
            _, told = await ask(mesh, said(version, {"city": "Bern"}), a2a_extensions=asked)
            assert told["a2a-extensions"] == CONTRACTS.uri
        _, told = await ask(mesh, said("1.0.0", {"city": "Bern"}))
        assert "a2a-extensions" not in told
        await change(mesh, settings(mediation="observe"))
        _, told = await ask(mesh, said("1.1.0", {"city": "Bern"}), a2a_extensions=CONTRACTS.uri)
        assert (told["a2a-extensions"], "meshgate-schema" in told) == (CONTRACTS.uri, False)


@pytest.mark.requirement("path.schema")
async def test_what_breaks_its_contract_is_refused_with_the_path_and_reaches_nobody() -> None:
    async with meshed("1.1.0") as (mesh, agents):
        with pytest.raises(SchemaViolation) as caught:
            await ask(mesh, said("1.1.0", {"city": "", "days": "many"}))
        assert [path for path, _ in caught.value.violations] == ["days"]
        with pytest.raises(SchemaViolation) as caught:
            await ask(mesh, said("1.0.0", {"city": ""}))
        assert [path for path, _ in caught.value.violations] == ["city"]
        assert agents["1.1.0"].asked == []


async def test_keys_that_no_release_knows_are_carried_over_as_they_came() -> None:
    async with meshed("2.0.0") as (mesh, agents):
        await ask(mesh, said("1.0.0", {"city": "Bern", "mood": {"x": [1, None]}}))
        assert agents["2.0.0"].asked == [{"place": "Bern", "mood": {"x": [1, None]}}]


@pytest.mark.requirement("schema.forms")
async def test_an_answer_comes_in_a_form_that_its_caller_accepts() -> None:
    async with meshed("2.0.0") as (mesh, _):
        for modes, kinds in (
            (["application/protobuf"], ("raw", "application/protobuf")),
            (["application/protobuf", "application/json"], ("data", "application/json")),
            (["text/plain"], ("data", "application/json")),
            ([], ("data", "application/json")),
        ):
            message = {"messageId": "m1", "role": "ROLE_USER", "parts": [said("1.0.0", {"city": "Bern"})]}
            tree = {"message": message, "configuration": {"acceptedOutputModes": modes}}
            result = await mesh.read(mesh.call_of(tree, "weather"))
            (part,) = result.events[0].tree()["message"]["parts"]
            assert (set(part) - {"mediaType"}, part["mediaType"].partition(";")[0]) == ({kinds[0]}, kinds[1])
            if kinds[0] == "raw":
                assert part["mediaType"] == "application/protobuf; type=p.Tell; version=1.0.0"
                told = load_image(compiled(V1_0)).message_class("p.Tell").FromString(base64.b64decode(part["raw"]))
                assert (told.temp_c, told.wind_kmh) == (20.5, 12.0)  # type: ignore[attr-defined]


async def test_texts_files_and_data_of_other_types_pass_untouched() -> None:
    parts: list[dict[str, Any]] = [
        {"text": "hello"},
        {"data": {"city": 7}, "mediaType": "application/json; type=other.Type"},
        {"url": "http://h/x.pdf", "mediaType": "application/pdf"},
    ]
    async with meshed("2.0.0") as (mesh, agents):
        await ask(mesh, *parts)
        assert agents["2.0.0"].asked == [parts[0], {"city": 7}, parts[2]]


@pytest.mark.requirement("schema.spoken")
async def test_who_says_nothing_speaks_what_it_asked_for_or_the_default_major() -> None:
    async with meshed("2.0.0") as (mesh, agents):
        assert (await ask(mesh, {"data": {"city": "Bern"}}))[0] == ANSWERS["1.1.0"]
        assert agents["2.0.0"].asked == [{"place": "Bern"}]
        old = {"data": {"city": "Bern"}}
        assert (await ask(mesh, old, meshgate_schema_version="1.0.0"))[0] == ANSWERS["1.0.0"]
        assert (await ask(mesh, old, selector="forecast@^1"))[0] == ANSWERS["1.1.0"]
        assert (await ask(mesh, old, selector="forecast@1.0.0"))[0] == ANSWERS["1.0.0"]
        with pytest.raises(NoRoute):
            await ask(mesh, old, selector="forecast@^3")


@pytest.mark.requirement("schema.default")
async def test_a_new_major_moves_nobody_until_it_is_made_the_default() -> None:
    async with meshed("1.1.0", "2.0.0") as (mesh, agents):
        nameless = {"data": {"city": "Bern"}}
        for selector in ("weather", "forecast@*"):
            assert (await ask(mesh, nameless, selector=selector))[0] == ANSWERS["1.1.0"]
        assert (len(agents["1.1.0"].asked), len(agents["2.0.0"].asked)) == (2, 0)
        await change(mesh, lambda subject: set_default(subject, 2))
        assert (await ask(mesh, {"data": {"place": "Bern"}}))[0] == ANSWERS["2.0.0"]
        assert agents["2.0.0"].asked[-1] == {"place": "Bern"}
        assert (await ask(mesh, nameless, meshgate_schema_version="1.1.0"))[0] == ANSWERS["1.1.0"]


@pytest.mark.requirement("schema.default")
async def test_when_the_default_major_is_served_no_more_the_next_one_takes_its_place() -> None:
    async with meshed("2.0.0") as (mesh, _):
        for version in ("1.0.0", "1.1.0"):
            for stage in (Stage.DEPRECATED, Stage.RETIRED):
                await change(mesh, partial(promote, version=version, stage=stage, now=1.0))
        known = mesh.gateway.schemas.subject("weather/forecast")
        assert known is not None
        assert (known.subject.default_major, known.spoken) == (2, "2.0.0")
        assert (await ask(mesh, {"data": {"place": "Bern"}}))[0] == ANSWERS["2.0.0"]


@pytest.mark.requirement("schema.default")
async def test_without_a_migration_what_names_no_release_passes_as_it_is() -> None:
    plain = {**RELEASES, "2.0.0": (V2_0, ())}
    async with meshed("2.0.0", releases=()) as (mesh, agents):
        for version, (proto, migrations) in plain.items():
            data = compiled(proto)
            digest = load_image(data).digest
            refs = SchemaRef("p.Ask", digest), SchemaRef("p.Tell", digest)
            made = Capability("forecast", version, input=refs[0], output=refs[1], migrations=migrations)
            await SchemaGate(mesh.gateway.schemas.store).admit(Manifest("weather", version, skills=(made,)), (data,))
            await heard(mesh, lambda subject, wanted=version: subject.release(wanted) is not None)  # type: ignore[misc]
        assert (await ask(mesh, {"data": {"place": "Bern"}}))[0] == ANSWERS["2.0.0"]
        assert agents["2.0.0"].asked == [{"place": "Bern"}]


@pytest.mark.requirement("schema.route")
async def test_a_caller_goes_to_an_agent_of_its_own_release_where_there_is_one() -> None:
    async with meshed("1.0.0", "2.0.0") as (mesh, agents):
        await ask(mesh, said("1.0.0", {"city": "Bern"}))
        await ask(mesh, {"data": {"city": "Bern"}}, meshgate_schema_version="1.0.0")
        assert (len(agents["1.0.0"].asked), len(agents["2.0.0"].asked)) == (2, 0)
        await ask(mesh, said("2.0.0", {"place": "Bern"}))
        assert (len(agents["1.0.0"].asked), len(agents["2.0.0"].asked)) == (2, 1)


def told(version: str, *tellings: dict[str, Any]) -> Callable[[Call], Reply]:
    """An agent that answers with a task whose artifact holds these."""

    def answer(call: Call) -> Reply:
        parts = [{"data": data, "mediaType": f"application/json; type=p.Tell; version={version}"} for data in tellings]
        artifacts = [{"artifactId": "a", "parts": parts}]
        task = {"id": "t1", "contextId": "c", "status": {"state": "TASK_STATE_WORKING"}, "artifacts": artifacts}
        if call.method.on_task:
            return Reply.one(JsonPayload(Task, task))
        return Reply.one(JsonPayload(SendMessageResponse, {"task": task}))

    return answer


@pytest.mark.requirement("schema.tasks")
async def test_a_task_is_told_of_in_the_words_in_which_it_began_whichever_release_answers() -> None:
    async with meshed() as (mesh, _):
        first = skill("1.1.0")[0]
        maker = await mesh.add(
            "weather", told("1.1.0", ANSWERS["1.1.0"]), skills=(first,), version="1.1.0", shared_tasks=True
        )
        message = {"messageId": "m1", "role": "ROLE_USER", "parts": [said("1.0.0", {"city": "Bern"})]}
        begun = await mesh.read(mesh.call_of({"message": message}, "weather"))
        task = begun.events[0].tree()["task"]
        assert task["artifacts"][0]["parts"][0]["data"] == ANSWERS["1.0.0"]
        plain = {"messageId": "m2", "role": "ROLE_USER", "parts": [{"data": {"city": "Bern"}}]}
        other = (await mesh.read(mesh.call_of({"message": plain}, "weather"))).events[0].tree()["task"]

        second = skill("2.0.0")[0]
        both = told("1.1.0", ANSWERS["1.1.0"]), told("2.0.0", ANSWERS["2.0.0"])
        await mesh.add("weather", both[0], skills=(second,), version="2.0.0", shared_tasks=True)
        await mesh.shared.registry.deregister(maker)
        for answer, release in zip(both, ("1.1.0", "2.0.0"), strict=True):
            for script in list(mesh.wire.scripts):
                mesh.wire.scripts[script] = answer
            found = await mesh.call("", task["id"], method="GetTask")
            assert found.tree["id"] == task["id"]
            (part,) = found.tree["artifacts"][0]["parts"]
            assert part["data"] == ANSWERS["1.0.0"], release
            assert part["mediaType"].endswith("version=1.0.0")
        (untouched,) = (await mesh.call("", other["id"], method="GetTask")).tree["artifacts"][0]["parts"]
        assert untouched["data"] == ANSWERS["1.1.0"], "who names no release stays with the default major"


@pytest.mark.requirement("schema.tasks", "tasks.from_agents")
async def test_a_task_that_its_agent_lists_is_told_of_in_the_words_in_which_it_began() -> None:
    async with meshed() as (mesh, _):
        answer, labels = told("2.0.0", ANSWERS["2.0.0"]), list[str]()

        def script(call: Call) -> Reply:
            if call.method.name == "SendMessage":
                labels.append(call.headers[TASK_LABEL])
            if call.method.name != "ListTasks":
                return answer(call)
            parts = [{"data": ANSWERS["2.0.0"], "mediaType": "application/json; type=p.Tell; version=2.0.0"}]
            task: dict[str, Any] = {"contextId": "c", "status": {"state": "TASK_STATE_WORKING"}}
            task["artifacts"] = [{"artifactId": "a", "parts": parts}]
            tasks = [{**task, "id": f"t{at}", "metadata": {LABEL_KEY: label}} for at, label in enumerate(labels)]
            page = {"tasks": tasks, "nextPageToken": "", "pageSize": 50, "totalSize": len(tasks)}
            return Reply.one(JsonPayload(ListTasksResponse, page))

        await add_lister(mesh, "weather", script, skills=(skill("2.0.0")[0],), version="2.0.0")
        for at, (version, key) in enumerate((("1.0.0", "city"), ("1.1.0", "city"), ("2.0.0", "place"))):
            message = {"messageId": f"m{at}", "role": "ROLE_USER", "parts": [said(version, {key: "Bern"})]}
            await mesh.read(mesh.call_of({"message": message}, "weather"))
        listed = await mesh.read(mesh.call_of({"includeArtifacts": True}, "weather", method="ListTasks"))
        found = {one["id"]: one["artifacts"][0]["parts"][0]["data"] for one in listed.tree["tasks"]}
        assert list(found.values()) == [ANSWERS["1.0.0"], ANSWERS["1.1.0"], ANSWERS["2.0.0"]]
        assert [name.partition("~")[0].partition(".")[2] for name in found] == ["1.0.0", "1.1.0", "2.0.0"]


@pytest.mark.requirement("schema.tasks")
async def test_a_task_that_began_in_time_is_told_of_after_its_release_was_retired() -> None:
    async with meshed() as (mesh, _):
        answer = told("2.0.0", ANSWERS["2.0.0"])
        await mesh.add("weather", answer, skills=(skill("2.0.0")[0],), version="2.0.0")
        message = {"messageId": "m1", "role": "ROLE_USER", "parts": [said("1.0.0", {"city": "Bern"})]}
        task = (await mesh.read(mesh.call_of({"message": message}, "weather"))).events[0].tree()["task"]
        await change(mesh, lambda subject: promote(subject, "1.0.0", Stage.DEPRECATED, now=1.8e9))
        await change(mesh, lambda subject: promote(subject, "1.0.0", Stage.RETIRED, now=1.9e9))
        found = await mesh.call("", task["id"], method="GetTask")
        assert found.tree["artifacts"][0]["parts"][0]["data"] == ANSWERS["1.0.0"]


@pytest.mark.requirement("schema.arrival")
async def test_a_call_waits_for_the_contract_of_an_agent_that_has_just_joined() -> None:
    async with meshed("2.0.0", releases=("1.0.0",), mediation_wait=patience()) as (mesh, _):
        listeners = mesh.gateway.schemas.on_change
        before = len(listeners)
        asked = asyncio.create_task(ask(mesh, said("1.0.0", {"city": "Bern"})))
        await soon(lambda: asyncio.sleep(0, len(listeners) > before))
        await release(mesh, "2.0.0")
        assert (await asked)[0] == ANSWERS["1.0.0"]


@pytest.mark.requirement("schema.arrival")
async def test_without_the_agents_contract_no_other_release_is_taken_for_its_own() -> None:
    async with meshed("2.0.0", releases=("1.0.0",), mediation_wait=0.01) as (mesh, agents):
        with pytest.raises(UpstreamUnavailable):
            await ask(mesh, said("1.0.0", {"city": "Bern"}))
        assert agents["2.0.0"].asked == []
        assert (await ask(mesh, said("2.0.0", {"place": "Bern"})))[0] == ANSWERS["2.0.0"]


@pytest.mark.requirement("schema.arrival")
async def test_an_agent_whose_contract_is_here_comes_first() -> None:
    async with meshed("1.1.0", "2.0.0", releases=("1.0.0", "1.1.0")) as (mesh, agents):
        await ask(mesh, said("1.0.0", {"city": "Bern"}))
        assert (len(agents["1.1.0"].asked), len(agents["2.0.0"].asked)) == (1, 0)


OTHER_WORDS = f"message Question {{ string city = 1 {RULES}; }} message Reply {{ double temp_c = 1; }}"


async def admit(mesh: LocalMesh, agent: str, *skills: tuple[str, str, str, str]) -> tuple[Capability, ...]:
    """Let the gate admit skills of an agent: (skill, the .proto's text, its input, its output)."""
    made: list[Capability] = []
    images: list[bytes] = []
    for name, text, takes, gives in skills:
        images.append(compiled(text))
        digest = load_image(images[-1]).digest
        made.append(Capability(name, "1.0.0", input=SchemaRef(takes, digest), output=SchemaRef(gives, digest)))
    await SchemaGate(mesh.gateway.schemas.store).admit(Manifest(agent, "1.0.0", skills=tuple(made)), tuple(images))

    async def known() -> bool:
        return all(mesh.gateway.schemas.subject(f"{agent}/{one.skill}") is not None for one in made)

    await soon(known)
    return tuple(made)


@pytest.mark.requirement("routing.agents_alike")
async def test_among_agents_of_different_contracts_the_types_of_the_message_decide() -> None:
    async with LocalMesh() as mesh:
        ours = await admit(mesh, "amy", ("forecast", V1_0, "p.Ask", "p.Tell"))
        theirs = await admit(mesh, "ben", ("forecast", OTHER_WORDS, "p.Question", "p.Reply"))
        amy, ben = Weather(ANSWERS["1.0.0"]), Weather({"tempC": 1.5})
        await mesh.add("amy", amy, skills=ours, version="1.0.0")
        await mesh.add("ben", ben, skills=theirs, version="1.0.0")
        for type_name, whom in (("p.Question", ben), ("p.Ask", amy), ("p.Unknown", amy)):
            part = {"data": {"city": type_name}, "mediaType": f"application/json; type={type_name}"}
            _, head = await ask(mesh, part, selector="forecast@*")
            assert whom.asked[-1] == {"city": type_name}
            assert head["meshgate-choice"] == "one of 2, by name"


@pytest.mark.requirement("routing.agent_decides")
async def test_called_by_name_the_types_of_the_message_say_which_skill_and_so_which_contract_is_meant() -> None:
    async with LocalMesh() as mesh:
        ways = (("forecast", V1_0, "p.Ask", "p.Tell"), ("history", OTHER_WORDS, "p.Question", "p.Reply"))
        weather = Weather(ANSWERS["1.0.0"])
        await mesh.add("weather", weather, skills=await admit(mesh, "weather", *ways), version="1.0.0")
        with pytest.raises(SchemaViolation):
            await ask(mesh, {"data": {"city": ""}, "mediaType": "application/json; type=p.Ask"})
        with pytest.raises(SchemaViolation):
            await ask(mesh, {"data": {"city": ""}, "mediaType": "application/json; type=p.Question"})
        assert weather.asked == []
        for passes in ({"data": {"city": ""}}, {"data": {"city": ""}, "mediaType": "application/json; type=p.Other"}):
            await ask(mesh, passes)
            assert weather.asked.pop() == {"city": ""}, "the agent decides, and checks it by itself"


@pytest.mark.requirement("schema.modes-traffic")
async def test_observing_counts_and_touches_nothing_and_off_does_not_look() -> None:
    async with meshed("2.0.0") as (mesh, agents):
        await change(mesh, settings(mediation="observe"))
        broken = said("1.0.0", {"city": ""})
        answer, headers = await ask(mesh, broken)
        assert (agents["2.0.0"].asked, answer) == ([{"city": ""}], ANSWERS["2.0.0"])
        assert "meshgate-schema" not in headers
        (invalid,) = [row for row in mesh.gateway.usage.rows("weather/forecast") if row.direction == "input"]
        assert (invalid.version, invalid.calls, invalid.invalid) == ("1.0.0", 1, 1)
        await change(mesh, settings(mediation="off"))
        await ask(mesh, broken)
        assert len(mesh.gateway.usage.rows("weather/forecast")) == 2
        assert invalid in mesh.gateway.usage.rows("weather/forecast")


@pytest.mark.requirement("schema.output")
async def test_an_answer_that_breaks_its_contract_is_the_agents_fault_where_answers_are_checked() -> None:
    async with meshed("1.0.0") as (mesh, agents):
        agents["1.0.0"].answer = {"tempC": "warm"}
        assert (await ask(mesh, said("1.0.0", {"city": "Bern"})))[0] == {"tempC": "warm"}
        await change(mesh, settings(validate_output=True))
        with pytest.raises(InvalidAgentResponse) as caught:
            await ask(mesh, said("1.0.0", {"city": "Bern"}))
        assert [path for path, _ in caught.value.violations] == ["tempC"]


@pytest.mark.requirement("schema.life")
async def test_a_deprecated_release_is_served_and_says_so_and_a_retired_one_is_refused() -> None:
    async with meshed("2.0.0") as (mesh, agents):
        deprecated: dict[str, Any] = {"notice": 'use "2.0.0"\n', "sunset": "2027-03-31", "now": 1.8e9}
        await change(mesh, lambda subject: promote(subject, "1.0.0", Stage.DEPRECATED, **deprecated))
        _, headers = await ask(mesh, said("1.0.0", {"city": "Bern"}))
        assert headers["meshgate-deprecated"] == '1.0.0; sunset=2027-03-31; notice="use 2.0.0"'
        await change(mesh, lambda subject: promote(subject, "1.0.0", Stage.RETIRED, now=1.9e9))
        for part in (said("1.0.0", {"city": "Bern"}), said("9.9.9", {"city": "Bern"}), said("x", {"city": "Bern"})):
            with pytest.raises(SchemaRetired) as caught:
                await ask(mesh, part)
            assert caught.value.metadata["served"] == "1.1.0,2.0.0"
        assert len(agents["2.0.0"].asked) == 1


@pytest.mark.requirement("schema.life")
async def test_the_card_tells_which_releases_are_served_and_until_when() -> None:
    async with meshed("2.0.0") as (mesh, _):
        deprecated: dict[str, Any] = {"notice": "use 2.0.0", "sunset": "2027-03-31", "now": 1.8e9}
        await change(mesh, lambda subject: promote(subject, "1.0.0", Stage.DEPRECATED, **deprecated))
        await change(mesh, lambda subject: promote(subject, "1.1.0", Stage.DEPRECATED, now=1.8e9))
        await change(mesh, lambda subject: promote(subject, "1.1.0", Stage.RETIRED, now=1.9e9))
        card = mesh.gateway.cards.card(
            parse_selector("weather"), [Principal("client", "u", agents=("*",), skills=("*",))], "http://m"
        )
        assert card is not None
        extensions = msgspec.json.decode(card)["capabilities"]["extensions"]
        (told,) = [each["params"] for each in extensions if each["uri"] == CONTRACTS_URI]
        types = {"input": "p.Ask", "output": "p.Tell"}
        until = {"sunset": "2027-03-31", "notice": "use 2.0.0"}
        assert told["skills"]["forecast"]["releases"] == [
            {"version": "1.0.0", "stage": "deprecated", **types, **until},
            {"version": "2.0.0", "stage": "active", **types},
        ]


async def test_a_migration_that_fails_refuses_the_call_before_anything_is_done() -> None:
    async with meshed("2.0.0", releases=("1.0.0",)) as (mesh, agents):
        made, data = skill("2.0.0")
        broken = Migration("^1", {"wind.speed": "double(string(old.wind_kmh) + 'x')"}, {"wind_kmh": "old.wind.nothing"})
        made = msgspec.structs.replace(made, migrations=(broken,))
        await SchemaGate(mesh.gateway.schemas.store).admit(Manifest("weather", "2.0.0", skills=(made,)), (data,))
        await heard(mesh, lambda subject: subject.release("2.0.0") is not None)
        with pytest.raises((ConversionFailed, InvalidAgentResponse)):
            await ask(mesh, said("1.0.0", {"city": "Bern"}))
        assert len(agents["2.0.0"].asked) <= 1


@pytest.mark.requirement("schema.usage")
async def test_who_sends_and_reads_what_is_counted() -> None:
    async with meshed("2.0.0") as (mesh, _):
        for _ in range(3):
            await ask(mesh, said("1.0.0", {"city": "Bern"}))
        sent, read = sorted(mesh.gateway.usage.rows("weather/forecast"), key=lambda row: row.direction)
        assert (sent.direction, sent.version, sent.agent_version, sent.calls) == ("input", "1.0.0", "2.0.0", 3)
        assert sent.fields == {"city": 3}
        assert (read.direction, read.version, read.fields) == ("output", "1.0.0", {"tempC": 3, "windKmh": 3})
        assert sent.caller == read.caller


def test_the_default_is_to_enforce() -> None:
    assert SubjectSettings().mediation == "enforce"


@pytest.mark.requirement("path.schema")
async def test_an_agent_that_joined_without_a_contract_is_not_kept_waiting_for_one() -> None:
    async with meshed(releases=("1.0.0",), mediation_wait=0.05) as (mesh, _):
        plain = Weather({"text": "sunny"})
        await mesh.add("weather", plain, skills=(Capability("forecast", "9.0.0"),), version="9.0.0")
        assert (await ask(mesh, {"data": {"city": "Bern"}}))[0] == {"text": "sunny"}
        assert not mesh.gateway.mediator._missed  # pyright: ignore[reportPrivateUsage]
