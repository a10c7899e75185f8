"""What a gateway remembers of calls, without a gateway."""

from __future__ import annotations

from meshgate.gateway.observe.records import CallRecord, Records


def routed(records: Records, task: str, state: str) -> CallRecord:
    call = records.open_call("SendMessage", "JSONRPC", "worker")
    call.agent, call.tenant, call.task, call.task_state, call.deadline = "worker", "default", task, state, 60.0
    records.routed(call)
    return call


def test_a_call_whose_task_goes_on_may_be_a_parent_until_somebody_learns_that_the_task_ended() -> None:
    records = Records("g", clock=lambda: 0.0)
    sent = routed(records, "t1", "TASK_STATE_WORKING")
    records.close_call(sent, "done")
    assert records.in_flight("worker", "default") == [sent]

    other = routed(records, "t2", "TASK_STATE_COMPLETED")
    records.close_call(other, "done")
    assert records.in_flight("worker", "default") == [sent]

    asked = routed(records, "t1", "TASK_STATE_COMPLETED")
    records.close_call(asked, "done")
    assert records.in_flight("worker", "default") == []
