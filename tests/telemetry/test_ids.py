"""Ids of traces and spans."""

import random

from hypothesis import given
from hypothesis import strategies as st

from meshgate.telemetry.context import TraceContext
from meshgate.telemetry.ids import Ids, child, new_context
from meshgate.telemetry.traceparent import format_traceparent, parse_traceparent
from tests.telemetry.contexts import contexts


@given(contexts, st.integers())
def test_a_child_is_in_its_parents_trace_under_an_id_of_its_own(context: TraceContext, seed: int) -> None:
    below = child(TraceContext(context.trace_id, context.span_id, context.sampled, "a=1"), Ids(random.Random(seed)))
    assert (below.trace_id, below.sampled, below.state) == (context.trace_id, context.sampled, "a=1")
    assert parse_traceparent(format_traceparent(below), below.state) == below
    assert below.span_id != context.span_id


def test_ids_are_never_all_zero() -> None:
    class Zeros(random.Random):
        def getrandbits(self, k: int) -> int:
            return 0

    context = new_context(sampled=True, ids=Ids(Zeros()))
    assert parse_traceparent(format_traceparent(context)) == context


def test_new_traces_have_ids_of_their_own() -> None:
    ids = Ids(random.Random(7))
    assert len({new_context(sampled=False, ids=ids).trace_id for _ in range(1000)}) == 1000
