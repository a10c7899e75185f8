"""Kill switches: what each kind names, and nothing else."""

from __future__ import annotations

import msgspec
import pytest

from meshgate.a2a.call import Principal
from meshgate.a2a.errors import Killed
from meshgate.a2a.mesh.lineage import Lineage
from meshgate.gateway.policies.call.kill import Kill
from meshgate.gateway.routing.switch_match import kills_agent
from meshgate.registry.index import Index
from meshgate.registry.model import Capability, Delta, Switch, SwitchKind
from tests.gateway.calls import ECHO, entry, make_call

pytestmark = pytest.mark.requirement("path.kill")
CALL = make_call(route=ECHO, lineage=Lineage("g.1", ""), principal=Principal("user", "ann"))
NAMES: dict[SwitchKind, str] = {"agent": "echo", "skill": "say", "tenant": "default", "key": "ann", "job": "g.1"}


def thrown(*switches: Switch) -> Kill:
    table = Index()
    table.apply(Delta(switches=switches))
    return Kill(table)


@pytest.mark.parametrize("kind", NAMES)
def test_a_switch_refuses_what_it_names(kind: SwitchKind) -> None:
    policy = thrown(Switch(kind, "other"), Switch(kind, NAMES[kind], "broken"), Switch(kind, "third"))
    with pytest.raises(Killed) as refused:
        policy.admit(CALL)
    assert refused.value.message == f"{kind} {NAMES[kind]!r} is switched off: broken"
    assert refused.value.metadata == {"switch": f"{kind} {NAMES[kind]}"}


@pytest.mark.requirement("tenants.kill")
@pytest.mark.parametrize("kind", ["agent", "skill", "key"])
def test_a_switch_names_the_agent_skill_or_key_of_one_tenant(kind: SwitchKind) -> None:
    theirs = msgspec.structs.replace(CALL, principal=Principal("user", "ann", "acme"))
    assert thrown(Switch(kind, NAMES[kind])).admit(theirs) is theirs
    policy = thrown(Switch(kind, f"acme:{NAMES[kind]}"))
    assert policy.admit(CALL) is CALL
    with pytest.raises(Killed, match=f"{kind} 'acme:{NAMES[kind]}' is switched off"):
        policy.admit(theirs)


@pytest.mark.parametrize("kind", NAMES)
def test_a_name_of_another_kind_is_not_meant(kind: SwitchKind) -> None:
    switches = [Switch(kind, name) for other, name in NAMES.items() if other != kind]
    assert thrown(*switches).admit(CALL) is CALL


@pytest.mark.requirement("routing.agent_decides")
@pytest.mark.parametrize("foreign", [True, False])
def test_a_skill_that_is_switched_off_is_not_reached_by_its_agents_name_where_the_agent_would_decide(
    foreign: bool,
) -> None:
    skills = (Capability("say", "1.0.0"), Capability("sing", "1.0.0"))
    table = Index()
    table.apply(Delta(put=(entry(skills=skills, foreign=foreign),), switches=(Switch("skill", "sing", "off key"),)))
    by_name = msgspec.structs.replace(CALL, route=msgspec.structs.replace(ECHO, skill="*"))
    with pytest.raises(Killed) as refused:
        Kill(table).admit(by_name)
    assert refused.value.message == (
        "skill 'sing' is switched off: off key; the call does not say which skill it means: name another one"
    )
    assert Kill(table).admit(CALL) is CALL
    table.apply(Delta(switches=(Switch("skill", "dance"), Switch("skill", "acme:say"))))
    assert Kill(table).admit(by_name) is by_name


def test_an_agent_that_is_switched_off_is_known_by_its_tenant() -> None:
    switches = (Switch("skill", "echo"), Switch("agent", "acme:echo"))
    assert not kills_agent(switches, ECHO)
    assert kills_agent(switches, msgspec.structs.replace(ECHO, tenant="acme"))
    assert kills_agent((Switch("agent", "echo"),), ECHO)


def test_without_switches_and_without_route_and_job_a_call_goes_on() -> None:
    assert thrown().admit(CALL) is CALL
    bare = make_call()
    assert thrown(Switch("agent", "echo"), Switch("job", "g.1")).admit(bare) is bare


def test_a_switch_without_a_reason_gives_none_and_lifting_it_lets_calls_through() -> None:
    table = Index()
    table.apply(Delta(switches=(Switch("key", "ann"),)))
    with pytest.raises(Killed) as refused:
        Kill(table).admit(CALL)
    assert refused.value.message == "key 'ann' is switched off"
    table.apply(Delta(switches=()))
    assert Kill(table).admit(CALL) is CALL
