"""From a task id to the instances that may answer for the task: its owner's, in its tenant, and nobody else's."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshgate.a2a.call import Call, Principal
from meshgate.a2a.errors import TaskNotFound
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import JsonPayload
from meshgate.a2a.selector import Selector, parse_selector
from meshgate.gateway.facts import TaskRoute
from meshgate.gateway.identity.authorizer import ScopeAuthorizer
from meshgate.gateway.routing.routes import Routes
from meshgate.gateway.routing.task_owner import TaskOwner
from meshgate.registry.index import Index
from meshgate.registry.model import Capability, Delta, Entry
from tests.gateway.calls import ANN, ECHO, entry, make_call

pytestmark = pytest.mark.requirement("path.task_owner")
TAGS = TaskTags(bytes(range(32)))
ACME = Principal("user", "ann", "acme", agents=("*",), skills=("*",))


class Owners:
    """Task owners over what is registered."""

    def __init__(self, *entries: Entry) -> None:
        self.index = Index()
        self.owner = TaskOwner(self.index, TAGS, Routes(self.index, ScopeAuthorizer()))
        self.change(Delta(put=entries))

    def change(self, delta: Delta) -> None:
        self.index.apply(delta)
        self.owner.learn(delta)

    def route(self, task_id: str, principal: Principal = ANN, target: str = "") -> Call:
        selector = parse_selector(target) if target else None
        return self.owner.route(make_call("GetTask", task_id=task_id, principal=principal), selector)

    def instances(self, task_id: str, principal: Principal = ANN) -> tuple[str, tuple[str, ...]]:
        """The instance that keeps the task, and those that may answer."""
        call = self.route(task_id, principal)
        fact = call.fact(TaskRoute)
        assert call.route is not None
        assert fact is not None
        return fact.instance, call.route.instances

    def refused(self, task_id: str, principal: Principal = ANN, target: str = "") -> dict[str, str]:
        with pytest.raises(TaskNotFound) as refused:
            self.route(task_id, principal, target)
        return refused.value.metadata


def task_of(instance: str = "echo-1", principal: Principal = ANN, agent: str = "echo", **more: Any) -> str:
    return TAGS.tag("t7", tenant=principal.tenant, owner=principal.id, agent=agent, instance=instance, **more)


def test_a_task_goes_to_the_instance_that_made_it_under_its_own_id() -> None:
    owners = Owners(entry("echo-1", version="1.2.0"), entry("echo-2"))
    call = owners.route(task_of(release="1.1.0"))
    assert call.fact(TaskRoute) == TaskRoute("t7", "echo-1", "1.1.0", TAGS.owner(ANN.id))
    assert call.target == Selector(agent="echo", text="echo")
    assert call.route is not None
    assert (call.route.agent, call.route.skill, call.route.version) == ("echo", "say", "1.2.0")
    assert (call.route.instances, call.route.reason) == (("echo-1",), "the task's owner tag")


def test_instances_that_share_their_tasks_all_answer_and_the_maker_is_named() -> None:
    owners = Owners(entry("echo-1", shared_tasks=True), entry("echo-2", shared_tasks=True), entry("echo-3"))
    assert owners.instances(task_of("echo-1")) == ("echo-1", ("echo-1", "echo-2"))
    owners.change(Delta(gone=("echo-1",)))
    assert owners.instances(task_of("echo-1")) == ("echo-1", ("echo-2",))
    assert owners.instances(task_of("never-seen")) == ("", ("echo-2",))
    # What a maker that shares nothing keeps is known to no other.
    assert owners.instances(task_of("echo-3")) == ("echo-3", ("echo-3",))


@pytest.mark.parametrize("shared", [False, True])
def test_the_instances_of_another_tenant_never_answer(shared: bool) -> None:
    owners = Owners(entry("echo-1", shared_tasks=shared), entry("acme-1", shared_tasks=shared, tenant="acme"))
    assert owners.instances(task_of("echo-1")) == ("echo-1", ("echo-1",))
    assert owners.instances(task_of("acme-1", ACME), ACME) == ("acme-1", ("acme-1",))
    owners.change(Delta(gone=("echo-1",)))
    assert owners.refused(task_of("echo-1")) == {"reason": "INSTANCE_GONE"}
    assert owners.refused(task_of("acme-1")) == {"reason": "INSTANCE_GONE"}


def test_a_task_whose_maker_is_gone_says_so_to_its_owner_alone() -> None:
    owners = Owners(entry("echo-1"), entry("echo-2"))
    owners.change(Delta(gone=("echo-1",)))
    assert owners.refused(task_of("echo-1")) == {"reason": "INSTANCE_GONE"}
    assert owners.refused(task_of("echo-1"), Principal("user", "bob")) == {}


@pytest.mark.parametrize(
    "principal",
    [Principal("user", "bob"), ACME, Principal("user", "root", "acme", roles=frozenset({"admin"}))],
)
def test_a_task_of_another_owner_or_tenant_is_not_there(principal: Principal) -> None:
    owners = Owners(entry("echo-1"), entry("acme-1", tenant="acme"))
    assert owners.refused(task_of(), principal) == owners.refused("nothing", principal) == {}


def test_an_admin_of_the_tenant_acts_on_every_task_and_another_role_does_not() -> None:
    owners = Owners(entry("echo-1"))
    assert owners.instances(task_of(), Principal("user", "root", roles=frozenset({"admin"})))[0] == "echo-1"
    assert owners.refused(task_of(), Principal("user", "root", roles=frozenset({"operator"}))) == {}


def test_an_id_of_an_agent_that_nobody_has_heard_of_is_not_there() -> None:
    assert Owners().refused(task_of()) == {}
    assert Owners(entry("echo-1", kind="gateway")).refused(task_of()) == {}


@pytest.mark.parametrize("target", ["echo", "say@*", "say@^1"])
def test_a_target_beside_the_task_must_name_its_agent_or_a_skill_of_it(target: str) -> None:
    owners = Owners(entry("echo-1"), entry("other-1", "other", skills=(Capability("do", "1.0.0"),)))
    call = owners.route(task_of(), target=target)
    assert call.target == parse_selector(target)
    assert call.route is not None
    assert call.route.skill == "say"
    for wrong in ("other", "do@*", "say@^2", "nothing"):
        assert owners.refused(task_of(), target=wrong) == {}


def test_who_owns_a_task_may_name_its_agent_even_if_its_key_covers_the_agent_no_more() -> None:
    owners, narrow = Owners(entry("echo-1")), Principal("user", "ann")
    assert owners.route(task_of(), narrow, "echo").target == parse_selector("echo")
    assert owners.refused(task_of(), narrow, "say@*") == {}


def test_the_skill_of_a_task_is_the_target_s_or_the_agent_s_only_or_usual_one() -> None:
    both = (Capability("say", "1.0.0"), Capability("sing", "1.0.0"))
    usual = (Capability("say", "1.0.0"), Capability("sing", "1.0.0", default=True))

    def skill(target: str = "", **more: Any) -> str:
        route = Owners(entry("echo-1", **more)).route(task_of(), target=target).route
        assert route is not None
        return route.skill

    assert (skill(), skill(skills=both), skill(skills=usual), skill(foreign=True)) == ("say", "*", "sing", "*")
    assert skill("sing@*", skills=both) == "sing"


# -- tasks that a message refers to


def referring(*task_ids: str, principal: Principal = ANN) -> Call:
    tree: dict[str, Any] = {
        "messageId": "m",
        "role": "ROLE_USER",
        "parts": [{"text": "x"}],
        "referenceTaskIds": list(task_ids),
    }
    kind = METHODS["SendMessage"].request
    call = make_call(route=ECHO, principal=principal)
    view = msgspec.convert({"message": tree}, kind)
    return msgspec.structs.replace(call, payload=JsonPayload(kind, {"message": tree}, view))


BOB, ROOT = Principal("user", "bob"), Principal("user", "root", roles=frozenset({"admin"}))
NOT_ANNS = {
    "another caller's": task_of(principal=BOB),
    "another tenant's": task_of(principal=ACME),
    "made up": "t7",
    "altered": task_of()[:-1] + "8",
}


@pytest.mark.requirement("references.own")
@pytest.mark.parametrize("task_id", NOT_ANNS.values(), ids=NOT_ANNS)
def test_a_message_refers_to_its_callers_tasks_alone_and_the_refusal_says_which_is_not(task_id: str) -> None:
    owners = Owners(entry())
    owners.owner.check_references(referring(task_of(), task_of(agent="other")))
    with pytest.raises(TaskNotFound) as refused:
        owners.owner.check_references(referring(task_of(), task_id))
    assert refused.value.message == "message.referenceTaskIds[1]: task not found"
    assert refused.value.violations == (("message.referenceTaskIds[1]", "is no task of the caller's"),)


@pytest.mark.requirement("references.own")
def test_an_admin_refers_to_the_tasks_of_its_tenant() -> None:
    owners = Owners(entry())
    owners.owner.check_references(referring(task_of(), principal=ROOT))
    for task_id in (NOT_ANNS["another tenant's"], NOT_ANNS["altered"]):
        with pytest.raises(TaskNotFound):
            owners.owner.check_references(referring(task_id, principal=ROOT))


@pytest.mark.requirement("references.own")
def test_an_agent_that_takes_any_reference_is_sent_them_all_and_one_that_has_left_takes_none() -> None:
    owners = Owners(entry(any_references=True))
    call = referring(*NOT_ANNS.values())
    owners.owner.check_references(call)
    owners.change(Delta(gone=("echo-1",)))
    with pytest.raises(TaskNotFound):
        owners.owner.check_references(call)


def test_a_message_without_references_is_not_looked_at() -> None:
    Owners().owner.check_references(referring())
