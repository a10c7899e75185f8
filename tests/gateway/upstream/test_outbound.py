"""What goes out to an agent, and what its answer becomes: headers, ids, labels, and the cancel that follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from meshgate.a2a.call import Call, Principal
from meshgate.a2a.codec.transcode import proto_class, to_proto
from meshgate.a2a.errors import Killed, MeshError, OutcomeUnknown, UpstreamDeadline, UpstreamUnavailable
from meshgate.a2a.mesh.lineage import Lineage, Step
from meshgate.a2a.mesh.lineage_tokens import verify
from meshgate.a2a.mesh.task_tag import TaskTag
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import JsonPayload, Payload, ProtoPayload
from meshgate.a2a.reply import Reply
from meshgate.gateway.facts import Spoken, TaskRoute
from meshgate.gateway.upstream.attempt import Attempt, Chosen
from meshgate.gateway.upstream.breaker import Breaker
from meshgate.gateway.upstream.instance import Health, Instance
from meshgate.gateway.upstream.send import Outbound
from meshgate.registry.model import Endpoint
from meshgate.telemetry.context import TraceContext
from meshgate.testing import LocalMesh, task
from meshgate.testing.agents import Script
from tests.gateway.calls import ECHO, Clock, entry, make_call
from tests.support.virtual_loop import settle, virtual_time

PATH = (Step("front", "work"),)


class Post:
    """The sender of a gateway that was never started, and one agent behind it."""

    def __init__(self, script: Script, *, tenant: str = "", **more: Any) -> None:
        self.clock = Clock()
        self.mesh = LocalMesh(clock=self.clock, wall=lambda: 1.8e9)
        self.send, self.tags = self.mesh.gateway.send, self.mesh.gateway.tags
        self.mesh.wire.scripts["local://echo-1"] = script
        listed = entry(endpoints=(Endpoint("JSONRPC", "local://echo-1", tenant=tenant),), **more)
        secret = "" if listed.manifest.foreign else "mgi_secret"
        self.where = Instance(listed, Breaker("echo-1", clock=self.clock), self.clock, secret)

    def chosen(self, call: Call) -> Call:
        return call.with_fact(Chosen(Attempt(call, self.where, self.where.entry.instance.endpoints[0], 1000.0), ""))

    async def answer(self, call: Call) -> dict[str, Any]:
        return (await (await self.send(self.chosen(call))).answer()).tree()

    @property
    def sent(self) -> list[Outbound]:
        return self.mesh.wire.sent

    def tag(self, task_id: str) -> TaskTag:
        tag = self.tags.read(task_id)
        assert tag is not None
        return tag


def message(label: str = "", **more: Any) -> Call:
    """A call whose request has this routing label, and ``more`` in its message."""
    kind = METHODS["SendMessage"].request
    tree: dict[str, Any] = {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}], **more}}
    if label:
        tree["tenant"] = label
    call = make_call(route=ECHO, message_id="m")
    return msgspec.structs.replace(call, payload=JsonPayload(kind, tree, msgspec.convert(tree, kind)))


# -- headers


@pytest.mark.requirement("path.lineage", "path.deadline")
async def test_an_agent_is_told_its_place_in_the_job_and_the_time_that_is_left() -> None:
    post = Post(task("t1"))
    call = msgspec.structs.replace(message(), lineage=Lineage("g.1", "c0", PATH, 500.0), deadline=1007.25)
    await post.answer(call.with_fact(TraceContext("a" * 32, "b" * 16, sampled=True)))
    headers = dict(post.sent[0].headers)
    keys = {post.mesh.mesh_key.id: post.mesh.mesh_key.secret}
    token = verify(headers.pop("meshgate-lineage"), keys, "echo")
    assert token == Lineage("g.1", "c1", (*PATH, Step("echo", "say")), 7.25, "echo", minted=1.8e9)
    assert headers == {
        "a2a-version": "1.0",
        "meshgate-call": "c1",
        "meshgate-deadline": "7.250000",
        "meshgate-skill": "say",
        "meshgate-job": "g.1",
        "authorization": "Bearer mgi_secret",
        "meshgate-principal": "ann",
        "meshgate-tenant": "default",
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
    }


async def test_of_the_callers_headers_only_the_extensions_go_on() -> None:
    post = Post(task("t1"))
    said = {"authorization": "Bearer mg_client", "x-api-key": "k", "cookie": "c", "a2a-extensions": "https://x"}
    said |= {"meshgate-principal": "root", "meshgate-tenant": "acme"}
    await post.answer(msgspec.structs.replace(message(), headers=said, deadline=999.0))
    assert post.sent[0].headers == {
        "a2a-version": "1.0",
        "meshgate-call": "c1",
        "meshgate-deadline": "0.000000",
        "authorization": "Bearer mgi_secret",
        "meshgate-principal": "ann",
        "meshgate-tenant": "default",
        "a2a-extensions": "https://x",
    }


async def test_a_foreign_agent_is_shown_no_secret() -> None:
    post = Post(task("t1"), foreign=True)
    await post.answer(msgspec.structs.replace(message(), deadline=1060.0))
    assert "authorization" not in post.sent[0].headers


@pytest.mark.requirement("caller.told")
@pytest.mark.parametrize(
    ("kind", "told"), [({}, True), ({"foreign": True}, False), ({"foreign": True, "tell_caller": True}, True)]
)
async def test_an_agent_is_told_who_calls_by_the_gateway_alone(kind: dict[str, Any], told: bool) -> None:
    post = Post(task("t1"), **kind)
    caller = Principal("user", "Zo\u00eb 100%", "acme")
    forged = {"meshgate-principal": "root", "meshgate-tenant": "default"}
    await post.answer(msgspec.structs.replace(message(), principal=caller, headers=forged, deadline=1060.0))
    sent = {name: text for name, text in post.sent[0].headers.items() if name in forged}
    assert sent == ({"meshgate-principal": "Zo%C3%AB%20100%25", "meshgate-tenant": "acme"} if told else {})


# -- ids


@pytest.mark.requirement("path.task_owner")
async def test_the_client_sees_a_tagged_id_that_says_whose_the_task_is_and_where() -> None:
    post = Post(task("t1"))
    call = msgspec.structs.replace(message(), deadline=1060.0).with_fact(Spoken("1.2.0"))
    answer = await post.answer(call)
    tag = post.tag(answer["task"]["id"])
    assert (tag.upstream, tag.release) == ("t1", "1.2.0")
    assert (tag.agent, tag.instance) == (post.tags.agent("echo"), post.tags.instance("echo-1"))
    assert post.tags.owns(tag, tenant="default", owner="ann")
    assert not post.tags.owns(tag, tenant="default", owner="bob")
    assert not post.tags.owns(tag, tenant="acme", owner="ann")


@pytest.mark.requirement("path.task_owner")
async def test_a_task_keeps_the_id_it_was_given_and_the_agent_is_asked_by_its_own() -> None:
    post = Post(task("t1"))
    call = make_call("GetTask", task_id="as-given", deadline=1060.0).with_fact(TaskRoute("t1", "echo-2"))
    assert (await post.answer(call))["id"] == "as-given"
    assert post.sent[0].payload.view().id == "t1"


@pytest.mark.requirement("path.task_owner")
async def test_referenced_tasks_of_the_agent_go_out_under_its_own_ids_and_others_as_the_client_sees_them() -> None:
    post = Post(task("t1"))
    made = {"tenant": "default", "owner": "ann", "instance": "x"}
    own, other = post.tags.tag("t5", agent="echo", **made), post.tags.tag("t6", agent="other", **made)
    theirs = post.tags.tag("t7", agent="echo", **{**made, "tenant": "acme"})
    sent = [own, other, "plain", own[:-1] + "6", theirs]
    await post.answer(msgspec.structs.replace(message(referenceTaskIds=sent), deadline=1060.0))
    # Only what this mesh made for the caller's tenant is an id of the agent's.
    assert post.sent[0].payload.view().message.reference_task_ids == ["t5", *sent[1:]]


@pytest.mark.parametrize(("label", "wanted"), [("", ""), ("echo", ""), ("echo", "blue"), ("", "blue")])
async def test_the_routing_label_is_the_agents_and_not_the_callers(label: str, wanted: str) -> None:
    post = Post(task("t1"), tenant=wanted)
    await post.answer(msgspec.structs.replace(message(label), deadline=1060.0))
    assert post.sent[0].payload.tree().get("tenant", "") == wanted


@pytest.mark.parametrize(("label", "wanted"), [("", ""), ("echo", ""), ("echo", "blue"), ("", "blue")])
async def test_a_message_in_protobuf_has_the_agents_label_too_and_the_callers_own_is_left_as_it_is(
    label: str, wanted: str
) -> None:
    post = Post(task("t1"), tenant=wanted)
    call = message(label)
    proto = ProtoPayload(call.payload.kind, to_proto(call.payload.tree(), proto_class(call.payload.kind)))
    before = proto.message.SerializeToString()
    await post.answer(msgspec.structs.replace(call, payload=proto, deadline=1060.0))
    sent = post.sent[0].payload.view()
    assert (sent.tenant, sent.message.message_id) == (wanted, "m")
    assert proto.message.SerializeToString() == before


@pytest.mark.requirement("path.task_owner")
async def test_tasks_that_an_answer_refers_to_are_tagged_unless_they_are_already() -> None:
    tagged = LocalMesh().gateway.tags.tag("t5", tenant="default", owner="ann", agent="other", instance="x")

    def script(call: Call) -> Reply:
        told = {"messageId": "r", "role": "ROLE_AGENT", "parts": [{"text": "x"}], "referenceTaskIds": ["t9", tagged]}
        return Reply.one(JsonPayload(call.method.response, {"message": told}))

    post = Post(script)
    answer = await post.answer(msgspec.structs.replace(message(), deadline=1060.0))
    own, other = answer["message"]["referenceTaskIds"]
    assert (post.tag(own).upstream, post.tag(own).agent) == ("t9", post.tags.agent("echo"))
    assert other == tagged


async def test_the_health_question_goes_to_the_first_address_whose_binding_is_spoken() -> None:
    post = Post(task("t1"))
    assert await post.send.ask_health(post.where, 1.0) is Health.WELL
    post.mesh.wire.hung.add("local://echo-1")
    assert await post.send.ask_health(post.where, 1.0) is Health.SILENT
    other = entry(endpoints=(Endpoint("JSONRPC", "local://echo-1", version="9.0"),))
    assert await post.send.ask_health(Instance(other, post.where.breaker, post.clock, ""), 1.0) is Health.FAILED


async def test_a_call_for_which_no_instance_was_chosen_is_not_sent() -> None:
    post = Post(task("t1"))
    with pytest.raises(UpstreamUnavailable):
        await post.send(message())
    assert post.sent == []


# -- the cancel that follows


class Working:
    """An agent whose task never ends, and that notes what it is asked to cancel."""

    def __init__(self) -> None:
        self.cancelled: list[tuple[str, str]] = []

    async def __call__(self, call: Call) -> Reply:
        if call.method.name == "CancelTask":
            self.cancelled.append((call.task_id, call.headers["meshgate-deadline"]))
            return task("t1", "TASK_STATE_CANCELED")(call)

        async def events() -> AsyncIterator[Payload]:
            yield JsonPayload(call.method.response, {"task": {"id": "t1", "status": {"state": "TASK_STATE_WORKING"}}})
            await asyncio.Event().wait()

        return Reply(events())


async def begun(post: Post, method: str = "SendStreamingMessage") -> tuple[Reply, Attempt]:
    """A stream whose first event was read."""
    call = post.chosen(make_call(method, route=ECHO, deadline=1060.0))
    reply = await post.send(call)
    assert (await anext(reply)).tree()["task"]["id"] != "t1"
    fact = call.fact(Chosen)
    assert fact is not None
    return reply, fact.attempt


@pytest.mark.requirement("stream.quiet", "stream.drain")
@pytest.mark.parametrize(
    ("method", "error", "cancelled"),
    [
        ("SendStreamingMessage", Killed(), True),
        ("SubscribeToTask", Killed(), True),
        ("SendStreamingMessage", UpstreamDeadline(), True),
        ("SubscribeToTask", UpstreamDeadline(), False),
        ("SendStreamingMessage", OutcomeUnknown(), False),
        ("SendStreamingMessage", UpstreamUnavailable(), False),
    ],
    ids=lambda value: getattr(value, "code", None),
)
@virtual_time
async def test_a_deadline_or_an_operator_ends_the_work_itself_and_a_viewer_or_a_silent_agent_does_not(
    method: str, error: MeshError, cancelled: bool
) -> None:
    agent = Working()
    reply, attempt = await begun(Post(agent), method)
    attempt.begun = True
    attempt.abort(error)
    with pytest.raises(type(error)):
        await anext(reply)
    await settle()
    assert agent.cancelled == ([("t1", "5.000000")] if cancelled else [])


@virtual_time
async def test_a_caller_that_leaves_only_detaches() -> None:
    agent = Working()
    reply, _ = await begun(Post(agent))
    await reply.aclose()
    await settle()
    assert agent.cancelled == []
