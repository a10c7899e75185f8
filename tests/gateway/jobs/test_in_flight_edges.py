"""Calls in flight: what is forgotten when calls and tasks end, and when nothing is there to forget."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from meshgate.gateway.jobs.in_flight import InFlight
from tests.gateway.calls import Clock
from tests.gateway.jobs.test_in_flight import call_to, ended, parents


def test_a_call_that_ends_leaves_the_others_of_its_agent_open_and_the_last_leaves_nothing() -> None:
    in_flight = InFlight(clock=Clock(0.0))
    first, second = in_flight.open(call_to("worker", "c1")), in_flight.open(call_to("worker", "c2"))
    in_flight.close(first)
    assert parents(in_flight) == ["c2"]
    in_flight.close(second)
    assert in_flight._open == {}


def test_a_call_that_is_closed_twice_takes_nothing_with_it() -> None:
    in_flight = InFlight(clock=Clock(0.0))
    first = in_flight.open(call_to("worker", "c1"))
    in_flight.close(first)
    in_flight.open(call_to("worker", "c2"))
    in_flight.close(first)
    assert parents(in_flight) == ["c2"]


def test_a_task_that_goes_on_past_the_deadline_of_its_call_is_not_kept() -> None:
    clock = Clock(0.0)
    in_flight = InFlight(clock=clock)
    entry = in_flight.open(call_to("worker", "c1", deadline=60.0))
    clock.now = 61.0
    ended(in_flight, entry, "t1", "TASK_STATE_WORKING")
    assert (parents(in_flight), in_flight._task_goes_on) == ([], {})


def test_the_end_of_a_task_that_no_call_waits_for_is_no_error() -> None:
    in_flight = InFlight(clock=Clock(0.0))
    ended(in_flight, in_flight.open(call_to("worker", "c1")), "t1", "TASK_STATE_COMPLETED")
    assert parents(in_flight) == []


def test_operations_on_tasks_count_as_open_calls_beside_the_others() -> None:
    in_flight = InFlight(clock=Clock(0.0))
    first, operation = in_flight.open(call_to("worker", "c1")), in_flight.open(call_to("worker", "c2", job=""))
    in_flight.open(call_to("other", "c3"))
    assert in_flight.count == 3
    in_flight.close(operation)
    assert in_flight.count == 2
    in_flight.close(first)
    assert in_flight.count == 1


def test_a_call_without_a_trace_has_no_names_of_one_and_is_not_sampled() -> None:
    in_flight = InFlight(clock=Clock(0.0))
    in_flight.open(call_to("worker", "c1"))
    (flight,) = in_flight.find("worker", "default")
    assert (flight.trace_id, flight.span_id, flight.sampled) == ("", "", False)
