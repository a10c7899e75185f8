"""Places in a list of several agents, and what one of them is told of such a place."""

from __future__ import annotations

import itertools
import math

import pytest

from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.gateway.tasks.known_task import KnownTask, KnownTasks, TaskQuery, merged, place, place_at

pytestmark = pytest.mark.requirement("tasks.from_agents")
TAGS = TaskTags(bytes(32))


def name_of(agent: str, upstream: str) -> str:
    return TAGS.tag(upstream, tenant="acme", owner="ann", agent=agent, instance=f"{agent}-1", release="1.0.0")


def test_the_youngest_comes_first_then_an_agents_tasks_in_its_own_order() -> None:
    names = [name_of(agent, upstream) for agent in ("desk", "shelf") for upstream in ("a~1", "b", "c")]
    places = [place(5.0, name) for name in names]
    assert len(set(places)) == 6
    assert places[:3] == sorted(places[:3])
    assert places[3:] == sorted(places[3:])
    assert sorted(places) in (places, places[3:] + places[:3])
    assert place(6.0, names[0]) < min(places) < max(places) < place(4.0, names[0])
    assert KnownTask(names[0], "desk", "", "", "", 5.0).place == places[0]


@pytest.mark.parametrize(("mine", "theirs"), list(itertools.permutations(["desk", "shelf", "door"], 2)))
def test_an_agent_lists_on_where_the_whole_list_goes_on(mine: str, theirs: str) -> None:
    """Its own list is by time and its own id; all lists together are by ``place``."""
    upstream = [(seconds, f"t{number}") for seconds in (4.0, 5.0, 6.0) for number in range(3)]
    for agent, (seconds, name) in itertools.product((mine, theirs), upstream):
        last = place(seconds, name_of(agent, name))
        told = place_at(TAGS.agent(mine), last)
        behind = [each for each in upstream if (-each[0], each[1]) > told]
        assert behind == [each for each in upstream if place(each[0], name_of(mine, each[1])) > last]
        if agent == theirs:
            assert told in ((-seconds, ""), (math.nextafter(-seconds, math.inf), ""))


def test_a_query_takes_what_it_names() -> None:
    row = KnownTask("id", "desk", "trip", "WORKING", "", 5.0)
    assert TaskQuery(("desk",)).takes(row)
    for other in (
        TaskQuery(("shelf",)),
        TaskQuery(("desk",), context="fair"),
        TaskQuery(("desk",), state="COMPLETED"),
        TaskQuery(("desk",), after=5.5),
    ):
        assert not other.takes(row)
    assert TaskQuery(("desk",), "trip", "WORKING", 5.0).takes(row)


def test_of_what_two_gateways_know_of_a_task_the_first_word_counts_unless_the_other_is_younger() -> None:
    here, there = (KnownTask("id", "desk", "", state, "", 5.0) for state in ("WORKING", "COMPLETED"))
    younger = KnownTask("id", "desk", "", "FAILED", "", 6.0)
    for several, found in (([here, there], here), ([there, here], there), ([here, younger], younger)):
        known = merged(KnownTasks([row], 1, 0.0) for row in several)
        assert (known.rows, known.total) == ([found], 1)
