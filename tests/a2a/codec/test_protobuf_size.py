import pytest
from a2a.types import a2a_pb2
from google.protobuf.message import Message as ProtoMessage
from hypothesis import given
from hypothesis import strategies as st

from meshgate.a2a.codec.protobuf_size import guard_proto
from meshgate.a2a.errors import InvalidParams, InvalidRequest, MeshError
from meshgate.a2a.payload import JsonPayload
from meshgate.a2a.types import SendMessageRequest
from tests.a2a.test_payload import over_grpc
from tests.support.a2a_messages import by_kind

REQUEST = a2a_pb2.SendMessageRequest


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def fields(message: ProtoMessage) -> int:
    """How many fields the message has, with all inside it, by walking what protobuf's own parser made of it."""
    count = 0
    for descriptor, value in message.ListFields():
        if descriptor.message_type is not None and descriptor.message_type.GetOptions().map_entry:
            # An entry, its key and its value; its value is always a message in A2A's calls.
            count += sum(3 + fields(value[key]) for key in value)
            continue
        values = value if descriptor.is_repeated else [value]
        count += len(values)
        count += sum(fields(each) for each in values if isinstance(each, ProtoMessage))
    return count


def refused(body: bytes, limit: int) -> bool:
    try:
        guard_proto(body + field(99, b"x" * (2 * limit)), REQUEST, limit + 1)
    except InvalidRequest:
        return True
    return False


@given(by_kind[SendMessageRequest])
def test_the_guard_counts_exactly(tree: dict[str, object]) -> None:
    message = over_grpc(JsonPayload(SendMessageRequest, tree)).message
    body, count = message.SerializeToString(), fields(message)
    assert not refused(body, count)
    assert refused(body, count - 1)


@pytest.mark.parametrize(
    "body",
    [
        field(2, field(5, b"") * 2_000_000),
        field(2, field(7, b"") * 2_000_000),
        field(99, b"") * 1_500_000,
        (varint(99 << 3) + b"\x01") * 1_500_000,
        field(2, field(6, field(1, field(1, b"") + field(2, b"")) * 500_000)),
        field(2, field(5, field(4, field(6, field(1, b"") * 2_000_000)))),
    ],
    ids=["parts", "extensions", "unknown", "unknown numbers", "metadata", "list"],
)
def test_a_message_with_too_many_values_is_refused_before_it_is_parsed(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        guard_proto(body, REQUEST)


def test_a_long_text_is_one_value() -> None:
    guard_proto(field(2, field(5, field(1, b"x" * 4_000_000))), REQUEST)


@pytest.mark.parametrize("body", [b"\x10\xff\xff\x7f", b"\x15" + b"\xff" * 4, b"\x11" + b"\xff" * 8])
def test_a_number_where_a_message_should_stand_is_a_value_and_no_message(body: bytes) -> None:
    guard_proto(body + field(1, b"x" * 200_000), REQUEST)


def test_a_short_message_is_not_looked_at() -> None:
    guard_proto(b"\xff" * 100_000, REQUEST)


@pytest.mark.parametrize(
    "body",
    [
        b"\xff" * 200_000,
        field(2, b"")[:-1] + varint(10**9) + b"x" * 200_000,
        b"\x0b" * 200_000,
        b"\x0e" * 200_000,
        field(1, b"x" * 200_000)[:-1],
        field(1, b"x" * 200_000) + b"\x09\x00",
        field(1, b"x" * 200_000) + b"\x0d\x00",
        field(1, b"x" * 200_000) + b"\x08\x80",
    ],
)
def test_what_is_no_protobuf_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidParams):
        guard_proto(body, REQUEST)


@given(st.binary(max_size=300))
def test_any_bytes_pass_or_are_refused(body: bytes) -> None:
    try:
        guard_proto(body, REQUEST, max_nodes=4)
    except MeshError:
        return
