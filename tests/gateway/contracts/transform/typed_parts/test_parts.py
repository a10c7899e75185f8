"""Typed parts: which they are, whose they are, and that nothing else in a message changes with them."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshgate.a2a.codec.transcode import proto_class, to_proto
from meshgate.a2a.errors import ConversionFailed, SchemaViolation
from meshgate.a2a.payload import JsonPayload, Payload, ProtoPayload
from meshgate.a2a.types import A2AMessage, GetTaskRequest, SendMessageRequest, SendMessageResponse, StreamResponse
from meshgate.gateway.contracts.transform import (
    Converter,
    TypedPart,
    check_part,
    convert_part,
    map_parts,
    media_text,
    parse_media_type,
    typed_parts,
)
from tests.gateway.contracts.transform.build import contract

OLD = contract(
    "enum E { NONE = 0; ONE = 1; } message A { string city = 1 [(buf.validate.field).string.min_len = 2]; E e = 2; }",
    version="1.0.0",
)
NEW = contract(
    """enum E { NONE = 0; ONE = 1; TWO = 2; }
    message A { string place = 1 [(buf.validate.field).string.min_len = 2]; E e = 2; int64 days = 3; }""",
    version="2.0.0",
)
UP, DOWN, SAME = Converter(OLD, NEW), Converter(NEW, OLD), Converter(OLD, OLD)
JSON = "application/json; type=p.A; version=1.0.0"
PROTOBUF = "application/protobuf; type=p.A; version=1.0.0"
BERN = b"\x0a\x04Bern"
RAW = base64.b64encode(BERN).decode()
PNG = base64.b64encode(bytes(range(256))).decode()
UNTOUCHED: list[dict[str, Any]] = [
    {"text": "héllo\n", "metadata": {"a": [1, None, {"b": 1.5}]}},
    {"raw": PNG, "mediaType": "image/png", "filename": "a.png"},
    {"url": "https://example.org/a.bin", "mediaType": "application/protobuf; type=p.A"},
    {"raw": RAW},
    {"data": {"city": 5}, "mediaType": "application/vnd.mine+json"},
    {"data": [1, 2], "mediaType": "application/xml"},
    {"data": {"city": 5}, "mediaType": "application/json; type=" + "x" * 600},
    {"data": {"city": 5}, "mediaType": "application/json; type"},
    {"raw": PNG, "mediaType": "application/json"},
    {"text": "", "mediaType": "application/json; type=p.A"},
]


def message(*parts: dict[str, Any], role: str = "ROLE_USER", **more: Any) -> dict[str, Any]:
    return {"messageId": "m", "role": role, "parts": list(parts), **more}


def payload(kind: type[A2AMessage], tree: dict[str, Any], binding: str = "json") -> Payload:
    return JsonPayload(kind, tree) if binding == "json" else ProtoPayload(kind, to_proto(tree, proto_class(kind)))


def sent(*parts: dict[str, Any], binding: str = "json", **more: Any) -> Payload:
    return payload(SendMessageRequest, {"message": message(*parts, **more), "metadata": {"k": 1}}, binding)


def upgrade(part: TypedPart) -> TypedPart:
    return convert_part(part, UP).part


def encoded(tree: Any) -> list[bytes]:
    return [msgspec.json.encode(part) for part in tree["message"]["parts"]]


both_bindings = pytest.mark.parametrize("binding", ["json", "protobuf"])


# -- what is one


@both_bindings
@pytest.mark.requirement("mediation.parts")
def test_typed_parts_are_found_among_others_each_with_its_place(binding: str) -> None:
    found = typed_parts(
        sent(
            UNTOUCHED[0],
            {"data": {"city": "Bern"}, "mediaType": JSON},
            *UNTOUCHED[1:4],
            {"raw": RAW, "mediaType": PROTOBUF},
            {"data": {"city": "Bern"}},
            {"raw": RAW, "mediaType": "application/x-protobuf"},
            binding=binding,
        )
    )
    assert [(part.path, part.form, part.type, part.version, part.value) for part in found] == [
        ("message.parts[1]", "json", "p.A", "1.0.0", {"city": "Bern"}),
        ("message.parts[5]", "protobuf", "p.A", "1.0.0", BERN),
        ("message.parts[6]", "json", "", "", {"city": "Bern"}),
        ("message.parts[7]", "protobuf", "", "", BERN),
    ]
    assert {part.side for part in found} == {"input"}


DATA = {"data": {"city": "Bern"}, "mediaType": JSON}
TASK: dict[str, Any] = {
    "id": "t",
    "contextId": "c",
    "status": {"state": "TASK_STATE_WORKING", "message": message(DATA, role="ROLE_AGENT")},
    "artifacts": [{"artifactId": "a", "parts": [{"text": "t"}, DATA]}, {"artifactId": "b", "parts": [DATA]}],
    "history": [message(DATA), message(DATA, role="ROLE_AGENT")],
}
IN_TASK = [
    ("output", "status.message.parts[0]"),
    ("output", "artifacts[0].parts[1]"),
    ("output", "artifacts[1].parts[0]"),
    ("input", "history[0].parts[0]"),
    ("output", "history[1].parts[0]"),
]
STATUS = {"taskId": "t", "contextId": "c", "status": TASK["status"]}
ARTIFACT = {"taskId": "t", "contextId": "c", "artifact": TASK["artifacts"][0], "append": True}
EVENTS: list[tuple[type[A2AMessage], dict[str, Any], list[tuple[str, str]]]] = [
    (SendMessageResponse, {"message": message(DATA, role="ROLE_AGENT")}, [("output", "message.parts[0]")]),
    (SendMessageResponse, {"task": TASK}, [(side, f"task.{path}") for side, path in IN_TASK]),
    (StreamResponse, {"task": TASK}, [(side, f"task.{path}") for side, path in IN_TASK]),
    (StreamResponse, {"message": message(DATA)}, [("output", "message.parts[0]")]),
    (StreamResponse, {"statusUpdate": STATUS}, [("output", "statusUpdate.status.message.parts[0]")]),
    (StreamResponse, {"artifactUpdate": ARTIFACT}, [("output", "artifactUpdate.artifact.parts[1]")]),
    (StreamResponse, {"statusUpdate": {**STATUS, "status": {"state": "TASK_STATE_COMPLETED"}}}, []),
]


@both_bindings
@pytest.mark.parametrize(("kind", "tree", "places"), EVENTS)
@pytest.mark.requirement("mediation.parts")
def test_parts_in_answers_and_events_are_found_and_belong_to_whoever_speaks(
    kind: type[A2AMessage], tree: dict[str, Any], places: list[tuple[str, str]], binding: str
) -> None:
    event = payload(kind, tree, binding)
    assert sorted((part.side, part.path) for part in typed_parts(event)) == sorted(places)
    changed = map_parts(event, upgrade)
    assert [part.value for part in typed_parts(changed)] == [{"place": "Bern"}] * len(places)
    assert [part.version for part in typed_parts(changed)] == ["2.0.0"] * len(places)
    assert typed_parts(event) == typed_parts(payload(kind, tree, binding))


def test_a_request_without_a_message_has_no_parts() -> None:
    request = payload(GetTaskRequest, {"id": "t"})
    assert typed_parts(request) == []
    assert map_parts(request, upgrade) is request


# -- what stays


@pytest.mark.requirement("mediation.parts")
def test_json_beside_a_changed_part_is_sent_on_byte_for_byte() -> None:
    typed = {"metadata": {"n": 1}, "data": {"city": "Bern"}, "filename": "f", "mediaType": JSON, "x-mine": [1]}
    before = sent(*UNTOUCHED, typed, *UNTOUCHED, extensions=["e"], contextId="c")
    copy = msgspec.json.encode(before.tree())
    after = map_parts(before, upgrade).tree()
    assert msgspec.json.encode(before.tree()) == copy
    kept = [new for new in after["message"]["parts"] if "x-mine" not in new]
    assert [msgspec.json.encode(part) for part in kept] == [msgspec.json.encode(part) for part in UNTOUCHED * 2]
    wanted = {**typed, "data": {"place": "Bern"}, "mediaType": JSON.replace("1.0.0", "2.0.0")}
    assert encoded(after)[len(UNTOUCHED)] == msgspec.json.encode(wanted)
    for tree in (after, before.tree()):
        tree["message"]["parts"] = []
    assert msgspec.json.encode(after) == msgspec.json.encode(before.tree())


@pytest.mark.requirement("mediation.parts")
def test_protobuf_beside_a_changed_part_is_sent_on_byte_for_byte() -> None:
    typed = {"metadata": {"n": 1}, "data": {"city": "Bern"}, "filename": "f", "mediaType": JSON}
    before: Any = sent(*UNTOUCHED, typed, *UNTOUCHED, extensions=["e"], contextId="c", binding="protobuf")
    copy = before.message.SerializeToString()
    after: Any = map_parts(before, upgrade)
    assert before.message.SerializeToString() == copy
    pairs = list(zip(before.message.message.parts, after.message.message.parts, strict=True))
    changed = [index for index, (old, new) in enumerate(pairs) if old.SerializeToString() != new.SerializeToString()]
    assert changed == [len(UNTOUCHED)]
    old, new = pairs[len(UNTOUCHED)]
    assert (new.metadata, new.filename) == (old.metadata, old.filename)
    new.CopyFrom(old)
    assert after.message.SerializeToString() == copy


@both_bindings
def test_a_payload_in_which_nothing_changes_is_passed_on_itself(binding: str) -> None:
    whole = sent(*UNTOUCHED, DATA, {"raw": RAW, "mediaType": PROTOBUF}, binding=binding)
    assert map_parts(whole, lambda part: part) is whole


@both_bindings
@pytest.mark.requirement("mediation.parts")
def test_of_several_typed_parts_each_is_changed_by_itself(binding: str) -> None:
    whole = sent(*({"data": {"city": f"c{n}"}, "mediaType": JSON} for n in range(5)), binding=binding)
    odd = map_parts(whole, lambda part: upgrade(part) if part.value["city"] in ("c1", "c3") else part)
    assert [part.value for part in typed_parts(odd)] == [
        {"city": "c0"},
        {"place": "c1"},
        {"city": "c2"},
        {"place": "c3"},
        {"city": "c4"},
    ]


# -- forms


@both_bindings
@pytest.mark.requirement("mediation.parts")
def test_protobuf_in_and_json_out_and_the_reverse(binding: str) -> None:
    raw = sent({"raw": RAW, "mediaType": PROTOBUF, "metadata": {"m": 1}}, binding=binding)
    as_json = map_parts(raw, lambda part: convert_part(part, UP, "json").part)
    (part,) = as_json.tree()["message"]["parts"]
    assert part == {
        "data": {"place": "Bern"},
        "mediaType": "application/json; type=p.A; version=2.0.0",
        "metadata": {"m": 1},
    }
    again = map_parts(as_json, lambda part: convert_part(part, DOWN, "protobuf").part)
    (part,) = again.tree()["message"]["parts"]
    assert part == {"raw": RAW, "mediaType": PROTOBUF, "metadata": {"m": 1}}


@pytest.mark.parametrize(
    ("media", "form", "wanted", "result"),
    [
        ("", "json", None, ""),
        ("application/json", "json", None, "application/json"),
        ("Application/JSON; charset=utf-8", "json", None, "Application/JSON; charset=utf-8"),
        (JSON, "json", None, "application/json; type=p.A; version=2.0.0"),
        (
            f'{JSON}; charset=utf-8; x="a b"',
            "json",
            None,
            'application/json; type=p.A; version=2.0.0; charset=utf-8; x="a b"',
        ),
        ("application/json; type=p.A", "json", None, "application/json; type=p.A"),
        ("application/json; version=1.0.0", "json", None, "application/json; version=2.0.0"),
        ("", "json", "protobuf", "application/protobuf; type=p.A; version=2.0.0"),
        ("application/x-protobuf", "protobuf", None, "application/x-protobuf"),
        ("application/protobuf", "protobuf", "json", "application/json; version=2.0.0"),
    ],
)
@pytest.mark.requirement("mediation.parts")
def test_the_media_type_says_what_it_said_of_the_new_release(media: str, form: Any, wanted: Any, result: str) -> None:
    value: Any = {"city": "Bern"} if form == "json" else BERN
    assert convert_part(TypedPart("input", "p", form, media, value), UP, wanted).part.media_type == result


def test_unknown_fields_and_keys_pass_through_a_conversion() -> None:
    extra = b"\x98\x06\x05"
    raw = convert_part(TypedPart("input", "p", "protobuf", PROTOBUF, BERN + extra), UP)
    assert raw.part.value == BERN + extra
    tree = {"city": "Bern", "x": {"y": [None]}, "days": "not a number"}
    mediated = convert_part(TypedPart("input", "p", "json", JSON, tree), UP)
    assert mediated.part.value == {"place": "Bern", "x": {"y": [None]}}
    assert [each.key for each in mediated.lost] == ["days"]


@pytest.mark.requirement("mediation.json")
def test_an_enum_value_that_the_reader_does_not_know_falls_back_in_json_and_stays_in_bytes() -> None:
    media = JSON.replace("1.0.0", "2.0.0")
    mediated = convert_part(TypedPart("output", "p", "json", media, {"place": "Bern", "e": "TWO"}), DOWN)
    assert mediated.part.value == {"city": "Bern", "e": "NONE"}
    assert [each.path for each in mediated.fallbacks] == ["e"]
    raw = convert_part(TypedPart("output", "p", "protobuf", PROTOBUF, BERN + b"\x10\x02"), DOWN)
    assert raw.part.value == BERN + b"\x10\x02"


# -- checking


def part_of(value: Any, media: str = JSON) -> TypedPart:
    return TypedPart("input", "p", "json" if isinstance(value, dict) else "protobuf", media, value)


@pytest.mark.parametrize("value", [{"city": "B"}, {"city": 5}, b"\x0a\x01B", b"\xff", {}, b""])
@pytest.mark.requirement("mediation.constraints")
def test_a_part_that_breaks_its_own_contract_is_refused(value: Any) -> None:
    for converter in (UP, SAME):
        with pytest.raises(SchemaViolation):
            convert_part(part_of(value), converter)
    with pytest.raises(SchemaViolation):
        check_part(part_of(value), OLD)


def test_a_part_that_keeps_its_contract_is_sent_on_as_it_came() -> None:
    for part in (part_of({"city": "Bern", "x": 1}), part_of(BERN)):
        assert convert_part(part, SAME).part is part
        assert OLD.write_bytes(check_part(part, OLD)) == BERN


def test_unchecked_and_unchanged_a_part_is_not_even_read() -> None:
    part = part_of(b"\xff")
    assert convert_part(part, SAME, check=False).part is part
    short = part_of({"city": "B"})
    assert convert_part(short, UP, check=False).part.value == {"place": "B"}


def test_what_a_part_becomes_is_checked_by_the_readers_contract() -> None:
    strict = contract("message A { string city = 1 [(buf.validate.field).string.min_len = 9]; }", version="3.0.0")
    with pytest.raises(ConversionFailed) as caught:
        convert_part(part_of({"city": "Bern"}), Converter(OLD, strict))
    assert caught.value.metadata["target"] == "p.A 3.0.0"
    assert [path for path, _ in caught.value.violations] == ["city"]


@pytest.mark.parametrize("raw", ["*", "AAAAA", "ä", "AA==AA"])
def test_protobuf_that_is_no_base64_is_refused_by_its_place(raw: str) -> None:
    with pytest.raises(SchemaViolation) as caught:
        typed_parts(sent({"text": "t"}, {"raw": raw, "mediaType": PROTOBUF}))
    assert [path for path, _ in caught.value.violations] == ["message.parts[1]"]


# -- media types

_NAMES = st.from_regex(r"[A-Za-z0-9._]{1,12}", fullmatch=True)
_VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)


@given(
    st.sampled_from(["json", "protobuf"]), _VALUES, _VALUES, st.dictionaries(_NAMES, _VALUES.filter(bool), max_size=3)
)
@settings(max_examples=200, deadline=None)
def test_a_media_type_that_was_written_is_read_alike(form: Any, kind: str, version: str, rest: dict[str, str]) -> None:
    others = tuple((name.lower(), value) for name, value in rest.items() if name.lower() not in ("type", "version"))
    found = parse_media_type(media_text(form, kind, version, others))
    assert (found.form, found.type, found.version, found.rest) == (form, kind, version, others)


@given(st.text(st.sampled_from(list('aj/;= "\\\t\n,é')) | st.characters(), max_size=600))
@settings(max_examples=200, deadline=None)
@pytest.mark.requirement("mediation.bounded")
def test_any_text_is_some_media_type(text: str) -> None:
    for prefix in ("", "application/json; type=p.A; ", 'application/json; x="'):
        found = parse_media_type(prefix + text)
        assert len(found.kind) <= 512
