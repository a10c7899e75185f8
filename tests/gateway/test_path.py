"""The path of a call, policy by policy: one gateway in process, real policies, scripted agents, virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from meshgate.a2a.call import Call
from meshgate.a2a.errors import (
    BudgetExhausted,
    DepthExceeded,
    FanOut,
    InvalidParams,
    Killed,
    LoopDetected,
    NoRoute,
    OutcomeUnknown,
    RateLimited,
    TaskNotFound,
    Unauthenticated,
    UpstreamDeadline,
    UpstreamUnavailable,
)
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.registry.model import Capability, Switch
from meshgate.testing import LocalMesh, Result, fail, silent, stream, task, text
from tests.contract.wild import update
from tests.gateway.meshes import limits, relay, virtual_mesh
from tests.support.virtual_loop import virtual_time


def only_job(mesh: LocalMesh) -> str:
    (job,) = mesh.gateway.records.jobs()
    return job.id


# -- record and authentication


@pytest.mark.requirement("path.record", "path.attempts", "path.names")
@virtual_time
async def test_a_call_is_on_record_with_where_it_went_and_why() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        result = await mesh.call("echo@^1")
        record = mesh.gateway.records.call(result.head.headers["meshgate-call"])
        assert record is not None
        assert (record.binding, record.selector, record.instance, record.outcome) == (
            "JSONRPC",
            "echo@^1",
            "echo-1",
            "done",
        )
        assert record.attempts[0].reason == "the only one ready of 1"


@pytest.mark.requirement("path.record")
@virtual_time
async def test_a_refusal_is_on_record() -> None:
    async with virtual_mesh() as mesh:
        with pytest.raises(NoRoute):
            await mesh.call("nobody")
        job = mesh.gateway.records.job(only_job(mesh))
        assert job is not None
        assert [(call.outcome, call.code) for call in job.calls] == [("refused", "NO_ROUTE")]


@pytest.mark.requirement("path.record")
@virtual_time
async def test_what_an_agent_reports_as_usage_is_on_record() -> None:
    async with virtual_mesh() as mesh:
        usage = {"inputTokens": 10, "outputTokens": 3, "costUsd": 0.25}
        await mesh.add("echo", text("hello", **{"meshgate/usage": usage}))
        result = await mesh.call("echo")
        record = mesh.gateway.records.call(result.head.headers["meshgate-call"])
        assert record is not None
        assert record.usage is not None
        assert (record.usage.input_tokens, record.usage.cost_usd) == (10, 0.25)


@pytest.mark.requirement("path.authentication")
@pytest.mark.parametrize("key", ["mg_client_00_nope", "mgc_x.y", "x", "mg_client_" + "a" * 5000])
@virtual_time
async def test_a_wrong_key_is_refused(key: str) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        with pytest.raises(Unauthenticated):
            await mesh.call("echo", key=key)


@pytest.mark.requirement("path.authentication")
@virtual_time
async def test_a_call_key_ends_with_its_lease() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        caller = await mesh.add("caller", text("x"))
        await mesh.call("echo", key=mesh.key_of(caller))
        await mesh.registry.deregister(caller)
        await mesh.seen(caller, there=False)
        with pytest.raises(Unauthenticated):
            await mesh.call("echo", key=mesh.key_of(caller))


@pytest.mark.requirement("path.scope")
@virtual_time
async def test_what_a_key_does_not_cover_looks_like_what_does_not_exist() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("secret", text("hello"))
        narrow = mesh.client("narrow", agents=["other"])
        with pytest.raises(NoRoute) as denied:
            await mesh.call("secret", key=narrow)
        await mesh.registry.deregister("secret-1")
        await mesh.seen("secret-1", there=False)
        with pytest.raises(NoRoute) as absent:
            await mesh.call("secret", key=narrow)
        assert (denied.value.message, denied.value.metadata) == (absent.value.message, absent.value.metadata)


@pytest.mark.requirement("path.scope")
@virtual_time
async def test_another_tenants_agent_is_not_there() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"), tenant="acme")
        with pytest.raises(NoRoute):
            await mesh.call("echo")
        assert (await mesh.call("echo", key=mesh.client("a", tenant="acme"))).events


# -- lineage, loops, depth


@pytest.mark.requirement("path.lineage")
@virtual_time
async def test_a_call_made_with_the_token_is_a_child_of_the_call_it_was_made_in() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("leaf", text("done"))
        front = await mesh.add("front", silent)
        mesh.wire.scripts[f"local://{front}"] = relay(mesh, front, "leaf")
        await mesh.call("front")
        job = mesh.gateway.records.job(only_job(mesh))
        assert job is not None
        first, second = job.calls
        account = mesh.gateway.accounts.account(job.id)
        assert account is not None
        assert (second.parent, second.inferred, account.used) == (first.id, "", 2)
        assert [step.agent for step in second.path] == ["front", "leaf"]


@pytest.mark.requirement("path.lineage")
@virtual_time
async def test_a_token_shown_by_another_agent_counts_as_absent() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("leaf", text("done"))
        thief = await mesh.add("thief", text("x"))
        await mesh.add("front", text("ok"))
        await mesh.call("front")
        token = mesh.wire.sent[-1].headers["meshgate-lineage"]
        await mesh.call("leaf", key=mesh.key_of(thief), meshgate_lineage=token)
        await mesh.call("leaf", meshgate_lineage=token)
        assert len(list(mesh.gateway.records.jobs())) == 3
        assert b"meshgate_lineage_invalid_total 2.0" in mesh.gateway.metrics.render()


@pytest.mark.requirement("path.inferred", "path.in_flight")
@virtual_time
async def test_an_agent_that_drops_its_headers_is_still_a_child() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("leaf", text("done"))
        front = await mesh.add("front", silent)
        mesh.wire.scripts[f"local://{front}"] = relay(mesh, front, "leaf", drops=True)
        await mesh.call("front")
        job = mesh.gateway.records.job(only_job(mesh))
        assert job is not None
        assert [(call.agent, call.inferred) for call in job.calls] == [("front", ""), ("leaf", "open")]


@pytest.mark.requirement("path.inferred")
@virtual_time
async def test_with_several_possible_parents_the_one_started_last_is_charged_and_the_others_are_links() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("leaf", text("done"))
        front = await mesh.add("front", silent)
        calls: list[asyncio.Future[Result]] = []
        for _ in range(2):
            calls.append(asyncio.ensure_future(mesh.call("front")))
            await asyncio.sleep(0.1)
        result = await mesh.call("leaf", key=mesh.key_of(front))
        record = mesh.gateway.records.call(result.head.headers["meshgate-call"])
        first, second = mesh.gateway.in_flight.find("front", "default")
        assert record is not None
        assert (record.parent, record.links, record.job) == (second.id, (first.id,), second.job)
        for waiting in calls:
            waiting.cancel()


@pytest.mark.requirement("path.loop")
@pytest.mark.parametrize("drops", [False, True])
@virtual_time
async def test_a_loop_is_refused_with_path_and_price(drops: bool) -> None:
    async with virtual_mesh() as mesh:
        a, b = await mesh.add("a", silent), await mesh.add("b", silent)
        mesh.wire.scripts[f"local://{a}"] = relay(mesh, a, "b", drops=drops)
        mesh.wire.scripts[f"local://{b}"] = relay(mesh, b, "a", drops=drops)
        with pytest.raises(LoopDetected) as refused:
            await mesh.call("a")
        assert refused.value.metadata["path"] == "a.a → b.b → a.a"
        assert refused.value.metadata["price"].startswith("2/256 calls")
        job = mesh.gateway.records.job(only_job(mesh))
        assert job is not None
        assert [call.code for call in job.calls if call.outcome == "refused"][-1] == "LOOP"


@pytest.mark.requirement("path.loop")
@virtual_time
async def test_a_skill_that_says_so_may_be_visited_again() -> None:
    async with virtual_mesh() as mesh:
        skill = (Capability("a", "1.0.0", reentrant=3),)
        a = await mesh.add("a", silent, skills=skill)
        mesh.wire.scripts[f"local://{a}"] = relay(mesh, a, "a")
        with pytest.raises(LoopDetected) as refused:
            await mesh.call("a")
        assert refused.value.metadata["path"] == "a.a → a.a → a.a → a.a"


@pytest.mark.requirement("path.depth")
@pytest.mark.parametrize("drops", [False, True])
@virtual_time
async def test_a_chain_deeper_than_the_limit_is_refused_with_path_and_price(drops: bool) -> None:
    async with virtual_mesh(limits=limits(depth=4)) as mesh:
        names = [f"n{index}" for index in range(6)]
        for name in names:
            await mesh.add(name, text("end"))
        for index, name in enumerate(names[:-1]):
            mesh.wire.scripts[f"local://{name}-{index + 1}"] = text("unset")
        for entry in list(mesh.gateway.table.entries.values()):
            index = names.index(entry.instance.agent)
            if index + 1 < len(names):
                script = relay(mesh, entry.instance.id, names[index + 1], drops=drops)
                mesh.wire.scripts[f"local://{entry.instance.id}"] = script
        with pytest.raises(DepthExceeded) as refused:
            await mesh.call("n0")
        assert refused.value.metadata["path"] == "n0.n0 → n1.n1 → n2.n2 → n3.n3 → n4.n4"
        assert refused.value.metadata["price"].startswith("4/256 calls")


# -- trace


@pytest.mark.requirement("path.trace")
@virtual_time
async def test_one_job_is_one_trace_also_through_an_agent_that_drops_headers() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("leaf", text("done"))
        front = await mesh.add("front", silent)
        mesh.wire.scripts[f"local://{front}"] = relay(mesh, front, "leaf", drops=True)
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        await mesh.call("front", traceparent=f"00-{trace}-00f067aa0ba902b7-01")
        sent = [out.headers["traceparent"].split("-")[1] for out in mesh.wire.sent]
        assert sent == [trace, trace]


# -- deadline


@pytest.mark.requirement("path.deadline")
@virtual_time
async def test_a_call_without_a_deadline_gets_the_default_one() -> None:
    async with virtual_mesh(limits=limits(deadline=7.0)) as mesh:
        await mesh.add("slow", silent)
        began = asyncio.get_running_loop().time()
        with pytest.raises(UpstreamDeadline):
            await mesh.call("slow")
        assert asyncio.get_running_loop().time() - began == pytest.approx(7.0)


@pytest.mark.requirement("path.deadline")
@virtual_time
async def test_a_child_has_no_more_time_than_its_parent() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("leaf", silent)
        front = await mesh.add("front", silent)
        mesh.wire.scripts[f"local://{front}"] = relay(mesh, front, "leaf", drops=True)
        began = asyncio.get_running_loop().time()
        with pytest.raises(UpstreamDeadline):
            await mesh.call("front", meshgate_deadline="3")
        assert asyncio.get_running_loop().time() - began == pytest.approx(3.0)
        assert float(mesh.wire.sent[-1].headers["meshgate-deadline"]) <= 3.0


@pytest.mark.requirement("path.deadline")
@pytest.mark.parametrize("value", ["nan", "inf", "soon", ""])
@virtual_time
async def test_a_deadline_that_is_no_number_is_refused(value: str) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        with pytest.raises(InvalidParams):
            await mesh.call("echo", meshgate_deadline=value)


# -- kill, budget, rate


@pytest.mark.requirement("path.kill")
@pytest.mark.parametrize(
    ("kind", "name"), [("agent", "echo"), ("skill", "echo"), ("tenant", "default"), ("key", "user")]
)
@virtual_time
async def test_a_kill_switch_refuses_what_it_names_until_it_is_lifted(kind: str, name: str) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        switch = Switch(kind, name, "maintenance")
        await mesh.registry.throw(switch)
        await asyncio.sleep(1.0)
        with pytest.raises(Killed):
            await mesh.call("echo")
        await mesh.registry.lift(switch)
        await asyncio.sleep(1.0)
        assert (await mesh.call("echo")).events


@pytest.mark.requirement("path.kill")
@virtual_time
async def test_killing_a_job_ends_what_runs_of_it() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("slow", silent)
        waiting = asyncio.ensure_future(mesh.call("slow"))
        await asyncio.sleep(0.1)
        await mesh.registry.throw(Switch("job", only_job(mesh)))
        with pytest.raises(Killed):
            await waiting


@pytest.mark.requirement("path.budget")
@virtual_time
async def test_a_job_over_its_calls_is_refused_with_path_and_price() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("leaf", text("done"))
        front = await mesh.add("front", silent)

        async def greedy(call: Call) -> Reply:
            token = {"meshgate-lineage": call.headers["meshgate-lineage"]}
            for _ in range(5):
                await mesh.read(mesh.make_call("leaf", key=mesh.key_of(front), **token))
            raise AssertionError("the budget let five calls through")

        mesh.wire.scripts[f"local://{front}"] = greedy
        with pytest.raises(BudgetExhausted) as refused:
            await mesh.call("front", meshgate_budget="calls=3")
        assert refused.value.metadata["path"] == "front.front → leaf.leaf"
        assert refused.value.metadata["price"].startswith("3/3 calls")


@pytest.mark.requirement("path.budget")
@virtual_time
async def test_a_job_over_its_time_is_refused() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("leaf", text("done"))
        front = await mesh.add("front", stream({"task": {"id": "t", "status": {"state": "TASK_STATE_INPUT_REQUIRED"}}}))
        await mesh.call("front", method="SendStreamingMessage", meshgate_budget="seconds=5", meshgate_deadline="60")
        token = mesh.wire.sent[-1].headers["meshgate-lineage"]
        await asyncio.sleep(6.0)
        with pytest.raises((BudgetExhausted, UpstreamDeadline)):
            await mesh.call("leaf", key=mesh.key_of(front), meshgate_lineage=token)


@pytest.mark.requirement("path.budget")
@virtual_time
async def test_a_call_that_the_jobs_time_cuts_short_says_so_with_path_and_price() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("slow", silent)
        with pytest.raises(BudgetExhausted) as refused:
            await mesh.call("slow", meshgate_budget="seconds=5", meshgate_deadline="60")
        assert refused.value.metadata["path"] == "slow.slow"
        assert refused.value.metadata["price"] == "1/256 calls, 5.0/5 s"
        with pytest.raises(UpstreamDeadline):
            await mesh.call("slow", meshgate_budget="seconds=60", meshgate_deadline="5")


@pytest.mark.requirement("path.budget")
@virtual_time
async def test_a_job_has_only_so_many_calls_open_at_once() -> None:
    async with virtual_mesh(limits=limits(job_concurrency=3)) as mesh:
        await mesh.add("slow", silent)
        front = await mesh.add("front", silent)
        root = asyncio.ensure_future(mesh.call("front"))
        await asyncio.sleep(0.1)
        open_calls = [asyncio.ensure_future(mesh.call("slow", key=mesh.key_of(front))) for _ in range(2)]
        await asyncio.sleep(0.1)
        with pytest.raises(FanOut):
            await mesh.call("slow", key=mesh.key_of(front))
        open_calls[0].cancel()
        await asyncio.sleep(0.1)
        third = asyncio.ensure_future(mesh.call("slow", key=mesh.key_of(front)))
        await asyncio.sleep(0.1)
        assert not third.done()
        for waiting in (root, *open_calls, third):
            waiting.cancel()


@pytest.mark.requirement("path.rate")
@virtual_time
async def test_calls_beyond_rate_and_burst_are_refused_with_when_to_come_back() -> None:
    async with virtual_mesh(limits=limits(rate=2.0, burst=3)) as mesh:
        await mesh.add("echo", text("hello"))
        await mesh.add("other", text("hello"))
        for _ in range(3):
            await mesh.call("echo")
        with pytest.raises(RateLimited) as refused:
            await mesh.call("echo")
        assert refused.value.retry_after == pytest.approx(0.5)
        assert (refused.value.metadata["share"], refused.value.metadata["limit"]) == ("2/s", "2/s")
        assert (await mesh.call("other")).events  # a limit of its own
        assert (await mesh.call("echo", key=mesh.client("second"))).events
        await asyncio.sleep(0.51)
        assert (await mesh.call("echo")).events


# -- where a call goes when an instance fails


@pytest.mark.requirement("path.retry")
@virtual_time
async def test_a_failed_connect_is_tried_elsewhere_whatever_the_method() -> None:
    async with virtual_mesh() as mesh:
        dead = await mesh.add("echo", text("never"))
        await mesh.add("echo", text("hello"))
        del mesh.wire.scripts[f"local://{dead}"]
        for _ in range(20):
            assert (await mesh.call("echo")).tree["message"]["parts"] == [{"text": "hello"}]


@pytest.mark.requirement("path.failover")
@virtual_time
async def test_another_release_answers_when_none_of_the_first_can_be_asked() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("old"))
        dead = await mesh.add("echo", text("never"), version="1.1.0")
        del mesh.wire.scripts[f"local://{dead}"]
        for _ in range(5):
            answer = await mesh.call("echo")
            assert answer.tree["message"]["parts"] == [{"text": "old"}]
            record = mesh.gateway.records.call(answer.head.headers["meshgate-call"])
            assert record is not None
            assert record.version == "1.0.0"


@pytest.mark.requirement("path.retry_unsafe")
@virtual_time
async def test_a_send_that_may_have_arrived_is_not_sent_to_another_release_either() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("old"))
        await mesh.add("echo", fail(OutcomeUnknown()), version="1.1.0")
        with pytest.raises(OutcomeUnknown):
            await mesh.call("echo")
        assert len(mesh.wire.sent) == 1


@pytest.mark.requirement("path.retry")
@virtual_time
async def test_a_safe_call_is_tried_elsewhere() -> None:
    async with virtual_mesh() as mesh:
        maker = await mesh.add("echo", task("t1"), shared_tasks=True)
        started = await mesh.call("echo")
        await mesh.add("echo", task("t1"), shared_tasks=True)
        mesh.wire.scripts[f"local://{maker}"] = fail(UpstreamUnavailable())
        for _ in range(10):
            found = await mesh.call("", started.tree["task"]["id"], method="GetTask")
            assert found.tree["id"] == started.tree["task"]["id"]


@pytest.mark.requirement("path.retry_unsafe")
@virtual_time
async def test_a_send_that_may_have_arrived_is_never_sent_again() -> None:
    async with virtual_mesh() as mesh:
        for _ in range(3):
            await mesh.add("echo", fail(OutcomeUnknown()))
        with pytest.raises(OutcomeUnknown):
            await mesh.call("echo")
        for instance in ("echo-1", "echo-2", "echo-3"):
            mesh.wire.scripts[f"local://{instance}"] = fail(UpstreamUnavailable())
        with pytest.raises(UpstreamUnavailable):
            await mesh.call("echo")
        assert len(mesh.wire.sent) == 2


@pytest.mark.requirement("path.retry_budget")
@virtual_time
async def test_retries_stay_within_their_share_of_the_calls() -> None:
    strict = limits(retry_ratio=0.2, retry_floor=0.1, breaker_failures=10**6, breaker_volume=10**6)
    async with virtual_mesh(limits=strict) as mesh:
        await mesh.add("echo", task("t1"), shared_tasks=True)
        started = await mesh.call("echo")
        await mesh.add("echo", task("t1"), shared_tasks=True)
        for instance in list(mesh.wire.scripts):
            mesh.wire.scripts[instance] = fail(UpstreamUnavailable())
        mesh.wire.sent.clear()
        for _ in range(200):
            with pytest.raises(UpstreamUnavailable):
                await mesh.call("", started.tree["task"]["id"], method="GetTask")
        assert len(mesh.wire.sent) <= 200 * 1.2 + 2


@pytest.mark.requirement("path.concurrency")
@virtual_time
async def test_an_instance_has_only_so_many_calls_open() -> None:
    async with virtual_mesh(limits=limits(concurrency=2)) as mesh:
        await mesh.add("slow", silent)
        open_calls = [asyncio.ensure_future(mesh.call("slow")) for _ in range(2)]
        await asyncio.sleep(0.1)
        with pytest.raises(UpstreamUnavailable) as refused:
            await mesh.call("slow")
        assert refused.value.unsent
        assert len(mesh.wire.sent) == 2
        for waiting in open_calls:
            waiting.cancel()


@pytest.mark.requirement("path.breaker")
@virtual_time
async def test_an_instance_that_fails_leaves_after_five_and_returns_by_one_probe() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", fail(UpstreamUnavailable()))
        for _ in range(5):
            with pytest.raises(UpstreamUnavailable):
                await mesh.call("echo")
        assert len(mesh.wire.sent) == 5
        with pytest.raises(UpstreamUnavailable) as refused:
            await mesh.call("echo")
        assert len(mesh.wire.sent) == 5
        assert refused.value.retry_after is not None
        assert 0 < refused.value.retry_after <= 1.5
        await asyncio.sleep(1.6)
        mesh.wire.scripts["local://echo-1"] = silent
        probe = asyncio.ensure_future(mesh.call("echo"))
        await asyncio.sleep(0.1)
        with pytest.raises(UpstreamUnavailable):
            await mesh.call("echo")
        assert len(mesh.wire.sent) == 6
        probe.cancel()
        await asyncio.sleep(0.1)
        mesh.wire.scripts["local://echo-1"] = text("well again")
        assert (await mesh.call("echo")).events
        assert (await mesh.call("echo")).events


@pytest.mark.requirement("path.breaker")
@virtual_time
async def test_with_one_of_four_failing_few_calls_notice() -> None:
    async with virtual_mesh() as mesh:
        for index in range(4):
            await mesh.add("echo", fail(UpstreamUnavailable()) if index == 0 else text("hello"))
        failed = 0
        for _ in range(400):
            try:
                await mesh.call("echo")
            except UpstreamUnavailable:
                failed += 1
            await asyncio.sleep(0.005)
        assert 0 < failed <= 7


@pytest.mark.requirement("path.hang")
@virtual_time
async def test_an_instance_that_hangs_leaves_rotation_and_safe_calls_go_elsewhere() -> None:
    async with virtual_mesh() as mesh:
        hung = await mesh.add("echo", task("t1"), shared_tasks=True)
        started = await mesh.call("echo")
        well = await mesh.add("echo", task("t1"), shared_tasks=True)
        mesh.wire.scripts[f"local://{hung}"] = silent
        mesh.wire.hung.add(f"local://{hung}")
        loop = asyncio.get_running_loop()
        began = loop.time()
        found = await mesh.call("", started.tree["task"]["id"], method="GetTask")
        assert found.tree["id"] == started.tree["task"]["id"]
        assert loop.time() - began <= 1.5
        mesh.wire.sent.clear()
        for _ in range(20):
            await mesh.call("echo")
        assert {out.attempt.instance.id for out in mesh.wire.sent} == {well}


@pytest.mark.requirement("path.hang")
@virtual_time
async def test_a_send_on_a_hung_instance_ends_as_unknown_at_its_deadline() -> None:
    async with virtual_mesh() as mesh:
        hung = await mesh.add("echo", silent)
        mesh.wire.hung.add(f"local://{hung}")
        began = asyncio.get_running_loop().time()
        with pytest.raises(OutcomeUnknown):
            await mesh.call("echo", meshgate_deadline="5")
        assert asyncio.get_running_loop().time() - began == pytest.approx(5.0)


@pytest.mark.requirement("stream.done")
@pytest.mark.parametrize(
    ("state", "shown"), [("FAILED", "task failed"), ("REJECTED", "task rejected"), ("COMPLETED", "done"), ("", "done")]
)
@virtual_time
async def test_a_task_that_failed_is_shown_as_failed(state: str, shown: str) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", task("t1", f"TASK_STATE_{state}") if state else text("hello"))
        await mesh.call("echo")
        (job,) = mesh.gateway.answers.jobs(10)
        assert job.outcome == shown
        labels = f'method="SendMessage",outcome="done",task="{state.lower()}"'
        assert labels in mesh.gateway.answers.metrics()


@pytest.mark.requirement("stream.done")
@virtual_time
async def test_a_caller_that_leaves_after_the_last_event_had_all_of_it() -> None:
    async with virtual_mesh() as mesh:
        events = [update("WORKING"), update("COMPLETED")]

        async def lingers(call: Call) -> Reply:
            async def sent() -> AsyncIterator[Payload]:
                for event in events:
                    yield JsonPayload(call.method.response, event)
                await asyncio.sleep(1000)

            return Reply(sent())

        await mesh.add("echo", lingers)
        found = await mesh.call("echo", method="SendStreamingMessage")
        assert len(found.events) == 2
        (job,) = mesh.gateway.answers.jobs(10)
        assert (job.outcome, job.open) == ("done", 0)


@pytest.mark.requirement("stream.drain")
@pytest.mark.parametrize(
    ("agent", "method", "code", "task_told"),
    [
        ("talks", "SendStreamingMessage", "UPSTREAM_UNAVAILABLE", True),
        ("talks", "SubscribeToTask", "UPSTREAM_UNAVAILABLE", True),
        ("silent", "SendStreamingMessage", "OUTCOME_UNKNOWN", False),
        ("silent", "SendMessage", "OUTCOME_UNKNOWN", False),
    ],
)
@virtual_time
async def test_a_gateway_that_stops_ends_what_is_open_and_says_where_to_go_on(
    agent: str, method: str, code: str, task_told: bool
) -> None:
    async with virtual_mesh() as mesh:
        working = {"task": {"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_WORKING"}}}

        async def talks(call: Call) -> Reply:
            async def events() -> AsyncIterator[Payload]:
                yield JsonPayload(call.method.response, working)
                await asyncio.sleep(1000)

            return Reply(events()) if call.method.streaming else task("t", "TASK_STATE_WORKING")(call)

        await mesh.add("talks", talks)
        await mesh.add("silent", silent)
        task_id = (await mesh.call("talks")).tree["task"]["id"] if method == "SubscribeToTask" else ""
        waiting = asyncio.ensure_future(mesh.call("" if task_id else agent, task_id, method=method))
        await asyncio.sleep(0.1)
        mesh.wire.sent.clear()
        assert mesh.gateway.end_open() == 1
        with pytest.raises((UpstreamUnavailable, OutcomeUnknown)) as told:
            await waiting
        assert (told.value.code, told.value.metadata["reason"]) == (code, "DRAINING")
        assert ("task" in told.value.metadata) is task_told
        await asyncio.sleep(0.1)
        assert mesh.wire.sent == [], "the work goes on: nothing is cancelled, and nothing is tried again"
        assert {view.breaker for view in mesh.gateway.answers.instances()} == {"closed"}


@pytest.mark.requirement("path.hang")
@pytest.mark.parametrize("method", ["SendMessage", "SendStreamingMessage"])
@virtual_time
async def test_a_message_that_a_silent_agent_got_ends_as_unknown_at_its_deadline(method: str) -> None:
    async with virtual_mesh() as mesh:
        name = await mesh.add("echo", silent)
        mesh.wire.hung.add(f"local://{name}")
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(OutcomeUnknown) as unknown:
            await mesh.call("echo", method=method, meshgate_deadline="4")
        assert (loop.time() - began, unknown.value.metadata) == (4.0, {})


@pytest.mark.requirement("instance.silent")
@virtual_time
async def test_an_agent_whose_one_thread_is_busy_serves_its_second_caller_afterwards() -> None:
    async with virtual_mesh() as mesh:
        loop = asyncio.get_running_loop()
        busy = ""

        async def blocked(call: Call) -> Reply:
            mesh.wire.hung.add(f"local://{busy}")
            await asyncio.sleep(3.0)
            mesh.wire.hung.discard(f"local://{busy}")
            return text("done")(call)

        busy = await mesh.add("busy", blocked)
        first = asyncio.ensure_future(mesh.call("busy"))
        await asyncio.sleep(1.5)
        began = loop.time()
        await mesh.call("busy")
        assert loop.time() - began <= 1.5 + 0.5 + 3.0
        await first
        await asyncio.sleep(0.6)
        (view,) = mesh.gateway.answers.instances()
        assert (view.breaker, view.healthy) == ("closed", True)


@pytest.mark.requirement("path.hang")
@virtual_time
async def test_an_agent_that_thinks_for_a_minute_is_left_to_think() -> None:
    async with virtual_mesh() as mesh:

        async def thinker(call: Call) -> Reply:
            await asyncio.sleep(50.0)
            return text("42")(call)

        await mesh.add("thinker", thinker)
        assert (await mesh.call("thinker")).tree["message"]["parts"] == [{"text": "42"}]


# -- tasks


@pytest.mark.requirement("path.task_owner")
@pytest.mark.parametrize("method", ["GetTask", "CancelTask", "SubscribeToTask"])
@virtual_time
async def test_a_task_is_its_owners_alone(method: str) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", task("t1"))
        started = await mesh.call("echo")
        task_id = started.tree["task"]["id"]
        assert (await mesh.call("", task_id, method=method)).tree
        stranger = mesh.client("stranger")
        with pytest.raises(TaskNotFound) as denied:
            await mesh.call("", task_id, method=method, key=stranger)
        with pytest.raises(TaskNotFound) as absent:
            await mesh.call("", "nothing", method=method, key=stranger)
        assert (denied.value.message, denied.value.metadata) == (absent.value.message, absent.value.metadata)
        admin = mesh.client("admin", roles=["admin"])
        assert (await mesh.call("", task_id, method=method, key=admin)).tree


@pytest.mark.requirement("path.task_owner")
@virtual_time
async def test_an_agent_sees_its_own_ids_and_the_client_sees_tagged_ones() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", task("t1", "TASK_STATE_WORKING", history=[]))
        started = await mesh.call("echo")
        task_id = started.tree["task"]["id"]
        assert task_id.endswith("~t1")
        message = {
            "messageId": "m",
            "role": "ROLE_USER",
            "parts": [{"text": "x"}],
            "taskId": task_id,
            "referenceTaskIds": [task_id],
        }
        again = await mesh.read(mesh.call_of({"message": message}, "echo"))
        sent = mesh.wire.sent[-1].payload.view().message
        assert (sent.task_id, sent.reference_task_ids) == ("t1", ["t1"])
        assert again.tree["task"]["id"] == task_id


@pytest.mark.requirement("path.task_owner")
@virtual_time
async def test_a_task_whose_instance_is_gone_says_so_to_its_owner() -> None:
    async with virtual_mesh() as mesh:
        first = await mesh.add("echo", task("t1"))
        started = await mesh.call("echo")
        await mesh.add("echo", task("t1"))
        await mesh.registry.deregister(first)
        await mesh.seen(first, there=False)
        with pytest.raises(TaskNotFound) as gone:
            await mesh.call("", started.tree["task"]["id"], method="GetTask")
        assert gone.value.metadata == {"reason": "INSTANCE_GONE"}
