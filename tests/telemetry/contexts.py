"""Places in traces, as Hypothesis draws them."""

from hypothesis import strategies as st

from meshgate.telemetry.context import TraceContext

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

contexts = st.builds(
    TraceContext,
    st.integers(1, 2**128 - 1).map(lambda n: f"{n:032x}"),
    st.integers(1, 2**64 - 1).map(lambda n: f"{n:016x}"),
    st.booleans(),
)
