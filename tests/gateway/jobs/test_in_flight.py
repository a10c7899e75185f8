"""Calls in flight: who may be the parent of a call, without a gateway."""

from __future__ import annotations

import pytest

from meshgate.a2a.call import Call, Principal, Route
from meshgate.a2a.limits import DEFAULTS
from meshgate.a2a.mesh.lineage import Lineage, Step
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import JsonPayload
from meshgate.gateway.jobs.in_flight import InFlight
from meshgate.gateway.jobs.open_call import OpenCall

SEND, GET = METHODS["SendMessage"], METHODS["GetTask"]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def call_to(agent: str, call_id: str, *, job: str = "g.1", deadline: float = 60.0, tenant: str = "default") -> Call:
    method = SEND if job else GET
    return Call(
        method=method,
        payload=JsonPayload(method.request, {}),
        id=call_id,
        principal=Principal("user", "ann", tenant),
        lineage=Lineage(job, "") if job else None,
        route=Route(agent, "work", "1.0.0", ()),
        deadline=deadline,
    )


def ended(in_flight: InFlight, entry: OpenCall, task: str, state: str) -> None:
    entry.task, entry.state = task, state
    in_flight.close(entry)


def parents(in_flight: InFlight, agent: str = "worker", tenant: str = "default") -> list[str]:
    return [flight.id for flight in in_flight.find(agent, tenant)]


def test_an_open_call_is_a_possible_parent_with_its_own_visit_on_the_path() -> None:
    clock = Clock()
    in_flight = InFlight(clock=clock, wall=lambda: 1000.0)
    entry = in_flight.open(call_to("worker", "c1"))
    clock.now = 20.0

    (flight,) = in_flight.find("worker", "default")
    assert (flight.job, flight.path, flight.remaining, flight.started) == (
        "g.1",
        (Step("worker", "work"),),
        40.0,
        1000.0,
    )
    in_flight.close(entry)
    assert parents(in_flight) == []


def test_another_agent_and_another_tenant_find_nothing() -> None:
    in_flight = InFlight(clock=Clock())
    in_flight.open(call_to("worker", "c1"))
    assert parents(in_flight, "other") == []
    assert parents(in_flight, tenant="acme") == []


def test_a_call_whose_task_goes_on_stays_a_parent_until_the_end_of_the_task_is_told() -> None:
    in_flight = InFlight(clock=Clock())
    ended(in_flight, in_flight.open(call_to("worker", "c1")), "t1", "TASK_STATE_WORKING")
    ended(in_flight, in_flight.open(call_to("worker", "c2")), "t2", "TASK_STATE_COMPLETED")
    assert parents(in_flight) == ["c1"]

    ended(in_flight, in_flight.open(call_to("worker", "c3", job="")), "t1", "TASK_STATE_COMPLETED")
    assert parents(in_flight) == []


def test_a_call_whose_task_goes_on_is_a_parent_no_longer_than_its_deadline() -> None:
    clock = Clock()
    in_flight = InFlight(clock=clock)
    ended(in_flight, in_flight.open(call_to("worker", "c1", deadline=10.0)), "t1", "TASK_STATE_SUBMITTED")
    clock.now = 9.9
    assert parents(in_flight) == ["c1"]
    clock.now = 10.0
    assert parents(in_flight) == []


@pytest.mark.requirement("path.onward")
def test_an_operation_on_a_task_is_open_and_is_nobodys_parent() -> None:
    in_flight = InFlight(clock=Clock())
    entry = in_flight.open(call_to("worker", "c1", job=""))
    assert (in_flight.count, parents(in_flight)) == (1, [])

    ended(in_flight, entry, "t1", "TASK_STATE_WORKING")
    assert (in_flight.count, parents(in_flight)) == (0, [])


def test_a_call_that_has_ended_is_still_known_by_its_id_with_the_time_it_has_left() -> None:
    clock = Clock()
    in_flight = InFlight(clock=clock)
    in_flight.close(in_flight.open(call_to("worker", "c1", deadline=5.0)))
    clock.now = 6.0
    found = in_flight.get("c1")
    assert found is not None
    assert found.remaining == -1.0
    assert in_flight.get("c2") is None


@pytest.mark.parametrize("table", ["agent_tasks", "records"])
def test_neither_table_grows_beyond_its_limit(table: str) -> None:
    import msgspec

    limits = msgspec.structs.replace(DEFAULTS, **{table: 3})
    in_flight = InFlight(limits, clock=Clock())
    for number in range(5):
        ended(in_flight, in_flight.open(call_to("worker", f"c{number}")), f"t{number}", "TASK_STATE_WORKING")
    if table == "agent_tasks":
        assert parents(in_flight) == ["c2", "c3", "c4"]
    else:
        assert [in_flight.get(f"c{number}") is not None for number in range(5)] == [False, False, True, True, True]
