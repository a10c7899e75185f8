import os
import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.a2a.limits import DEFAULTS
from meshgate.telemetry.tracing import (
    Ids,
    NoTracing,
    Sampler,
    TraceContext,
    child,
    format_traceparent,
    new_context,
    parse_traceparent,
    parse_tracestate,
)
from tests.support.patience import patience

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"

# Garbage of every kind, and the cases of W3C's own trace-context test suite.
GARBAGE = {
    "nothing": "",
    "a word": "garbage",
    "no flags": f"00-{TRACE}-{SPAN}",
    "flags too short": f"00-{TRACE}-{SPAN}-1",
    "flags too long": f"00-{TRACE}-{SPAN}-001",
    "flags not hexadecimal": f"00-{TRACE}-{SPAN}-.0",
    "version ff": f"ff-{TRACE}-{SPAN}-01",
    "version in capitals": f"0A-{TRACE}-{SPAN}-01",
    "version too short": f"0-{TRACE}-{SPAN}-01",
    "version too long": f"000-{TRACE}-{SPAN}-01",
    "version not hexadecimal": f".0-{TRACE}-{SPAN}-01",
    "version 00 with more": f"{GOOD}-what-the-future-will-be-like",
    "version 00 with a dash more": f"{GOOD}-",
    "a later version with more and no dash": f"cc-{TRACE}-{SPAN}-01.what",
    "trace id of zeros": f"00-{'0' * 32}-{SPAN}-01",
    "trace id in capitals": f"00-{TRACE.upper()}-{SPAN}-01",
    "trace id too short": f"00-{TRACE[:-1]}-{SPAN}-01",
    "trace id too long": f"00-{TRACE}0-{SPAN}-01",
    "trace id not hexadecimal": f"00-{'.' + TRACE[1:]}-{SPAN}-01",
    "span id of zeros": f"00-{TRACE}-{'0' * 16}-01",
    "span id in capitals": f"00-{TRACE}-{SPAN.upper()}-01",
    "span id too short": f"00-{TRACE}-{SPAN[:-1]}-01",
    "digits of another script": f"00-{TRACE}-{'٣' * 16}-01",
    "two headers joined": f"{GOOD},{GOOD}",
    "a line break": f"00-{TRACE}-{SPAN}-0\n",
    "a line break behind": f"{GOOD}\n",
    "nul": f"00-{TRACE}-{SPAN}-\0\0",
    "surrogates": "\ud800" * 55,
    "100 KB": "0" * 100_000,
    "100 KB of a later version": f"cc-{TRACE}-{SPAN}-01-{'x' * 100_000}",
}

contexts = st.builds(
    TraceContext,
    st.integers(1, 2**128 - 1).map(lambda n: f"{n:032x}"),
    st.integers(1, 2**64 - 1).map(lambda n: f"{n:016x}"),
    st.booleans(),
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


# --- traceparent ---


def test_a_traceparent_is_read() -> None:
    assert parse_traceparent(GOOD) == TraceContext(TRACE, SPAN, sampled=True)
    assert parse_traceparent(f"00-{TRACE}-{SPAN}-00") == TraceContext(TRACE, SPAN, sampled=False)


@pytest.mark.parametrize("text", GARBAGE.values(), ids=GARBAGE.keys())
def test_a_traceparent_that_is_garbage_names_no_context(text: str) -> None:
    assert parse_traceparent(text, "vendor=1") is None


@pytest.mark.parametrize("text", [f"cc-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-more", f"cc-{TRACE}-{SPAN}-01-"])
def test_a_later_version_is_read_as_far_as_it_is_known(text: str) -> None:
    assert parse_traceparent(text) == TraceContext(TRACE, SPAN, sampled=True)


@pytest.mark.parametrize(("flags", "sampled"), [("01", True), ("03", True), ("ff", True), ("02", False), ("fe", False)])
def test_only_the_lowest_flag_says_sampled(flags: str, sampled: bool) -> None:
    found = parse_traceparent(f"00-{TRACE}-{SPAN}-{flags}")
    assert found is not None
    assert found.sampled is sampled


def test_blanks_around_a_traceparent_do_not_matter() -> None:
    assert parse_traceparent(f" \t{GOOD}\t ") == parse_traceparent(GOOD)


@given(contexts)
def test_what_is_written_is_read_again(context: TraceContext) -> None:
    assert parse_traceparent(format_traceparent(context)) == context


@given(st.text(), st.text())
def test_no_text_raises(text: str, state: str) -> None:
    assert parse_traceparent(text, state) is None


@given(contexts, st.integers(0, 54), st.characters())
def test_one_wrong_character_never_yields_a_malformed_context(context: TraceContext, at: int, wrong: str) -> None:
    text = format_traceparent(context)
    found = parse_traceparent(text[:at] + wrong + text[at + 1 :])
    assert found is None or parse_traceparent(format_traceparent(found)) == found


# --- tracestate ---


def test_a_tracestate_comes_along() -> None:
    assert parse_traceparent(GOOD, "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE") == TraceContext(
        TRACE, SPAN, sampled=True, state="rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
    )


def test_a_tracestate_keeps_the_whole_members_that_fit_in_512_characters() -> None:
    members = [f"key{n}={'v' * 55}" for n in range(10)]
    kept = parse_tracestate(",".join(members))
    assert kept == ",".join(members[:8])
    assert len(kept) <= 512 < len(",".join(members[:9]))


def test_of_a_tracestate_of_100_kb_the_first_members_stay() -> None:
    kept = parse_tracestate("first=1," + ",".join(f"k{n}={'v' * 200}" for n in range(500)))
    assert kept.startswith("first=1,k0=vvv")
    assert len(kept) <= 512
    assert parse_tracestate("k=" + "v" * 100_000) == ""


@pytest.mark.parametrize(
    "state",
    [
        "novalue",
        "=1",
        "k=",
        "K=1",
        "k=1,k=2",
        "k=a=b",
        "k=1\r\nset-cookie: x",
        "k=ü",
        "k=\ud800",
        ",".join(f"k{n}=1" for n in range(33)),
    ],
    ids=[
        "no value",
        "no key",
        "empty",
        "capital",
        "twice",
        "two signs",
        "line break",
        "umlaut",
        "surrogate",
        "33 members",
    ],
)
def test_a_malformed_tracestate_is_dropped_and_the_context_stays(state: str) -> None:
    assert parse_traceparent(GOOD, state) == TraceContext(TRACE, SPAN, sampled=True)


def test_empty_members_are_left_out() -> None:
    assert parse_tracestate("a=1, ,,b=2,") == "a=1,b=2"


@given(st.text(st.sampled_from("ab01=,-_@* \t~\x7f"), max_size=3000))
def test_what_a_tracestate_was_read_as_is_short_and_reads_as_itself(text: str) -> None:
    kept = parse_tracestate(text)
    assert len(kept) <= 512
    assert parse_tracestate(kept) == kept
    assert set(kept.split(",")) - {""} <= {member.strip(" \t") for member in text.split(",")}


# --- contexts ---


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


# --- sampling ---


@pytest.mark.requirement("trace.sampling")
def test_every_job_is_recorded_up_to_the_rate() -> None:
    clock = Clock()
    sampler = Sampler(20.0, clock)
    for _ in range(200):
        assert sampler.sample(None)
        clock.now += 0.05


def test_beyond_the_rate_one_job_in_so_many_is_recorded() -> None:
    sampler = Sampler(20.0, Clock(), rest=100)
    decisions = [sampler.sample(None) for _ in range(1020)]
    assert all(decisions[:20])
    assert [at for at, recorded in enumerate(decisions[20:], 1) if recorded] == list(range(100, 1001, 100))


def test_beyond_the_rate_no_job_is_recorded_if_the_share_is_0() -> None:
    sampler = Sampler(2.0, Clock(), rest=0)
    assert [sampler.sample(None) for _ in range(500)].count(True) == 2


def test_the_rate_is_there_again_after_a_second_and_does_not_pile_up() -> None:
    clock = Clock()
    sampler = Sampler(20.0, clock, rest=0)
    for _ in range(50):
        sampler.sample(None)
    clock.now += 1.0
    assert [sampler.sample(None) for _ in range(50)].count(True) == 20
    clock.now += 3600.0
    assert [sampler.sample(None) for _ in range(50)].count(True) == 20


@pytest.mark.requirement("trace.sampling")
def test_a_flood_of_set_bits_spends_from_the_same_rate() -> None:
    clock = Clock()
    sampler = Sampler(20.0, clock, rest=100)
    asked = TraceContext(TRACE, SPAN, sampled=True)
    recorded = 0
    for _ in range(10_000):
        recorded += sampler.sample(asked)
        clock.now += 0.001
    assert recorded <= 20 + 10 * 20 + 100
    assert not sampler.sample(None)


def test_a_caller_that_asks_for_no_record_gets_none_and_spends_nothing() -> None:
    sampler = Sampler(20.0, Clock(), rest=1)
    refused = TraceContext(TRACE, SPAN, sampled=False)
    assert not any(sampler.sample(refused) for _ in range(100))
    assert [sampler.sample(None) for _ in range(20)].count(True) == 20


def test_a_rate_below_one_a_second_records_a_job_now_and_then() -> None:
    clock = Clock()
    sampler = Sampler(0.1, clock, rest=0)
    decisions = list[bool]()
    for _ in range(31):
        decisions.append(sampler.sample(None))
        clock.now += 1.0
    assert decisions.count(True) in {3, 4}  # 0.1 is no binary fraction
    assert decisions[0]


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    clock = Clock()
    sampler = Sampler(1.0, clock, rest=0)
    assert sampler.sample(None)
    clock.now -= 100.0
    assert not sampler.sample(None)


def test_a_rate_of_0_records_nothing_but_the_share() -> None:
    sampler = Sampler(0.0, Clock(), rest=10)
    assert [sampler.sample(None) for _ in range(100)].count(True) == 10


@pytest.mark.parametrize(("rate", "rest"), [(-1.0, 1), (1.0, -1)])
def test_a_negative_setting_is_refused(rate: float, rest: int) -> None:
    with pytest.raises(ValueError, match="negative"):
        Sampler(rate, Clock(), rest)


def test_the_defaults_record_20_jobs_a_second_and_one_in_100_beyond() -> None:
    assert (DEFAULTS.traces, DEFAULTS.traces_beyond) == (20.0, 100)


# --- without OpenTelemetry ---


def test_without_tracing_there_is_no_span_even_for_a_sampled_context() -> None:
    tracing = NoTracing()
    assert tracing.begin("SendMessage", "server", None, TraceContext(TRACE, SPAN, sampled=True), {}) is None
    tracing.close()


def test_contexts_need_no_opentelemetry_and_a_collector_names_what_it_needs() -> None:
    program = """
import sys
sys.modules["opentelemetry"] = None  # an import of it fails
from meshgate.telemetry import tracing
try:
    tracing.configure("http://127.0.0.1:4317", "x", "y")
except tracing.MissingExtra as error:
    print(error)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=patience(60.0),
        check=True,
    )
    assert "pip install 'meshgate[otel]'" in done.stdout
