"""Policies of one's own: where they stand, what is refused, and that an installed package alone changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import LoopDetected, NoRoute, RateLimited, UpstreamUnavailable
from meshgate.a2a.limits import DEFAULTS
from meshgate.a2a.reply import Reply
from meshgate.gateway import Config, ConfigError, Placed, Policies, load_config
from meshgate.gateway.app import lists_of
from meshgate.gateway.parts import Parts
from meshgate.gateway.placement import find_plugin, place
from meshgate.gateway.policy import Policy
from meshgate.testing import LocalMesh, fail, silent, stream, text
from tests.gateway.meshes import relay, virtual_mesh
from tests.support.virtual_loop import virtual_time


class Named:
    """A policy that lets everything pass."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[str] = []

    def admit(self, call: Call, /) -> Call:
        self.seen.append(call.route.agent if call.route is not None else "")
        return call


class Wrapping(Named):
    """One of the other form."""

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        return await forward(call)


LISTED: list[Policy] = [Named("one"), Named("two"), Named("three")]


def names(added: Sequence[Placed]) -> str:
    return " ".join(policy.name for policy in place(LISTED, added, "call"))


@pytest.mark.parametrize(
    ("placed", "order"),
    [
        (Placed(Named("new")), "one two three new"),
        (Placed(Named("new"), after="one"), "one new two three"),
        (Placed(Named("new"), after="three"), "one two three new"),
        (Placed(Named("new"), before="one"), "new one two three"),
        (Placed(Named("new"), before="three"), "one two new three"),
        (Placed(Named("new"), before=("three", "two")), "one new two three"),
        (Placed(Named("new"), after=("one", "two"), before="three"), "one two new three"),
    ],
)
def test_a_policy_stands_where_it_is_placed(placed: Placed, order: str) -> None:
    assert names([placed]) == order


def test_added_policies_may_follow_each_other_in_whatever_order_they_are_given() -> None:
    last, first = Placed(Named("last"), after="first"), Placed(Named("first"), after="one")
    assert names([last, first]) == names([first, last]) == "one first last two three"


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ([Placed(Named("new"), after="nobody")], "no policy 'nobody'"),
        ([Placed(Named("new"), before="nobody")], "no policy 'nobody'"),
        ([Placed(Named("two"))], "has a policy 'two' already"),
        ([Placed(Named("new")), Placed(Named("new"))], "has a policy 'new' already"),
        ([Placed(Named("a"), after="b"), Placed(Named("b"), after="a")], "each of a, b"),
        ([Placed(Named("new"), after="three", before="one")], "cannot precede 'one'"),
        ([Placed(Named(""))], "is no policy"),
    ],
)
def test_an_impossible_place_is_refused_with_the_names(added: list[Placed], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        names(added)


def test_something_that_is_no_policy_is_refused() -> None:
    with pytest.raises(ConfigError, match="str is no policy"):
        names([Placed("night")])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@virtual_time
async def test_an_added_policy_sees_calls_in_its_list() -> None:
    arrival, call, attempt = Named("early"), Named("middle"), Named("late")
    policies = Policies((Placed(arrival),), (Placed(call),), (Placed(attempt),))
    async with virtual_mesh(policies=policies) as mesh:
        await mesh.add("echo", text("hello"))
        await mesh.call("echo")
    assert (arrival.seen, call.seen, attempt.seen) == ([""], ["echo"], ["echo"])


@virtual_time
async def test_behind_retry_a_policy_runs_for_each_try_and_elsewhere_for_each_call() -> None:
    early, late = Named("early"), Named("late")
    policies = Policies(call=(Placed(early, after="rate_limit"), Placed(late)))
    async with virtual_mesh(policies=policies) as mesh:
        await mesh.add("echo", fail(UpstreamUnavailable("down", unsent=True)))
        with pytest.raises(UpstreamUnavailable):
            await mesh.call("echo")
    assert (early.seen, late.seen) == (["echo"], ["echo"] * DEFAULTS.retry_attempts)


def test_a_policy_to_leave_out_that_is_not_there_ends_the_start() -> None:
    with pytest.raises(ConfigError, match="no policy 'recrod' to leave out"):
        LocalMesh(policies=Policies(without=frozenset({"recrod"})))


# -- leaving out one policy


def every_policy() -> list[str]:
    """The names of the three lists, as a gateway composes them."""
    return [policy.name for policies in lists_of(LocalMesh().gateway) for policy in policies]


EVERY_POLICY = every_policy()
COUNT: list[dict[str, Any]] = [
    {"task": {"id": "t", "status": {"state": "TASK_STATE_WORKING"}}},
    {"message": {"messageId": "r"}},
]


@virtual_time
@pytest.mark.parametrize("name", [name for name in EVERY_POLICY if name != "authentication"])
async def test_a_path_without_one_of_its_policies_takes_calls_and_streams(name: str) -> None:
    async with virtual_mesh(policies=Policies(without=frozenset({name}))) as mesh:
        assert [one.name for policies in lists_of(mesh.gateway) for one in policies] == [
            one for one in EVERY_POLICY if one != name
        ]
        await mesh.add("echo", text("hello"))
        await mesh.add("count", stream(*COUNT))
        front = await mesh.add("front", silent)
        mesh.wire.scripts[f"local://{front}"] = relay(mesh, front, "echo")

        assert (await mesh.call("front")).tree["message"]["parts"] == [{"text": "hello"}]
        seen = (await mesh.call("count", method="SendStreamingMessage")).events
        assert [next(iter(event.tree())) for event in seen] == ["task", "message"]
        with pytest.raises(NoRoute):
            await mesh.call("nobody")
        assert mesh.gateway.in_flight.count == 0
        assert [len(instance.attempts) for instance in mesh.gateway.instances] == [0, 0, 0]


@virtual_time
@pytest.mark.parametrize("method", ["SendMessage", "SendStreamingMessage"])
async def test_without_authentication_a_caller_is_anonymous_and_may_use_nothing(method: str) -> None:
    async with virtual_mesh(policies=Policies(without=frozenset({"authentication"}))) as mesh:
        await mesh.add("echo", text("hello"))
        with pytest.raises(NoRoute, match="no agent here answers to 'echo'"):
            await mesh.call("echo", method=method)
        (job,) = mesh.gateway.records.jobs()
        assert (job.principal, job.calls[0].code) == ("", "NO_ROUTE")


# -- without the record, everything but the window goes on


@virtual_time
async def test_without_the_record_a_loop_is_refused_and_budget_and_lineage_hold() -> None:
    async with virtual_mesh(policies=Policies(without=frozenset({"record", "record_attempt"}))) as mesh:
        front = await mesh.add("front", silent)
        mesh.wire.scripts[f"local://{front}"] = relay(mesh, front, "front")
        with pytest.raises(LoopDetected) as caught:
            await mesh.call("front")
        assert caught.value.metadata["path"] == "front.front → front.front"
        assert caught.value.metadata["price"].startswith("1/256 calls")
        assert list(mesh.gateway.records.jobs()) == []
        sent = mesh.wire.sent[-1].headers
        assert {"meshgate-lineage", "traceparent", "meshgate-skill", "meshgate-job"} <= set(sent)


@virtual_time
async def test_without_the_record_a_drain_sees_the_calls_that_are_open() -> None:
    async with virtual_mesh(policies=Policies(without=frozenset({"record", "record_attempt"}))) as mesh:
        await mesh.add("count", stream(*COUNT))
        await mesh.add("quiet", silent)
        reply = await mesh.send(mesh.make_call("count", method="SendStreamingMessage"))
        waiting = asyncio.ensure_future(mesh.call("quiet"))
        await asyncio.sleep(1.0)
        assert mesh.gateway.answers.status().open_calls == 2
        await reply.aclose()
        assert mesh.gateway.answers.status().open_calls == 1
        waiting.cancel()
        await asyncio.wait({waiting})
        assert mesh.gateway.answers.status().open_calls == 0


# -- packages that bring policies


def offered(gateway: Parts) -> Policies:
    """What the entry point of the package below names."""
    return Policies(call=(Placed(Slow(gateway), after="rate_limit"),))


class Slow:
    name = "slow"

    def __init__(self, gateway: Parts) -> None:
        self._gateway = gateway

    def admit(self, call: Call, /) -> Call:
        raise RateLimited("slower, please")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package with an entry point of our group, as pip leaves one."""
    info = tmp_path / "policy_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: policy-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[meshgate.policies]\nslow = {__name__}:offered\nbroken = no_such_module:policies\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))  # pyright: ignore[reportUnknownMemberType] - pytest does not annotate it


@virtual_time
async def test_a_package_changes_the_path_only_if_the_settings_name_it(package: None) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        await mesh.call("echo")
    async with virtual_mesh(plugins=("slow",)) as mesh:
        await mesh.add("echo", text("hello"))
        with pytest.raises(RateLimited, match="slower"):
            await mesh.call("echo")


def test_a_plugin_that_no_package_offers_is_refused_with_those_that_are_offered(package: None) -> None:
    with pytest.raises(ConfigError, match=r"offers 'nihgt' .* offered are broken, slow"):
        find_plugin("nihgt")
    with pytest.raises(ConfigError, match="'broken' cannot be loaded"):
        find_plugin("broken")


def test_without_authentication_only_loopback_is_bound(tmp_path: Path) -> None:
    settings = {"without_policies": ["authentication"], "allow_remote": True}
    assert load_config(settings, home=tmp_path, environ={}).without_policies == ("authentication",)
    for host in ("host", "join_host", "admin_host", "inspect_host"):
        with pytest.raises(ConfigError, match="loopback only"):
            load_config({**settings, host: "0.0.0.0"}, home=tmp_path, environ={})


def test_the_settings_take_names_from_the_environment(tmp_path: Path) -> None:
    environ = {"MESHGATE_POLICIES": "night, day", "MESHGATE_WITHOUT_POLICIES": "record"}
    config = load_config({}, home=tmp_path, environ=environ)
    assert (config.policies, config.without_policies) == (("night", "day"), ("record",))
    assert msgspec.to_builtins(Config())["policies"] == ()
