import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.a2a.bindings import sse
from meshgate.a2a.bindings.sse import SseParser
from meshgate.a2a.errors import InvalidAgentResponse

LIMIT = 1000
LINES = 10_000
STREAM = (
    b"\xef\xbb\xbf: hello\r\n\r\n"
    b'data: {"a":1}\n\n'
    b"event: x\rid: 7\rdata:two\rdata: lines\r\r"
    b"data\r\n\r\n"
    b"data:  kept space\nretry: 10\n\n"
    b"nonsense\n:\n\n"
    b"data: \xe2\x82\xac\r\n"
    b"data: : colon\r\n\r\n"
    b"data: never ended"
)
EVENTS = [b'{"a":1}', b"two\nlines", b"", b" kept space", b"\xe2\x82\xac\n: colon"]


def parse(chunks: list[bytes], limit: int = LIMIT) -> list[bytes]:
    parser = SseParser(limit)
    return [event for chunk in chunks for event in parser.feed(chunk)]


def test_a_stream_is_read_as_the_standard_says() -> None:
    assert parse([STREAM]) == EVENTS


@pytest.mark.parametrize("at", range(len(STREAM) + 1))
def test_it_does_not_matter_where_a_stream_is_cut(at: int) -> None:
    assert parse([STREAM[:at], b"", STREAM[at:]]) == EVENTS


def test_an_event_is_one_line_also_to_a_reader_that_ends_lines_where_unicode_does() -> None:
    said = "a\x85b\u2028c\u2029d"
    line, end = sse.event(json.dumps(said, ensure_ascii=False).encode()).decode().splitlines()
    assert json.loads(line.removeprefix("data: ")) == said
    assert end == ""


def test_a_stream_may_come_byte_by_byte() -> None:
    assert parse([STREAM[at : at + 1] for at in range(len(STREAM))]) == EVENTS


def by_lines(stream: bytes) -> list[bytes]:
    """The standard's own algorithm over the whole stream at once."""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events: list[bytes] = []
    data: list[bytes] = []
    for line in text.split(b"\n")[:-1]:
        if not line:
            events += [b"\n".join(data)] if data else []
            data = []
        elif line == b"data":
            data.append(b"")
        elif line.startswith(b"data:"):
            value = line[5:]
            data.append(value[1:] if value.startswith(b" ") else value)
    return events


_pieces = st.sampled_from(
    [b"\r", b"\n", b"\r\n", b"data", b":", b" ", b"data: ", b"x", b"\xef\xbb\xbf", b"\xef", b"id"]
)


@given(st.lists(_pieces, max_size=30), st.lists(st.integers(0, 60), max_size=6))
def test_any_stream_in_any_pieces_is_read_as_by_the_standards_algorithm(pieces: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(pieces)
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    assert parse([stream[start:end] for start, end in pairwise(edges)]) == by_lines(stream)


@pytest.mark.parametrize("size", [1, 7, 400, 2_000])
@pytest.mark.parametrize(
    "stream",
    [
        b"x" * 2_000,
        b"data: " + b"x" * 2_000 + b"\n\n",
        b"data: x\n" * 200,
        b"id: x\n" * 400,
        b": " + b"x" * 2_000 + b"\n\n",
    ],
    ids=["no newline at all", "one long line", "many lines", "many fields", "a long comment"],
)
def test_an_event_over_the_limit_is_refused_however_it_comes(stream: bytes, size: int) -> None:
    with pytest.raises(InvalidAgentResponse):
        parse([stream[at : at + size] for at in range(0, len(stream), size)])


def test_an_event_of_just_the_limit_is_taken() -> None:
    data = b"x" * (LIMIT - len("data: "))
    assert parse([sse.event(data)] * 3) == [data] * 3
    with pytest.raises(InvalidAgentResponse):
        parse([sse.event(data + b"x")])


def test_events_and_comments_that_have_ended_do_not_count() -> None:
    stream = b": beat\n" * 1_000 + sse.event(b"x") + sse.HEARTBEAT * 1_000 + sse.event(b"y")
    assert parse([stream]) == [b"x", b"y"]


def test_a_line_that_grows_in_small_pieces_is_never_copied_again() -> None:
    parser = SseParser(1_000_000)
    parser.feed(b"data: ")
    line = vars(parser)["_line"]
    for _ in range(10_000):
        assert parser.feed(b"xx") == []
        assert vars(parser)["_line"] is line  # grown in place: each byte is looked at and stored once
    assert parser.feed(b"\n\n") == [b"x" * 20_000]


def test_what_is_written_is_read() -> None:
    assert parse([sse.event(b'{"a":"b"}') + sse.HEARTBEAT + sse.event(b"[]")]) == [b'{"a":"b"}', b"[]"]


@pytest.mark.requirement("agent.bounds")
@pytest.mark.parametrize("line", [b": beat\n", b"\n", b"data\n", b"id: 7\n"])
def test_only_so_many_lines_may_come_without_an_event(line: bytes) -> None:
    parser = SseParser(10**6)
    lines = LINES - 2
    for _ in range(3):  # an event begins the count anew
        parser.feed(line * lines)
        assert parser.feed(b"data: x\n\n")[-1].endswith(b"x")
    parser.feed(line * LINES)
    with pytest.raises(InvalidAgentResponse, match="10000 lines of the stream hold no event") as refused:
        parser.feed(b"\n")
    assert refused.value.neutral


def test_heartbeats_of_a_second_for_the_longest_call_are_well_below_that() -> None:
    assert parse([sse.HEARTBEAT * 900 + b"data: x\n\n"]) == [b"x"]
