"""Kill switches: what each kind names, and nothing else."""

from __future__ import annotations

import pytest

from meshgate.a2a.call import Principal
from meshgate.a2a.errors import Killed
from meshgate.a2a.mesh.lineage import Lineage
from meshgate.gateway.policies.call.kill import Kill
from meshgate.registry.index import Index
from meshgate.registry.model import Delta, Switch, SwitchKind
from tests.gateway.calls import ECHO, make_call

pytestmark = pytest.mark.requirement("path.kill")
CALL = make_call(route=ECHO, lineage=Lineage("g.1", ""), principal=Principal("user", "ann", "acme"))
NAMES: dict[SwitchKind, str] = {"agent": "echo", "skill": "say", "tenant": "acme", "key": "ann", "job": "g.1"}


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


@pytest.mark.parametrize("kind", NAMES)
def test_a_name_of_another_kind_is_not_meant(kind: SwitchKind) -> None:
    switches = [Switch(kind, name) for other, name in NAMES.items() if other != kind]
    assert thrown(*switches).admit(CALL) is CALL


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
