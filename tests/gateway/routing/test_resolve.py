"""From a selector to a route: which one of several, what is asked wrongly, and what asking for nothing costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from meshgate.a2a.call import Call, Handler, Principal, Route
from meshgate.a2a.errors import InvalidParams, MeshError, NoRoute, RateLimited, TaskNotFound
from meshgate.a2a.mesh.context_ids import ContextTags
from meshgate.a2a.mesh.headers import SKILL_KEY
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import JsonPayload
from meshgate.a2a.reply import Reply
from meshgate.a2a.selector import parse_selector
from meshgate.a2a.versions import VersionRange
from meshgate.gateway.identity.authorizer import ScopeAuthorizer
from meshgate.gateway.jobs.rates import Rates
from meshgate.gateway.routing.agent_choice import AgentChoice
from meshgate.gateway.routing.resolve import Resolve
from meshgate.gateway.routing.routes import Routes
from meshgate.gateway.routing.task_owner import TaskOwner
from meshgate.registry.index import Index
from meshgate.registry.model import Capability, Delta, Entry
from tests.gateway.calls import ANN, Behind, Clock, entry, make_call

Ready = Callable[[tuple[str, ...]], bool]


def release(version: str, name: str = "", agent: str = "echo") -> Entry:
    skills = (Capability("say", version),)
    return entry(name or f"{agent}-{version}", agent, version=version, skills=skills)


class Backwards:
    """Contracts that prefer the oldest release, and cover what an older caller wants."""

    def prefer(self, call: Call, routes: Sequence[Route]) -> Sequence[Route]:
        return routes[::-1]

    def skill_of_parts(self, call: Call, route: Route, skills: Sequence[str]) -> str:
        return max(skills) if call.payload.view().message.parts[0].text == "typed" else ""

    def covers(self, route: Route, versions: VersionRange) -> bool:
        return (route.agent, route.skill) == ("echo", "say")


class Guide:
    """The resolver over some entries."""

    def __init__(
        self,
        *entries: Entry,
        ready: Ready = lambda _: True,
        releases: Backwards | None = None,
        load: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        index = Index()
        index.apply(Delta(put=entries))
        routes = Routes(index, ScopeAuthorizer())
        self.clock = Clock()
        self.rates = Rates(1.0, 2, lambda: 1, self.clock)
        self.tags = TaskTags(bytes(range(32)))
        self.contexts = ContextTags(self.tags)
        owner = TaskOwner(index, self.tags, routes)
        choice = AgentChoice(
            lambda route: ready(route.instances),
            lambda route: load.get(route.agent, 1.0),
            Random(7),
            self.contexts,
        )
        self.resolve = Resolve(routes, owner, lambda route: ready(route.instances), choice, releases, self.rates)

    async def reply(
        self,
        target: str,
        behind: Handler,
        *,
        label: str = "",
        skill: Any = None,
        text: str = "hi",
        **more: Any,
    ) -> Reply:
        method = METHODS["SendMessage"]
        message: dict[str, Any] = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": text}]}
        if skill is not None:
            message["metadata"] = {SKILL_KEY: skill}
        tree: dict[str, Any] = {"message": message, **({"tenant": label} if label else {})}
        payload = JsonPayload(method.request, tree, msgspec.convert(tree, method.request))
        call = make_call(target=parse_selector(target) if target else None, **more)
        return await self.resolve(msgspec.structs.replace(call, payload=payload), behind)

    async def ask(self, target: str = "", **more: Any) -> Call:
        await self.reply(target, behind := Behind(), **more)
        return behind.last

    async def route(self, target: str = "", **more: Any) -> Route:
        route = (await self.ask(target, **more)).route
        assert route is not None
        return route


@pytest.mark.parametrize("target", ["echo", "say@*", "say@^1"])
async def test_a_selector_becomes_a_route(target: str) -> None:
    call = await Guide(release("1.0.0")).ask(target)
    assert call.target == parse_selector(target)
    assert call.route is not None
    assert (call.route.agent, call.route.skill, call.route.instances) == ("echo", "say", ("echo-1.0.0",))
    assert call.route.others == ()


async def test_the_best_release_that_can_answer_takes_the_call_and_two_others_stand_behind_it() -> None:
    entries = [release(f"1.{minor}.0") for minor in range(5)]
    route = await Guide(*entries).route("say@^1")
    assert (route.version, [other.version for other in route.others]) == ("1.4.0", ["1.3.0", "1.2.0"])

    ready = {"echo-1.2.0", "echo-1.1.0"}
    route = await Guide(*entries, ready=lambda ids: bool(ready & set(ids))).route("say@^1")
    assert (route.version, [other.version for other in route.others]) == ("1.2.0", ["1.4.0", "1.3.0"])

    route = await Guide(*entries, ready=lambda _: False).route("say@^1")
    assert route.version == "1.4.0"
    route = await Guide(*entries[:2]).route("say@^1")
    assert (route.version, [other.version for other in route.others]) == ("1.1.0", ["1.0.0"])


async def test_only_releases_of_the_same_agent_stand_behind_a_route() -> None:
    entries = [release("1.1.0"), release("1.2.0", agent="parrot"), release("1.0.0")]
    route = await Guide(*entries).route("say@^1")
    assert (route.agent, route.others) == ("parrot", ())
    route = await Guide(*entries, ready=lambda ids: "echo-1.1.0" in ids).route("say@^1")
    assert (route.agent, [other.version for other in route.others]) == ("echo", ["1.0.0"])


async def test_the_tenant_label_names_a_target_too_and_must_agree_with_the_address() -> None:
    guide = Guide(release("1.0.0"))
    assert (await guide.ask(label="echo")).target == parse_selector("echo")
    assert (await guide.ask("echo", label="echo")).route is not None
    with pytest.raises(InvalidParams) as refused:
        await guide.ask("echo", label="say@*")
    assert refused.value.message == "the URL names 'echo' and the tenant label 'say@*': they must agree"


async def test_without_a_target_the_caller_is_told_how_to_name_one() -> None:
    with pytest.raises(InvalidParams) as refused:
        await Guide(release("1.0.0")).ask()
    assert refused.value.message == "name an agent or a skill: call /agents/NAME or /skills/NAME@RANGE"


async def test_a_message_may_say_which_skill_of_an_agent_it_means() -> None:
    both = entry("a", skills=(Capability("say", "1.0.0"), Capability("sing", "1.0.0")))
    guide = Guide(both)
    assert (await guide.route("echo", skill="sing")).skill == "sing"
    with pytest.raises(NoRoute):
        await guide.route("echo", skill="dance")
    for target in ("echo", "say@*", ""):
        with pytest.raises(InvalidParams) as refused:
            await guide.route(target, skill=3)
        assert refused.value.message == "message.metadata['meshgate/skill'] must be a string"


@pytest.mark.requirement("routing.skill_named")
async def test_a_skill_that_a_message_names_selects_where_nothing_else_names_a_target() -> None:
    two = [release("1.0.0"), release("1.2.0", agent="parrot")]
    guide = Guide(*two)
    call = await guide.ask(skill="say")
    assert call.target == parse_selector("say@*")
    assert call.route is not None
    assert (call.route.agent, call.route.skill, call.route.version) == ("parrot", "say", "1.2.0")
    for nothing in ("", "*"):
        with pytest.raises(InvalidParams, match="name an agent or a skill"):
            await guide.ask(skill=nothing)
    for wrong in ("say@^1", "say,eu", "say sing", "/say", "x" * 200):
        with pytest.raises(InvalidParams, match="must be a skill's name"):
            await guide.ask(skill=wrong)


@pytest.mark.requirement("routing.skill_agrees")
@pytest.mark.parametrize("more", [{"target": "say@^1"}, {"label": "say@*"}, {"target": "say@*", "label": "say@*"}])
async def test_a_skill_that_a_message_names_must_be_the_one_of_the_url_and_of_the_label(more: dict[str, str]) -> None:
    both = entry("a", skills=(Capability("say", "1.0.0"), Capability("sing", "1.0.0")))
    guide = Guide(both)
    for same in ("say", "*", "", None):
        assert (await guide.route(**more, skill=same)).skill == "say"
    for other in ("sing", "dance"):
        with pytest.raises(InvalidParams) as refused:
            await guide.route(**more, skill=other)
        told = f"the URL names the skill 'say' and message.metadata['meshgate/skill'] {other!r}: they must agree"
        assert refused.value.message == told
        assert [field for field, _ in refused.value.violations] == ["message.metadata.meshgate/skill"]


@pytest.mark.requirement("routing.skill_named")
async def test_a_label_that_names_an_agent_and_a_message_that_names_its_skill_go_together() -> None:
    guide = Guide(entry("a", skills=(Capability("say", "1.0.0"), Capability("sing", "1.0.0"))))
    assert (await guide.route(label="echo", skill="sing")).skill == "sing"


@pytest.mark.requirement("routing.agent_decides")
async def test_parts_of_a_contract_say_which_skill_is_meant_where_the_agent_would_decide() -> None:
    both = entry("a", skills=(Capability("say", "1.0.0"), Capability("sing", "1.0.0")))
    guide = Guide(both, releases=Backwards())
    assert (await guide.route("echo", text="typed")).skill == "sing"
    assert (await guide.route("echo", text="typed", skill="say")).skill == "say"
    assert (await guide.route("echo")).skill == "*"
    foreign = Guide(entry("f", skills=both.manifest.skills, foreign=True), releases=Backwards())
    assert (await foreign.route("echo", text="typed")).skill == "*"


async def test_contracts_say_which_release_is_preferred_and_which_answers_for_one_that_is_gone() -> None:
    guide = Guide(release("2.0.0"), release("3.0.0"), release("2.5.0", agent="parrot"), releases=Backwards())
    assert (await guide.route("say@^2")).version == "2.0.0"
    old = await guide.route("say@^1")
    assert (old.agent, old.version) == ("echo", "3.0.0")
    with pytest.raises(NoRoute):
        await guide.route("sing@^1")
    with pytest.raises(NoRoute):
        await Guide(release("2.0.0")).route("say@^1")


# -- what asking for nothing costs


@pytest.mark.requirement("path.rate")
@pytest.mark.parametrize(
    ("more", "kind"),
    [({"target": "nobody"}, NoRoute), ({"target": "say@^9"}, NoRoute), ({"task_id": "t"}, TaskNotFound)],
)
async def test_asking_for_what_is_not_here_spends_from_a_bucket_of_its_own(
    more: dict[str, str], kind: type[MeshError]
) -> None:
    guide = Guide(release("1.0.0"))
    for _ in range(2):
        with pytest.raises(kind):
            await guide.ask(**more)
    with pytest.raises(RateLimited) as refused:
        await guide.ask(**more)
    assert refused.value.message.startswith("ann may ask for what is not here 1 times a second")
    assert (await guide.ask("echo")).route is not None
    with pytest.raises(kind):
        await guide.ask(**more, principal=Principal("user", "bob"))
    guide.clock.now += 1.0
    with pytest.raises(kind):
        await guide.ask(**more)


@pytest.mark.requirement("path.rate")
async def test_calls_that_are_routed_and_requests_that_cannot_be_read_spend_nothing_here() -> None:
    guide = Guide(release("1.0.0"))
    for _ in range(5):
        await guide.ask("echo")
        with pytest.raises(InvalidParams):
            await guide.ask()
        with pytest.raises(NoRoute):
            await guide.resolve(make_call(target=parse_selector("echo")), Behind(NoRoute()))
    guide.rates.take(ANN, "")
    guide.rates.take(ANN, "")
    with pytest.raises(RateLimited):
        guide.rates.take(ANN, "")
