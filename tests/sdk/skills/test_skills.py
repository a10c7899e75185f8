"""Skills: what a function may look like, what it is given, and what its result becomes."""

import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest
from pydantic import BaseModel, Field

from meshgate.a2a.cards import CAPABILITIES_URI, read_card, terms_of
from meshgate.a2a.errors import InternalError, InvalidParams, UnsupportedOperation
from meshgate.a2a.types import Part, Role, TaskState
from meshgate.sdk import Agent, Context, Fail, Message, Reject
from meshgate.v1.capability_pb2 import Capability as CapabilityMessage
from tests.sdk.calls import answer, make_call, said_by, saying, send, text_of


class Order(BaseModel):
    item: str
    count: int = Field(ge=1)


class Bill(BaseModel):
    total: float


@dataclasses.dataclass
class Point:
    x: int
    y: int


@pytest.fixture
def agent() -> Agent:
    return Agent("demo", version="1.4.0")


# -- what goes in, what comes out


@pytest.mark.requirement("sdk.forms")
async def test_text_goes_in_and_comes_out(agent: Agent) -> None:
    @agent.skill
    async def shout(text: str) -> str:
        return text.upper()

    task = await send(agent, "hello")
    assert (task.status.state, text_of(task)) == (TaskState.COMPLETED, "HELLO")


async def test_all_texts_of_a_message_are_one_text(agent: Agent) -> None:
    @agent.skill
    async def echo(text: str) -> str:
        return text

    task = await send(agent, parts=[{"text": "a"}, {"data": 7}, {"text": "b"}])
    assert text_of(task) == "ab"


@pytest.mark.requirement("sdk.forms")
async def test_a_model_goes_in_and_comes_out_as_data(agent: Agent) -> None:
    @agent.skill
    async def price(order: Order) -> Bill:
        return Bill(total=order.count * 2.5)

    task = await send(agent, data={"item": "pen", "count": 4})
    assert task.artifacts[0].parts[0].data == {"total": 10.0}


async def test_a_model_may_also_come_as_json_text(agent: Agent) -> None:
    @agent.skill
    async def count(order: Order) -> int:
        return order.count

    task = await send(agent, '{"item": "pen", "count": 4}')
    assert task.artifacts[0].parts[0].data == 4


async def test_dataclasses_and_plain_data_are_validated_too(agent: Agent) -> None:
    @agent.skill
    async def flip(point: Point) -> dict[str, int]:
        return {"x": point.y, "y": point.x}

    task = await send(agent, data={"x": 1, "y": 2})
    assert task.artifacts[0].parts[0].data == {"x": 2, "y": 1}


@pytest.mark.parametrize(
    "part",
    [{"data": {"reentrant": 3}}, {"raw": "YAM=", "mediaType": "application/x-protobuf"}, {"text": '{"reentrant": 3}'}],
)
@pytest.mark.requirement("sdk.forms")
async def test_a_protobuf_message_goes_in_as_data_bytes_or_text(agent: Agent, part: dict[str, Any]) -> None:
    @agent.skill
    async def double(one: CapabilityMessage) -> CapabilityMessage:
        return CapabilityMessage(reentrant=one.reentrant * 2)

    task = await send(agent, parts=[part])
    assert task.artifacts[0].parts[0].data == {"reentrant": 6}


async def test_raw_parts_go_in_and_out_untouched(agent: Agent) -> None:
    @agent.skill
    async def first(parts: list[Part]) -> list[Part]:
        return parts[:1]

    task = await send(agent, parts=[{"url": "https://h/x", "filename": "x"}, {"text": "b"}])
    assert task.artifacts[0].parts == [Part(url="https://h/x", filename="x")]


async def test_a_skill_without_an_input_ignores_what_is_said(agent: Agent) -> None:
    @agent.skill
    async def ping() -> str:
        return "pong"

    assert text_of(await send(agent, data={"what": "ever"})) == "pong"


async def test_a_skill_that_gives_nothing_makes_no_artifact(agent: Agent) -> None:
    @agent.skill
    async def note(text: str) -> None:
        """Take a note."""

    task = await send(agent, "x")
    assert (task.status.state, task.artifacts) == (TaskState.COMPLETED, [])


async def test_the_context_may_stand_anywhere_under_any_name(agent: Agent) -> None:
    @agent.skill
    async def who(call: Context, text: str) -> str:
        return f"{call.skill} {text} {call.message.message_id}"

    assert text_of(await send(agent, "hi")) == "who hi m1"


async def test_the_chunks_of_a_generator_are_one_text(agent: Agent) -> None:
    @agent.skill
    async def words(text: str) -> AsyncIterator[str]:
        for word in text.split():
            yield word + "."

    task = await send(agent, "a b c")
    assert [part.text for part in task.artifacts[0].parts] == ["a.b.c."]


async def test_a_generator_of_models_gives_a_part_for_each(agent: Agent) -> None:
    @agent.skill
    async def bills(text: str) -> AsyncGenerator[Bill, None]:
        yield Bill(total=1)
        yield Bill(total=2)

    task = await send(agent, "x")
    assert [part.data for part in task.artifacts[0].parts] == [{"total": 1.0}, {"total": 2.0}]


# -- what is refused


@pytest.mark.parametrize(
    "said",
    [
        {"data": {"item": "pen"}},
        {"data": {"item": "pen", "count": 0}},
        {"data": [1, 2]},
        {"text": "not json"},
        {"parts": [{"data": {"item": "pen", "count": 1}}, {"data": {"item": "pen", "count": 1}}]},
        {"parts": [{"url": "https://h/x"}]},
    ],
)
async def test_data_that_does_not_fit_the_model_is_refused_before_there_is_a_task(
    agent: Agent, said: dict[str, Any]
) -> None:
    @agent.skill
    async def price(order: Order) -> Bill:
        raise AssertionError("never called")

    with pytest.raises(InvalidParams) as caught:
        await send(agent, **said)
    assert caught.value.violations


async def test_a_text_skill_refuses_a_message_without_text(agent: Agent) -> None:
    @agent.skill
    async def echo(text: str) -> str:
        return text

    with pytest.raises(InvalidParams):
        await send(agent, data={"a": 1})


@pytest.mark.parametrize(
    "part", [{"data": {"surprise": 1}}, {"data": [1]}, {"raw": "/w==", "mediaType": "application/proto"}]
)
async def test_protobuf_data_with_a_surprise_is_refused(agent: Agent, part: dict[str, Any]) -> None:
    @agent.skill
    async def double(one: CapabilityMessage) -> None:
        raise AssertionError("never called")

    with pytest.raises(InvalidParams):
        await send(agent, parts=[part])


# -- which skill


async def test_the_header_names_the_skill_then_the_message_then_the_default(agent: Agent) -> None:
    @agent.skill(default=True)
    async def one(text: str) -> str:
        return "one"

    @agent.skill(name="second")
    async def two(text: str) -> str:
        return "two"

    assert text_of(await send(agent, "x")) == "one"
    assert text_of(await send(agent, "x", skill="*")) == "one"
    assert text_of(await send(agent, "x", metadata={"meshgate/skill": "second"})) == "two"
    assert text_of(await send(agent, "x", skill="one", metadata={"meshgate/skill": "second"})) == "one"


async def test_without_a_default_the_skills_are_listed(agent: Agent) -> None:
    for name in ("one", "two"):

        @agent.skill(name=name)
        async def skill(text: str) -> str:
            return text

    assert said_by(await send(agent, "hi", skill="")).endswith("one, two")
    for asked in ("three", "*two"):
        with pytest.raises(InvalidParams, match="one, two"):
            await send(agent, "x", skill=asked)


# -- how it ends


async def test_a_rejection_is_a_rejected_task_with_its_text(agent: Agent) -> None:
    @agent.skill
    async def picky(text: str) -> str:
        raise Reject("not my subject")

    task = await send(agent, "x")
    assert (task.status.state, said_by(task)) == (TaskState.REJECTED, "not my subject")


async def test_a_failure_on_purpose_tells_its_text(agent: Agent) -> None:
    @agent.skill
    async def broken(text: str) -> str:
        raise Fail("the printer is out of paper")

    task = await send(agent, "x")
    assert (task.status.state, said_by(task)) == (TaskState.FAILED, "the printer is out of paper")


async def test_any_other_error_fails_the_task_and_keeps_its_text_in_the_log(
    agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    @agent.skill
    async def broken(text: str) -> str:
        raise ValueError("password=hunter2")

    task = await send(agent, "x")
    assert task.status.state == TaskState.FAILED
    assert "hunter2" not in said_by(task)
    assert "hunter2" in "".join(capsys.readouterr())


async def test_an_error_of_the_mesh_is_told_by_its_code(agent: Agent) -> None:
    @agent.skill
    async def broke(text: str) -> str:
        raise InvalidParams("no such thing")

    task = await send(agent, "x")
    assert (task.status.state, said_by(task)) == (TaskState.FAILED, "INVALID_PARAMS: no such thing")


async def test_a_result_of_another_type_than_annotated_fails_the_task(agent: Agent) -> None:
    @agent.skill
    async def wrong(text: str) -> str:
        return 7  # type: ignore[return-value]

    assert (await send(agent, "x")).status.state == TaskState.FAILED


class Shout(str):
    """What frameworks give where they say str."""

    __slots__ = ()


async def test_a_subclass_of_str_is_text(agent: Agent) -> None:
    @agent.skill
    async def shout(text: str) -> str:
        return Shout(text)

    assert text_of(await send(agent, "hi")) == "hi"


@pytest.mark.parametrize("content", [Part(data=object()), Part(text="x", metadata={"k": object()})])
async def test_a_part_that_cannot_be_sent_fails_the_task_and_not_the_agent(agent: Agent, content: Part) -> None:
    @agent.skill
    async def returned(text: str) -> Part:
        return content

    @agent.skill
    async def handed(text: str, ctx: Context) -> None:
        await ctx.artifact("x", content)

    for skill in ("returned", "handed"):
        assert (await send(agent, "x", skill=skill)).status.state == TaskState.FAILED


# -- the light path


async def test_a_skill_without_a_task_answers_with_a_message(agent: Agent) -> None:
    @agent.skill(task=False)
    async def echo(text: str, ctx: Context) -> str:
        ctx.usage(input_tokens=2)
        assert ctx.task_id == ""
        return text

    message: Message = (await answer(agent, make_call("SendMessage", saying("hi", contextId="c1")))).message
    assert (message.role, message.context_id, message.parts) == (Role.AGENT, "c1", [Part(text="hi")])
    assert message.metadata == {"meshgate/usage": {"inputTokens": 2}}


async def test_a_skill_without_a_task_may_write_its_whole_message(agent: Agent) -> None:
    @agent.skill(task=False)
    async def say(message: Message) -> Message:
        return Message("m2", Role.AGENT, message.parts, metadata={"k": "v"})

    message: Message = (await answer(agent, make_call("SendMessage", saying("hi")))).message
    assert (message.message_id, message.metadata) == ("m2", {"k": "v"})


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (Reject("no"), UnsupportedOperation),
        (Fail("broken"), InternalError),
        (ValueError("secret"), InternalError),
        (TimeoutError("inner"), InternalError),
        (InvalidParams("bad"), InvalidParams),
    ],
)
async def test_a_skill_without_a_task_fails_as_an_error(
    agent: Agent, raised: Exception, expected: type[Exception]
) -> None:
    @agent.skill(task=False)
    async def broken(text: str) -> str:
        raise raised

    with pytest.raises(expected) as caught:
        await answer(agent, make_call("SendMessage", saying("hi")))
    assert "secret" not in str(caught.value)


async def test_a_skill_without_a_task_cannot_tell_of_progress(agent: Agent) -> None:
    @agent.skill(task=False)
    async def eager(text: str, ctx: Context) -> str:
        await ctx.progress("half")
        return text

    with pytest.raises(InternalError):
        await answer(agent, make_call("SendMessage", saying("hi")))


# -- what a signature may not be


def _two_inputs(agent: Agent) -> None:
    @agent.skill
    async def skill(text: str, language: str) -> str:
        return text


def _unsaid(name: str) -> Any:
    """A skill whose author forgot one annotation."""

    async def skill(text: str, ctx: Context) -> str:
        return text

    del skill.__annotations__[name]
    return skill


def _input_not_said(agent: Agent) -> None:
    agent.skill(_unsaid("text"))


def _context_not_said(agent: Agent) -> None:
    agent.skill(_unsaid("ctx"))


def _result_not_said(agent: Agent) -> None:
    agent.skill(_unsaid("return"))


def _star(agent: Agent) -> None:
    @agent.skill
    async def skill(*texts: str) -> str:
        return "".join(texts)


def _generator_of_what(agent: Agent) -> None:
    @agent.skill
    async def skill(text: str) -> Any:
        yield text


def _unsendable(agent: Agent) -> None:
    @agent.skill
    async def skill(text: str) -> Agent:
        return agent


def _message_with_a_task(agent: Agent) -> None:
    @agent.skill
    async def skill(text: str) -> Message:
        return Message("1", Role.AGENT, [])


def _stream_without_a_task(agent: Agent) -> None:
    @agent.skill(task=False)
    async def skill(text: str) -> AsyncIterator[str]:
        yield text


def _unknown_name(agent: Agent) -> None:
    async def skill(text: str) -> str:
        return text

    skill.__annotations__["text"] = "Nowhere"
    agent.skill(skill)


def _tags_are_one_word(agent: Agent) -> None:
    @agent.skill(tags="text")
    async def skill(text: str) -> str:
        return text


@pytest.mark.parametrize(
    "declare",
    [
        _two_inputs,
        _input_not_said,
        _context_not_said,
        _result_not_said,
        _star,
        _generator_of_what,
        _unsendable,
        _message_with_a_task,
        _stream_without_a_task,
        _unknown_name,
        _tags_are_one_word,
    ],
)
@pytest.mark.requirement("sdk.early")
def test_a_signature_that_cannot_be_served_is_refused_where_it_is_written(agent: Agent, declare: Any) -> None:
    with pytest.raises(TypeError, match="skill"):
        declare(agent)
    assert agent.skills == ()


@pytest.mark.parametrize(
    "settings", [{"name": "no name"}, {"version": "newest"}, {"reentrant": 0}, {"name": "taken"}, {"default": True}]
)
def test_a_setting_that_cannot_be_is_refused_where_it_is_written(agent: Agent, settings: dict[str, Any]) -> None:
    @agent.skill(default=True)
    async def taken(text: str) -> str:
        return text

    async def another(text: str) -> str:
        return text

    with pytest.raises(ValueError, match=r"."):
        agent.skill(**settings)(another)
    assert agent.skills == ("taken",)


def test_a_decorated_function_stays_what_it_was(agent: Agent) -> None:
    async def echo(text: str) -> str:
        return text

    assert agent.skill(echo) is echo
    assert agent.skill(name="other")(echo) is echo


# -- what is said of it


def test_card_and_manifest_say_what_the_decorator_said(agent: Agent) -> None:
    @agent.skill(
        version="2.0.0", tags=["money"], labels={"region": "eu"}, reentrant=2, default=True, cost_usd=0.1, latency=2
    )
    async def price(order: Order) -> Bill:
        """Price an order."""
        return Bill(total=order.count)

    _, view, _ = read_card(__import__("msgspec").json.encode(agent.card()))
    assert (view.skills[0].id, view.skills[0].description, view.skills[0].tags) == (
        "price",
        "Price an order.",
        ["money"],
    )
    terms = terms_of(view).skills["price"]
    assert (terms.version, terms.labels, terms.reentrant, terms.default) == ("2.0.0", {"region": "eu"}, 2, True)
    assert terms.input_schema == Order.model_json_schema()
    assert terms.output_schema == Bill.model_json_schema()
    one = agent.manifest().skills[0]
    assert (one.skill, one.version, one.tags, one.cost_usd, one.latency) == ("price", "2.0.0", ("money",), 0.1, 2)
    assert one.input is not None
    assert one.input.type == "Order"
    assert agent.card()["capabilities"]["extensions"][0]["uri"] == CAPABILITIES_URI


def test_all_instances_of_a_release_share_one_manifest() -> None:
    def make() -> Agent:
        agent = Agent("demo", version="1.4.0")

        @agent.skill
        async def echo(text: str) -> str:
            return text

        return agent

    one, two = make(), make()
    assert one.instance != two.instance
    assert one.manifest().digest() == two.manifest().digest()
