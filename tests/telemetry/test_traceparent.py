"""The headers of a trace: what is read from them, and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.telemetry.context import TraceContext
from meshgate.telemetry.traceparent import format_traceparent, parse_traceparent, parse_tracestate
from tests.telemetry.contexts import SPAN, TRACE, contexts

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


# -- tracestate


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
