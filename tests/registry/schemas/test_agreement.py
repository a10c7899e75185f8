"""The rules beside ``buf breaking``: where the two differ, the difference is one of a few that are meant.

buf asks whether two schemas are equal enough; the rules here ask whether data written with one is read with the other
without loss, for each direction by itself. So both refuse most changes alike, and where one is stricter there is a
reason, which stands in ``CLASSES``. buf's names: https://buf.build/docs/breaking/rules.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from meshgate.registry.schemas import Violation, compare, load_image
from tests.registry.schemas.corpus import EDITS, Pair, corpus
from tests.support.patience import patience

BUF = Path(sys.executable).with_name("buf")

SAME: dict[str, str] = {
    "field-removed": "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED",
    "field-name-removed": "FIELD_NO_DELETE_UNLESS_NAME_RESERVED",
    "reserved-number-lost": "RESERVED_MESSAGE_NO_DELETE",
    "reserved-name-lost": "RESERVED_MESSAGE_NO_DELETE",
    "required-missing": "MESSAGE_SAME_REQUIRED_FIELDS CARDINALITY",
    "oneof-joined": "FIELD_SAME_ONEOF",
    "json-name": "FIELD_SAME_JSON_NAME FIELD_SAME_NAME",
    "json-name-reused": "FIELD_SAME_JSON_NAME FIELD_SAME_NAME FIELD_NO_DELETE_UNLESS_NAME_RESERVED",
    "wire-type": "TYPE",
    "json-type": "TYPE",
    "cardinality": "CARDINALITY TYPE",
    "default": "FIELD_SAME_DEFAULT",
    "enum-value-removed": "ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED",
    "enum-value-name-removed": "ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED",
    "enum-value-renamed": "ENUM_VALUE_SAME_NAME",
    "enum-value-renumbered": "ENUM_VALUE_SAME_NAME ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED "
    "ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED",
    "enum-reserved-number-lost": "RESERVED_ENUM_NO_DELETE",
    "enum-reserved-name-lost": "RESERVED_ENUM_NO_DELETE",
}
"""Which of buf's rules say the same as one of ours."""

ALIKE = re.compile(r"FIELD_WIRE(?:_JSON)?_COMPATIBLE_(TYPE|CARDINALITY)")
"""buf has each of these twice, under one name for each form."""


class Saying(NamedTuple):
    """What one side says of a pair: the rule, and a text with the names of types and messages in it."""

    rule: str
    text: str
    names: frozenset[str]
    """The messages and enums that it is about."""


class Difference(NamedTuple):
    """Something that only one side says, with what the other says of the same pair."""

    side: str
    use: str
    said: Saying
    pair: Pair
    other: list[Saying]

    @property
    def swapped(self) -> bool:
        """Whether buf says that a field has got a message or enum of another name."""
        heard = [self.said] if self.side == "buf" else self.other
        return any(one.rule == "TYPE" and re.search(r'changed type from "c\d+\.', one.text) for one in heard)


@dataclass(frozen=True)
class Class:
    """A kind of difference that is meant: who says it, of what, and why the other side does not."""

    side: str
    rules: str
    why: str
    fits: Callable[[Difference], bool] = lambda difference: True


def types(difference: Difference) -> tuple[str, str]:
    """The two types that a saying names."""
    found = re.search(r'(?:type was|type from) "?([\w.]+)"? (?:and is|to) "?([\w.]+)"?', difference.said.text)
    return (found[1], found[2]) if found else ("", "")


def family(kind: str) -> str:
    """Types that buf lets change into each other."""
    for name in ("sint", "sfixed32 fixed32", "sfixed64 fixed64", "int uint bool"):
        if any(kind.startswith(part) for part in name.split()):
            return name
    return kind


def integers(difference: Difference) -> bool:
    before, after = types(difference)
    return before != after and family(before) == family(after) in (
        "sint",
        "sfixed32 fixed32",
        "sfixed64 fixed64",
        "int uint bool",
    )


CLASSES: dict[str, Class] = {
    "numbers are cut": Class(
        "ours",
        "wire-type json-type",
        "buf lets integers of one encoding change into each other; a large or negative value then arrives as another",
        integers,
    ),
    "bytes are no text": Class(
        "ours",
        "wire-type",
        "buf lets text become bytes; the other way, bytes that are no UTF-8 are refused as text",
        lambda one: types(one) == ("string", "bytes"),
    ),
    "enum values in JSON": Class(
        "ours",
        "enum-value-unknown",
        "buf takes a value that is added, or removed with both reserved; a reader of JSON does not know the name",
    ),
    "enum values in a closed enum": Class(
        "ours",
        "enum-value-lost",
        "buf takes values that are added or removed; a closed enum drops a number that it does not define",
        lambda one: one.pair.old.syntax == "proto2",
    ),
    "numbers of an enum change meaning": Class(
        "ours",
        "enum-value-renumbered",
        "buf's WIRE does not look at names of values; but a name that has another number is misread in binary",
        lambda one: one.use == "WIRE",
    ),
    "a new alias": Class(
        "ours",
        "enum-value-renamed",
        "buf takes a further name for a number; a reader of JSON does not know it",
        lambda one: "value aliased" in one.pair.edits,
    ),
    "inside another type": Class(
        "ours",
        "field-removed field-name-removed reserved-number-lost reserved-name-lost required-missing oneof-joined "
        "json-name json-name-reused wire-type json-type cardinality default enum-value-removed enum-value-name-removed "
        "enum-value-renamed enum-value-renumbered enum-reserved-number-lost enum-reserved-name-lost",
        "where a field gets a type of another name, buf refuses that; the rules here compare what is in the two",
        lambda one: one.swapped,
    ),
    "another name of the same type": Class(
        "buf",
        "TYPE",
        "names of messages and enums are neither in binary nor in JSON; what is in the two is compared instead",
        lambda one: one.swapped,
    ),
    "an open enum is a number": Class(
        "buf",
        "TYPE",
        "in binary an open enum is an int32, so every number arrives; JSON is refused by both",
        lambda one: one.use == "WIRE" and set(types(one)) <= {"enum", "int32", "int64"},
    ),
    "names of oneofs": Class(
        "buf",
        "FIELD_SAME_ONEOF",
        "a oneof's name is in no data, and one field that enters or leaves a oneof alone is never in another's way",
        lambda one: bool(
            {"oneof renamed", "one into a new oneof", "oneof left", "two into a new oneof"} & set(one.pair.edits)
        ),
    ),
    "reserved names in binary": Class(
        "buf",
        "RESERVED_MESSAGE_NO_DELETE RESERVED_ENUM_NO_DELETE",
        "buf's WIRE holds on to reserved names too; names are not in binary",
        lambda one: one.use == "WIRE" and "reserved name" in one.said.text,
    ),
    "not part of the contract": Class(
        "buf",
        "*",
        "buf looks at every enum of a file, the rules here at what a payload can hold",
        lambda one: one.said.names <= unused(one.pair),
    ),
}


def unused(pair: Pair) -> set[str]:
    """Enums that no field has on both sides, so that no payload of both schemas holds one."""

    def held(file: FileDescriptorProto) -> set[tuple[str, int, str]]:
        fields = [(message.name, field) for message in file.message_type for field in message.field]
        return {(name, field.number, field.type_name.rpartition(".")[2]) for name, field in fields}

    return {"E", "F"} - {target for _, _, target in held(pair.old) & held(pair.new)}


def ours(pairs: list[Pair]) -> dict[str, list[Violation]]:
    """What the rules find, of every message that both schemas have."""
    found: dict[str, list[Violation]] = {}
    for pair in pairs:
        old, new = (load_image(FileDescriptorSet(file=[file]).SerializeToString()) for file in (pair.old, pair.new))
        found[pair.package] = [one for name in pair.messages for one in compare(old, new, name, name)]
    return found


def bufs(pairs: list[Pair], use: str, folder: Path) -> dict[str, list[Saying]]:
    """What buf finds, in one run for all pairs: each is a file of its own."""
    for which in ("old", "new"):
        files = FileDescriptorSet(file=[getattr(pair, which) for pair in pairs])
        (folder / f"{which}.binpb").write_bytes(files.SerializeToString())
    config = json.dumps({"version": "v2", "breaking": {"use": [use]}})
    command = [
        str(BUF),
        "breaking",
        "new.binpb",
        "--against",
        "old.binpb",
        "--config",
        config,
        "--error-format",
        "json",
    ]
    # buf ends with 100 where it found something; with another code it did not understand what it was given.
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=patience(60.0))
    assert ended.returncode == 100, ended.stderr
    found: dict[str, list[Saying]] = defaultdict(list)
    for line in ended.stdout.splitlines():
        told = json.loads(line)
        rule = ALIKE.sub(r"\1", told["type"])
        names = frozenset(re.findall(r'(?:[Mm]essage|enum) "(\w+)"', told["message"]))
        found[told["path"].removesuffix(".proto")].append(Saying(rule, told["message"], names))
    return found


def said(violation: Violation) -> Saying:
    return Saying(violation.rule, violation.what, frozenset(violation.path.split(".")[1:]))


def differences(pair: Pair, use: str, mine: list[Saying], theirs: list[Saying]) -> list[Difference]:
    """What one side says of a pair and the other does not."""

    def same(our: Saying, their: Saying) -> bool:
        return their.rule in SAME.get(our.rule, "").split() and bool(our.names & their.names)

    alone = [
        Difference("ours", use, one, pair, theirs) for one in mine if not any(same(one, other) for other in theirs)
    ]
    return alone + [
        Difference("buf", use, one, pair, mine) for one in theirs if not any(same(other, one) for other in mine)
    ]


def classify(difference: Difference) -> str:
    """The name of the first class that the difference fits, or nothing."""
    for name, known in CLASSES.items():
        listed = known.rules == "*" or difference.said.rule in known.rules.split()
        if known.side == difference.side and listed and known.fits(difference):
            return name
    return ""


@pytest.mark.integration  # runs the program buf
@pytest.mark.requirement("schema.buf")
def test_the_rules_differ_from_bufs_only_where_that_is_meant(tmp_path: Path) -> None:
    pairs = corpus()
    found = ours(pairs)
    counts: Counter[str] = Counter()
    agreed, unlisted = 0, list[str]()
    for use in ("WIRE", "WIRE_JSON"):
        theirs = bufs(pairs, use, tmp_path)
        for pair in pairs:
            mine = [said(one) for one in found[pair.package] if use == "WIRE_JSON" or one.form != "json"]
            different = differences(pair, use, mine, theirs.get(pair.package, []))
            agreed += not different
            for difference in different:
                name = classify(difference)
                counts[name] += 1
                if not name:
                    unlisted.append(f"{difference.side} {use} {pair.package} {pair.edits}: {difference.said}")

    assert len(pairs) >= 2000
    assert {edit for pair in pairs for edit in pair.edits} == set(EDITS)
    assert not unlisted, f"{len(unlisted)} differences are of no class:\n" + "\n".join(unlisted[:20])
    assert set(counts) == set(CLASSES), "a class of differences that does not occur"
    assert agreed > len(pairs), "the two agree on less than half"
