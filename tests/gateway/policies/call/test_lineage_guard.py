"""Loops and chains that are too deep."""

from __future__ import annotations

import pytest

from meshgate.a2a.call import Call, Route
from meshgate.a2a.errors import DepthExceeded, LoopDetected
from meshgate.a2a.mesh.lineage import Lineage, Step
from meshgate.gateway.facts import Parents
from meshgate.gateway.policies.call.lineage_guard import LineageGuard
from tests.gateway.calls import limits, make_call

Path = tuple[Step, ...]


def path(text: str) -> Path:
    """``"a.x b.y"`` as a path."""
    return tuple(Step(*step.split(".")) for step in text.split())


def call_to(visit: str, *paths: str, reentrant: int = 1) -> Call:
    agent, skill = visit.split(".")
    found = tuple(map(path, paths))
    route = Route(agent, skill, "1.0.0", (), reentrant=reentrant)
    return make_call(route=route, lineage=Lineage("g.1", "c0", found[-1])).with_fact(Parents(found))


def passes(call: Call, depth: int = 8) -> bool:
    return LineageGuard(limits(depth=depth)).admit(call) is call


@pytest.mark.requirement("path.loop")
@pytest.mark.parametrize(("reentrant", "times"), [(1, "1 time"), (2, "2 times"), (3, "3 times")])
def test_a_skill_stands_on_a_path_as_often_as_it_says_and_no_more(reentrant: int, times: str) -> None:
    before = ["b.y", *["a.x"] * (reentrant - 1)]
    assert passes(call_to("a.x", " ".join(before), reentrant=reentrant))
    with pytest.raises(LoopDetected) as refused:
        passes(call_to("a.x", " ".join([*before, "a.x"]), reentrant=reentrant))
    spelt = " → ".join([*before, "a.x", "a.x"])
    assert refused.value.message == f"a.x may stand on a path {times} (path {spelt})"
    assert refused.value.metadata == {"path": spelt, "limit": str(reentrant)}


@pytest.mark.requirement("path.loop")
def test_a_visit_is_an_agent_and_a_skill() -> None:
    assert passes(call_to("a.x", "a.y b.x"))


@pytest.mark.requirement("path.loop")
@pytest.mark.parametrize(("visit", "before"), [("a.*", "a.x"), ("a.x", "a.*"), ("a.*", "a.*")])
def test_a_foreign_agent_called_by_name_may_have_used_any_of_its_skills(visit: str, before: str) -> None:
    with pytest.raises(LoopDetected):
        passes(call_to(visit, before))
    assert passes(call_to(visit, before.replace("a.", "b.")))


@pytest.mark.requirement("path.loop")
def test_with_several_possible_parents_a_loop_is_refused_only_if_it_is_one_for_all() -> None:
    assert passes(call_to("a.x", "a.x", "b.y"))
    assert passes(call_to("a.x", "b.y", "a.x"))
    with pytest.raises(LoopDetected):
        passes(call_to("a.x", "a.x", "b.y a.x"))


@pytest.mark.requirement("path.depth")
@pytest.mark.parametrize("depth", [1, 2, 8])
def test_a_chain_is_as_long_as_the_limit_and_no_longer(depth: int) -> None:
    steps = [f"a{number}.x" for number in range(depth)]
    assert passes(call_to("z.x", " ".join(steps[1:])), depth)
    with pytest.raises(DepthExceeded) as refused:
        passes(call_to("z.x", " ".join(steps)), depth)
    spelt = " → ".join([*steps, "z.x"])
    assert refused.value.message == f"the chain is {depth + 1} calls deep, the limit is {depth} (path {spelt})"
    assert refused.value.metadata == {"path": spelt, "limit": str(depth)}


@pytest.mark.requirement("path.depth")
def test_of_several_possible_parents_the_path_of_the_calls_own_lineage_counts() -> None:
    assert passes(call_to("z.x", "a.x b.x", "c.x"), 2)
    with pytest.raises(DepthExceeded):
        passes(call_to("z.x", "c.x", "a.x b.x"), 2)


@pytest.mark.requirement("path.loop")
def test_a_loop_is_told_before_the_depth() -> None:
    with pytest.raises(LoopDetected):
        passes(call_to("a.x", "a.x b.x"), 2)


def test_what_belongs_to_no_job_is_not_looked_at() -> None:
    call = make_call(route=Route("a", "x", "1.0.0", ()))
    assert passes(call)
    assert passes(call.with_fact(Parents((path("a.x"),))))
