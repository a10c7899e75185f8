# pyright: reportPrivateUsage=false
# How much is looked at is nowhere to be seen from outside.
import json
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import example, given
from hypothesis import strategies as st

from meshgate.a2a.codec import strict_json
from meshgate.a2a.codec.strict_json import _STRING, check, decode_json, guard_shape
from meshgate.a2a.codec.transcode import proto_class
from meshgate.a2a.errors import InvalidParams, InvalidRequest, MeshError, ParseError
from meshgate.a2a.types import (
    A2AMessage,
    GetTaskRequest,
    SendMessageRequest,
    StreamResponse,
    Task,
    TaskState,
)
from tests.support.a2a_messages import anything, children, json_values

MESSAGE: dict[str, Any] = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}
SEND: dict[str, Any] = {"message": MESSAGE}


def send(**changes: Any) -> dict[str, Any]:
    return {"message": {**MESSAGE, **changes}}


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    return (opening * depth + "1" + closing * depth).encode()


# -- what is no JSON


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"NaN",
        b"[NaN]",
        b"Infinity",
        b"-Infinity",
        b"1e999",
        b"-1e999",
        b"[1e400]",
        b"9" * 5000,
        b"-" + b"9" * 5000,
        b"9" * 309,
        b'{"a":[1,' + b"9" * 400 + b"]}",
        b'"\\ud800"',
        b'"\\udc00"',
        b'"\\ud800\\ud800"',
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-16-le"),
        '{"a":1}'.encode("utf-32"),
        b"\xff",
        b'"\x80"',
        b'"\x00"',
        b'"a\nb"',
        b"01",
        b"+1",
        b".5",
        b"1.",
        b"[1,]",
        b'{"a":1,}',
        b"{'a':1}",
        b"[1] [2]",
        b"nul",
        b"// c\n1",
        b"]]",
        b'"\\x"',
    ],
)
def test_what_is_no_json_is_a_parse_error(body: bytes) -> None:
    with pytest.raises(ParseError):
        decode_json(body)


def test_an_integer_is_taken_as_long_as_a_double_holds_it() -> None:
    assert decode_json(b"9" * 308) == int("9" * 308)
    assert decode_json(b'["' + b"9" * 400 + b'", 1]') == ["9" * 400, 1]


def test_of_duplicate_keys_the_last_wins_and_only_it_is_kept() -> None:
    tree = decode_json(b'{"tenant":"a","tenant":"b","message":1,"message":2}')
    assert tree == {"tenant": "b", "message": 2}


# -- depth and width


@pytest.mark.parametrize("depth", [65, 200, 5_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_a_deep_document_is_refused(depth: int, opening: str, closing: str) -> None:
    with pytest.raises(InvalidRequest):
        decode_json(nested(depth, opening, closing))
    with pytest.raises(MeshError):
        decode_json(nested(depth, opening, ""))


@pytest.mark.parametrize("body", [b"{}," * 350_000, b"[" + b"{}," * 350_000 + b"{}]", b"[" + b"0," * 500_000 + b"0]"])
def test_a_wide_document_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        decode_json(body)


@pytest.mark.parametrize(
    "rest",
    [
        b'"' + b'\\"' * 2_000_000,
        b'"' * 4_000_001,
        b'"' + b"\\" * 4_000_001,
        b"]" * 4_000_000,
        b" " * 4_000_000,
        b"[ " * 20_000,
    ],
    ids=["escaped quotes", "quotes", "backslashes", "closing brackets", "spaces", "opening brackets"],
)
def test_a_hostile_document_costs_no_more_than_a_pass_over_it(rest: bytes) -> None:
    # Anything worse than linear would run into the suite's timeout: the square of four million is hours.
    with pytest.raises(MeshError):
        decode_json(b"[]," * 65 + rest)


@pytest.mark.parametrize("text", ["{[" * 5_000, "," * 60_000, '"' * 200, "\\" * 300, '\\"{' * 5_000, "\u20ac[" * 100])
def test_brackets_and_commas_in_a_string_count_for_nothing(text: str) -> None:
    tree = {"a": text, text: [text]}
    assert decode_json(json.dumps(tree).encode()) == tree


def count(tree: Any) -> int:
    return 1 + sum(count(child) for _, child in children(tree))


def deepest(tree: Any) -> int:
    here = int(isinstance(tree, dict | list))
    return here + max((deepest(child) for _, child in children(tree)), default=0)


@given(json_values, st.integers(0, 3).map(lambda spaces: spaces or None), st.booleans())
@example(tree=[], indent=None, ascii_only=False)
@example(tree=[[], {}, [[]], {"": []}], indent=2, ascii_only=True)
def test_the_guard_counts_exactly(tree: Any, indent: int | None, ascii_only: bool) -> None:
    body = json.dumps(tree, indent=indent, ensure_ascii=ascii_only).encode()
    guard_shape(body, max_nodes=count(tree), max_depth=deepest(tree))
    with pytest.raises(InvalidRequest):
        guard_shape(body, max_nodes=count(tree) - 1, max_depth=deepest(tree))
    if deepest(tree):
        with pytest.raises(InvalidRequest):
            guard_shape(body, max_nodes=count(tree), max_depth=deepest(tree) - 1)


@given(json_values)
def test_json_comes_out_as_it_went_in(tree: Any) -> None:
    assert decode_json(json.dumps(tree).encode()) == tree


# -- shape and spelling


@given(anything)
def test_a_valid_message_passes_as_it_is(case: tuple[type[A2AMessage], dict[str, Any]]) -> None:
    kind, tree = case
    checked, view = check(tree, kind)
    assert checked == tree
    assert type(view) is kind


@pytest.mark.parametrize(
    "key", ["Message", "MESSAGE", "mes_sage", "message_", "_message", "Tenant", "te_nant", "Metadata", "CONFIGURATION"]
)
def test_another_spelling_of_a_known_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidParams):
        check({**SEND, key: {}}, SendMessageRequest)


@pytest.mark.parametrize(
    "key", ["Message_Id", "MessageId", "messageID", "messageid", "task_Id", "TaskId", "_reference_task_ids", "Parts"]
)
def test_another_spelling_inside_a_message_is_refused_with_its_place(key: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        check(send(**{key: "x"}), SendMessageRequest)
    assert [field for field, _ in caught.value.violations] == [f"message.{key}"]


@pytest.mark.parametrize("key", ["Text", "TEXT", "media_type_", "MediaType", "da_ta"])
def test_another_spelling_inside_a_part_is_refused_with_its_place(key: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        check(send(parts=[{"text": "a"}, {"text": "b", key: "x"}]), SendMessageRequest)
    assert [field for field, _ in caught.value.violations] == [f"message.parts[1].{key}"]


@pytest.mark.requirement("edge.spelling")
@given(anything)
def test_every_key_may_come_as_the_proto_spells_it(case: tuple[type[A2AMessage], dict[str, Any]]) -> None:
    kind, tree = case
    message = json_format.ParseDict(tree, proto_class(kind)())
    spelled = json_format.MessageToDict(message, preserving_proto_field_name=True)
    plain = json_format.MessageToDict(message)
    assert check(spelled, kind) == check(plain, kind)


@pytest.mark.requirement("edge.spelling")
def test_what_was_put_right_is_told_with_its_place() -> None:
    tree = send(parts=[{"text": "a", "media_type": "text/plain", "filename": None}], context_id="c", tenant=None)
    corrections: list[str] = []
    checked, _ = check(tree, SendMessageRequest, corrections)
    assert checked == send(parts=[{"text": "a", "mediaType": "text/plain"}], contextId="c", tenant=None)
    assert corrections == [
        "message.context_id: read as contextId",
        "message.parts[0].media_type: read as mediaType",
        "message.parts[0].filename: null, read as left out",
    ]


def test_of_very_many_corrections_the_first_are_told() -> None:
    corrections: list[str] = []
    check(send(parts=[{"text": "a", "filename": None}] * 100), SendMessageRequest, corrections)
    assert len(corrections) == 20


@pytest.mark.requirement("edge.spelling")
@pytest.mark.parametrize("value", ["x", None])
def test_a_key_in_both_spellings_is_refused(value: Any) -> None:
    with pytest.raises(InvalidParams) as caught:
        check(send(task_id=value, taskId="x"), SendMessageRequest)
    assert caught.value.violations == (
        ("message.task_id", "is the same as 'taskId', which is there too: write one of them"),
    )


def test_where_any_json_may_stand_every_key_and_null_stays_as_it_came() -> None:
    free = {"message_id": None, "MessageId": [None, {"taskId": None}], "null": None}
    tree = send(metadata=free, parts=[{"data": free, "metadata": free}, {"data": None}])
    assert check(tree, SendMessageRequest)[0] == tree


def test_keys_that_a2a_does_not_know_are_kept_as_they_came() -> None:
    tree = {**send(unknown={"a": None}), "x-more": [None]}
    assert check(tree, SendMessageRequest)[0] == tree


def test_null_at_a_known_key_is_that_key_left_out() -> None:
    tree = {"tenant": None, "configuration": None, **send(contextId=None, metadata=None, extensions=None)}
    checked, view = check(tree, SendMessageRequest)
    assert checked == SEND
    assert view.message.context_id == ""


def test_null_is_left_out_where_the_schema_itself_would_take_it() -> None:
    tree = {"id": "t", "status": {"state": "TASK_STATE_WORKING", "message": None, "timestamp": None}}
    assert check(tree, Task)[0] == {"id": "t", "status": {"state": "TASK_STATE_WORKING"}}


def test_required_keys_that_protojson_leaves_out_at_their_default_are_written_out() -> None:
    tree: dict[str, Any] = {
        "task": {"id": "t", "status": {}, "artifacts": [{"artifactId": "a"}], "history": [{"role": "ROLE_AGENT"}]}
    }
    checked, view = check(tree, StreamResponse)
    assert checked["task"]["status"] == {"state": "TASK_STATE_UNSPECIFIED"}
    assert checked["task"]["artifacts"] == [{"artifactId": "a", "parts": []}]
    assert checked["task"]["history"] == [{"messageId": "", "role": "ROLE_AGENT", "parts": []}]
    assert isinstance(view.task, Task)
    assert view.task.status.state is TaskState.UNSPECIFIED


@pytest.mark.parametrize(
    "tree",
    [
        None,
        [],
        "x",
        1,
        {},
        {"message": None},
        {"message": []},
        {"message": "x"},
        send(messageId=None),
        send(messageId=""),
        send(messageId=1),
        send(role="user"),
        send(role="ROLE_UNSPECIFIED"),
        send(role=1),
        send(role=None),
        send(parts=[]),
        send(parts=None),
        send(parts={}),
        send(parts=[None]),
        send(parts=[{}]),
        send(parts=[{"text": 1}]),
        send(parts=[{"text": "a", "url": "b"}]),
        send(parts=["a"]),
        send(parts=[{"text": "a", "data": None}]),
        send(parts=[{"raw": "!"}]),
        send(parts=[{"raw": "A"}]),
        send(parts=[{"raw": "\u00e9AAA"}]),
        send(taskId=1),
        send(referenceTaskIds=["a", None]),
        send(referenceTaskIds="a"),
        send(metadata=[]),
        send(metadata="x"),
        {**SEND, "configuration": {"historyLength": -1}},
        {**SEND, "configuration": {"historyLength": 2**31}},
        {**SEND, "configuration": {"historyLength": 1.5}},
        {**SEND, "configuration": {"historyLength": "1"}},
        {**SEND, "configuration": {"returnImmediately": "true"}},
        {**SEND, "tenant": {}},
    ],
)
def test_a_request_that_is_not_valid_is_refused_with_the_place(tree: Any) -> None:
    with pytest.raises(InvalidParams) as caught:
        check(tree, SendMessageRequest)
    assert caught.value.violations


@pytest.mark.parametrize("text", ["YWI=", "YWI", "-_-_", "+/+/", ""])
def test_base64_is_taken_in_both_alphabets_with_or_without_padding(text: str) -> None:
    check(send(parts=[{"raw": text}]), SendMessageRequest)


CONTROLS = ["a\r\nx: y", "\n", "a\x00", "\x1b[31m", "\x7f", "a\x85b", "a\u2028b"]


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("field", ["messageId", "taskId", "contextId"])
def test_a_message_with_a_control_character_in_an_id_is_refused(field: str, control: str) -> None:
    with pytest.raises(InvalidParams):
        check(send(**{field: control}), SendMessageRequest)


@pytest.mark.parametrize("control", CONTROLS)
def test_control_characters_are_refused_in_tenants_references_and_task_ids(control: str) -> None:
    for tree in (send(referenceTaskIds=["a", control]), {**SEND, "tenant": control}):
        with pytest.raises(InvalidParams):
            check(tree, SendMessageRequest)
    for request in ({"id": control}, {"id": "a", "tenant": control}):
        with pytest.raises(InvalidParams):
            check(request, GetTaskRequest)
    with pytest.raises(InvalidParams):
        check({"statusUpdate": {"taskId": control, "status": {"state": "TASK_STATE_WORKING"}}}, StreamResponse)


def test_ids_may_hold_any_other_character() -> None:
    check(send(messageId="\u00e9 \U0001f600 ~!%/\u200d"), SendMessageRequest)


@pytest.mark.parametrize("task", [{"id": ""}, {}, {"id": None}])
def test_a_request_about_no_task_is_refused(task: dict[str, Any]) -> None:
    with pytest.raises(InvalidParams):
        check(task, GetTaskRequest)


@pytest.mark.parametrize(
    "tree",
    [send(role="x" * 1_000_000), send(**{"_" * 1_000_000 + "messageId": "x"}), send(parts=[{"x" * 1_000_000: 1}])],
    ids=["value", "key", "unknown"],
)
def test_an_error_repeats_little_of_what_was_sent(tree: Any) -> None:
    with pytest.raises(InvalidParams) as caught:
        check(tree, SendMessageRequest)
    assert len(caught.value.message) + sum(len(text) for pair in caught.value.violations for text in pair) < 2_000


# -- what a refusal costs

_FLAT = 2**22


def _counted(body: bytes) -> tuple[int, str]:
    """How many strings were looked at, and what was said."""
    seen: list[int] = []

    class Strings:
        def subn(self, new: bytes, text: bytes, count: int) -> tuple[bytes, int]:
            found = _STRING.subn(new, text, count=count)
            seen.append(found[1])
            return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strict_json, "_STRING", Strings())
        try:
            decode_json(body, max_nodes=1000)
        except (InvalidRequest, ParseError) as error:
            return sum(seen), error.message
    return sum(seen), ""


@pytest.mark.requirement("agent.bounds")
@pytest.mark.parametrize("unit", [b'{"a":', b'[{"":', b'"",', b'"[",'])
def test_no_more_strings_are_looked_at_than_a_document_may_have(unit: bytes) -> None:
    strings, said = _counted(b"[" + unit * (_FLAT // len(unit)))
    assert (strings, said) == (2001, "the document has more than 1000 values")


@pytest.mark.requirement("agent.bounds")
@pytest.mark.parametrize("body", [b"{}" * _FLAT, b"[" + b"[]" * _FLAT, b"[[" + b"{}" * _FLAT, b"[" * _FLAT])
def test_no_more_brackets_are_looked_at_than_a_document_may_have(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="more than 50000 values"):
        decode_json(body)


def test_what_follows_a_whole_document_is_left_to_the_parser() -> None:
    with pytest.raises(ParseError):
        decode_json(b"[" + b"[]," * 100 + b"0]" + b"]" * _FLAT)


def test_as_many_strings_as_a_document_may_have_are_taken() -> None:
    assert (
        len(decode_json(b"{" + b",".join(b'"%d":"x"' % number for number in range(999)) + b"}", max_nodes=1000)) == 999
    )
