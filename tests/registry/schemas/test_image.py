"""What is taken as a schema, and what is not."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, Edition, FileDescriptorProto, FileDescriptorSet

from meshgate.a2a.limits import DEFAULTS
from meshgate.registry.limits import blob_digest
from meshgate.registry.schemas import BadSchema, Image, load_image
from meshgate.registry.schemas.standard_files import VALIDATE, known_files
from tests.registry.schemas.build import compiled, image

TIMED = "message A { google.protobuf.Timestamp at = 1; string b = 2 [(buf.validate.field).string.min_len = 1]; }"


def refused(data: bytes) -> BadSchema:
    with pytest.raises(BadSchema) as caught:
        load_image(data)
    assert caught.value.problem
    assert caught.value.remedy
    return caught.value


def bundle(*files: FileDescriptorProto) -> bytes:
    return FileDescriptorSet(file=files).SerializeToString()


def proto(name: str, *imports: str, messages: tuple[str, ...] = (), package: str = "p") -> FileDescriptorProto:
    declared = [DescriptorProto(name=message) for message in messages]
    return FileDescriptorProto(name=name, syntax="proto3", package=package, dependency=imports, message_type=declared)


def text(body: str, syntax: str = "proto3") -> bytes:
    return compiled(body, syntax)


def test_an_image_is_named_by_its_content_and_finds_its_types() -> None:
    loaded = image("message A { B b = 1; message Inner {} map<string, B> many = 2; } message B { int32 n = 1; }")

    assert loaded.digest == blob_digest(loaded.data)
    assert loaded.types == ("p.A", "p.A.Inner", "p.B")
    assert [field.name for field in loaded.message("p.A").fields] == ["b", "many"]
    assert loaded.message_class("p.B").FromString(b"\x08\x07").SerializeToString() == b"\x08\x07"
    assert Image(loaded.data, loaded.digest) == loaded


def test_what_was_loaded_loads_as_itself() -> None:
    loaded = image(TIMED)

    assert load_image(loaded.data).data == loaded.data


@pytest.mark.requirement("schema.digest")
def test_one_schema_has_one_digest_however_it_was_built() -> None:
    bare = load_image(compiled(TIMED))
    whole = FileDescriptorSet.FromString(compiled(TIMED, imports=True))
    # Comments, the extension that buf writes into files (8042), and any order of the files.
    whole.file[-1].source_code_info.location.add(path=[4, 0], span=[1, 2, 3], leading_comments="what A is")
    data = b"".join(
        b"\x0a" + bytes([size % 128 | 128, size // 128 % 128 | 128, size // 16384]) + one
        for one in (file.SerializeToString() + b"\xd2\xf6\x03\x02\x08\x01" for file in reversed(whole.file))
        for size in [len(one)]
    )

    assert len(data) > 50_000
    assert load_image(data).digest == bare.digest


def test_files_stand_in_the_order_of_their_imports() -> None:
    files = [proto("c.proto", "b.proto"), proto("b.proto"), proto("a.proto", "c.proto"), proto("d.proto")]
    images = {load_image(bundle(*random.Random(seed).sample(files, 4))).data for seed in range(8)}

    assert len(images) == 1
    ordered = [file.name for file in FileDescriptorSet.FromString(images.pop()).file]
    assert ordered == ["b.proto", "c.proto", "a.proto", "d.proto"]


def test_two_images_with_the_same_names_live_side_by_side() -> None:
    first, second = image("message A { int32 a = 1; }"), image("message A { string a = 1; }")

    assert first.digest != second.digest
    assert first.message("p.A").fields_by_name["a"].type != second.message("p.A").fields_by_name["a"].type


@pytest.mark.requirement("schema.digest")
def test_well_known_files_are_protobufs_own_whatever_the_set_says() -> None:
    forged = proto("google/protobuf/timestamp.proto", messages=("Timestamp",), package="google.protobuf")
    user = FileDescriptorSet.FromString(compiled(TIMED)).file[0]
    loaded = load_image(bundle(forged, user))

    assert loaded.message("google.protobuf.Timestamp").fields_by_name["seconds"].number == 1


def test_the_copy_of_protovalidates_options_is_that_of_the_installed_one() -> None:
    installed = pytest.importorskip("protovalidate._gen.buf.validate.validate_pb")
    file = FileDescriptorProto.FromString(installed._DESC.proto.to_binary())
    file.ClearField("source_code_info")

    assert known_files()[VALIDATE] == file


def test_recursive_messages_are_taken() -> None:
    assert image("message A { A again = 1; B b = 2; } message B { repeated A a = 1; }").types == ("p.A", "p.B")


def test_custom_options_are_taken() -> None:
    body = "extend google.protobuf.FieldOptions { optional string label = 50001; } message A {}"
    assert load_image(text(body, "proto2")).types == ("p.A",)


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"\xff" * 1000, b"{}", b'{"file": []}', b"\x0a\x05abc", FileDescriptorSet().SerializeToString()],
    ids=["empty", "text", "ones", "object", "JSON", "cut", "no files"],
)
@pytest.mark.requirement("schema.image")
def test_what_is_no_descriptor_set_is_refused(data: bytes) -> None:
    refused(data)


def test_any_cut_of_a_set_is_refused_or_taken_as_a_set() -> None:
    whole = compiled(TIMED, imports=True)
    for size in range(0, len(whole), 97):
        with suppress(BadSchema):
            load_image(whole[:size])


@pytest.mark.requirement("schema.image")
def test_bytes_that_were_changed_at_random_never_do_worse() -> None:
    rng, whole = (
        random.Random(5),
        bytearray(compiled(TIMED + " enum E { X = 0; } message B { oneof o { A a = 1; E e = 2; } }")),
    )
    for _ in range(1500):
        spoiled = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            spoiled[rng.randrange(len(spoiled))] = rng.randrange(256)
        with suppress(BadSchema):
            load_image(bytes(spoiled))


def test_too_much_is_refused_before_it_is_read() -> None:
    error = refused(b"\x0a\x02\x0a\x00" * 300_000)

    assert str(DEFAULTS.schema_bytes) in error.problem


def deep(depth: int) -> bytes:
    message = DescriptorProto(name="M")
    for number in range(depth - 1):
        message = DescriptorProto(name=f"M{number}", nested_type=[message])
    return bundle(FileDescriptorProto(name="a.proto", syntax="proto3", message_type=[message]))


@pytest.mark.parametrize("depth", [33, 60, 95])
def test_declarations_nested_too_deep_are_refused(depth: int) -> None:
    refused(deep(depth))


def test_declarations_nested_just_so_are_taken() -> None:
    assert len(load_image(deep(32)).types) == 32


def test_declarations_nested_deeper_than_protobuf_reads_are_refused() -> None:
    # Written by hand: protobuf's own writer gives up as well. Field 4 of a file and field 3 of a message are messages.
    data = b""
    for _ in range(300):
        data = b"\x1a" + _varint(len(data)) + data
    data = b"\x0a\x07a.proto\x22" + _varint(len(data)) + data
    refused(b"\x0a" + _varint(len(data)) + data)


def _varint(number: int) -> bytes:
    low, rest = number & 127, number >> 7
    return bytes([low | 128]) + _varint(rest) if rest else bytes([low])


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (bundle(proto("a.proto", "b.proto")), "a.proto"),
        (bundle(proto("a.proto", "a.proto")), "a.proto"),
        (bundle(proto("a.proto", "b.proto"), proto("b.proto", "c.proto"), proto("c.proto", "a.proto")), "a.proto"),
        (bundle(proto("a.proto"), proto("a.proto")), "a.proto"),
        (bundle(proto("")), ""),
        (bundle(proto("a.proto", messages=("A",)), proto("b.proto", messages=("A",))), "p.A"),
        (bundle(proto("a.proto", messages=("A", "A"))), "p.A"),
        (bundle(proto("a.proto", messages=("Timestamp",), package="google.protobuf")), "google.protobuf.Timestamp"),
        (bundle(*(proto(f"{n}.proto") for n in range(65))), ""),
        (bundle(proto("a.proto", messages=tuple(f"M{n}" for n in range(2001)))), ""),
        (bundle(FileDescriptorProto(name="a.proto", syntax="proto4")), "a.proto"),
        (bundle(FileDescriptorProto(name="a.proto", syntax="editions", edition=Edition.EDITION_2024)), "a.proto"),
        (text("message A { optional group G = 1 { } }", "proto2"), "p.A.g"),
        (text("message B {} message A { B b = 1 [features.message_encoding = DELIMITED]; }", "2023"), "p.A.b"),
        (text("message A { extensions 10; }", "proto2"), "p.A"),
        (text("message A { option message_set_wire_format = true; extensions 4 to max; }", "proto2"), "p.A"),
        (text(f"message A {{ {' '.join(f'int32 f{n} = {n};' for n in range(1, 1002))} }}"), "p.A"),
        (text(f"message A {{ string a = 1 [(buf.validate.field).string.pattern = '{'a' * 257}']; }}"), "p.A.a"),
        (
            text(
                "message A { repeated string a = 1 "
                f"[(buf.validate.field).repeated.items.string.pattern = '{'a' * 257}']; }}"
            ),
            "p.A.a",
        ),
        (
            text(f"message A {{ option (buf.validate.message).cel = {{id: 'x' expression: '{'a' * 2049}'}}; }}"),
            "p.A",
        ),
    ],
    ids=[
        "missing import",
        "imports itself",
        "circle",
        "a file twice",
        "no name",
        "a name in two files",
        "a name twice",
        "a name of protobuf",
        "files",
        "messages",
        "syntax",
        "edition",
        "group",
        "delimited",
        "extensions",
        "message set",
        "fields",
        "pattern",
        "pattern of items",
        "expression",
    ],
)
@pytest.mark.requirement("schema.image")
def test_what_is_wrong_is_named(data: bytes, path: str) -> None:
    assert refused(data).path == path


def fields(*wanted: tuple[str, int, str], **more: int) -> bytes:
    """A message of int32 fields (name, number, JSON name), which no compiler has checked."""
    file = proto("a.proto", messages=("A",))
    for name, number, json_name in wanted:
        field = file.message_type[0].field.add(name=name, number=number, json_name=json_name)
        field.type, field.label = field.TYPE_INT32, field.LABEL_OPTIONAL
    if "reserved" in more:
        file.message_type[0].reserved_range.add(start=more["reserved"], end=more["reserved"] + 1)
    return bundle(file)


@pytest.mark.parametrize(
    "data",
    [
        fields(("a", 0, "a")),
        fields(("a", 2**29, "a")),
        fields(("a", -1, "a")),
        fields(("a", 19_500, "a")),
        fields(("a", 1, "a"), ("b", 1, "b")),
        fields(("a", 1, "a"), ("a", 2, "b")),
        fields(("fooBar", 1, "fooBar"), ("foo_bar", 2, "fooBar")),
        fields(("a", 1, "z"), ("b", 2, "z")),
        fields(("a", 4, "a"), reserved=4),
        fields(("a b", 1, "a")),
    ],
    ids=["zero", "too large", "negative", "kept", "number", "name", "camel", "JSON name", "reserved", "spelling"],
)
def test_a_message_that_no_compiler_would_write_is_refused(data: bytes) -> None:
    assert refused(data).path


def test_an_option_that_is_not_what_its_number_says_is_refused() -> None:
    file = FileDescriptorSet.FromString(fields(("a", 1, "a")))
    file.file[0].message_type[0].field[0].options.MergeFromString(b"\xba\x48\x02\xff\xff")

    assert refused(file.SerializeToString()).path == "p.A.a"


def test_a_type_that_is_missing_is_answered_with_the_nearest() -> None:
    with pytest.raises(BadSchema) as caught:
        image("message Request {}").message("p.Reqest")
    assert "p.Request" in caught.value.remedy


def test_as_many_messages_as_are_allowed_are_taken() -> None:
    assert len(load_image(bundle(proto("a.proto", messages=tuple(f"M{n}" for n in range(2000))))).types) == 2000


def test_the_import_of_protovalidates_options_is_left_out_of_the_pool_and_not_of_the_image() -> None:
    body = "message A { string a = 1 [(buf.validate.field).string.min_len = 2]; }"
    lean = load_image(compiled(body))
    with pytest.raises(KeyError):
        lean.pool.FindFileByName(VALIDATE)
    assert list(FileDescriptorSet.FromString(lean.data).file[0].dependency) == [VALIDATE]
    whole = load_image(compiled("message A { buf.validate.Violation why = 1; }"))
    assert whole.pool.FindFileByName(VALIDATE).name == VALIDATE
