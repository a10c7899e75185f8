"""What the rules promise holds of real bytes and real JSON: whatever they let pass arrives unchanged."""

from __future__ import annotations

import functools
import random
from collections import Counter
from typing import Literal, NamedTuple

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from meshgate.registry.schemas import Image, compare, load_image
from meshgate.registry.schemas.description import message_view
from tests.registry.schemas.corpus import corpus
from tests.registry.schemas.values import fill, shared

Form = Literal["wire", "json"]


class Reading(NamedTuple):
    """Data of one schema read with another, in one form, and whether a rule objects."""

    writer: Image
    reader: Image
    type: str
    form: Form
    edits: tuple[str, ...]
    rules: frozenset[str]


TIDY = frozenset({"field-removed", "field-name-removed", "enum-value-removed", "enum-value-name-removed"})
"""Rules about what later schemas might do; two schemas alone lose nothing by it."""


@functools.cache
def readings() -> list[Reading]:
    """Every pair of the corpus, read in both directions and both forms."""
    found: list[Reading] = []
    for pair in corpus(1200, seed=7):
        old, new = (load_image(FileDescriptorSet(file=[file]).SerializeToString()) for file in (pair.old, pair.new))
        name = f"{pair.package}.A"
        said = compare(old, new, name, name)
        for direction, writer, reader in (("backward", old, new), ("forward", new, old)):
            for form in ("wire", "json"):
                rules = {
                    one.rule for one in said if one.direction in (direction, "both") and one.form in (form, "both")
                }
                found.append(Reading(writer, reader, name, form, pair.edits, frozenset(rules)))
    return found


@functools.cache
def allowed() -> list[Reading]:
    return [one for one in readings() if not one.rules]


def read(reading: Reading, seed: int) -> list[object]:
    """What gets lost of a message that is written with the one schema and read with the other."""
    written = reading.writer.message_class(reading.type)()
    fill(written, message_view(reading.writer, reading.type), reading.writer, random.Random(seed))
    arrived = reading.reader.message_class(reading.type)()
    try:
        if reading.form == "wire":
            arrived.ParseFromString(written.SerializeToString())
        else:
            json_format.Parse(json_format.MessageToJson(written), arrived, ignore_unknown_fields=True)
    except (json_format.ParseError, DecodeError) as error:
        return [error]
    if not arrived.IsInitialized():
        return ["a required field is missing"]
    return list[object](shared(written, arrived))


@settings(derandomize=True, max_examples=1500, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
@pytest.mark.requirement("schema.keeps")
def test_what_is_let_pass_arrives_unchanged(which: int, seed: int) -> None:
    reading = allowed()[which % len(allowed())]

    assert read(reading, seed) == [], f"{reading.edits} {reading.form} {reading.type}"


def test_a_schema_gets_along_with_itself() -> None:
    assert [one.type for one in readings() if compare(one.reader, one.reader, one.type, one.type)] == []


def test_both_forms_and_directions_are_among_what_is_let_pass() -> None:
    changed = [one for one in allowed() if one.edits != ("nothing",)]

    assert min(Counter(one.form for one in changed).values()) > 300
    assert len({edit for one in changed for edit in one.edits}) > 30


@pytest.mark.parametrize(
    "rule", ["wire-type", "json-type", "cardinality", "oneof-joined", "json-name-reused", "json-name", "default"]
)
@pytest.mark.requirement("schema.keeps")
def test_what_a_rule_refuses_does_get_lost(rule: str) -> None:
    # By example only: a rule speaks of all values, and few of them are lost.
    refused = [one for one in readings() if one.rules - TIDY == frozenset({rule})]
    seen = [one for one in refused[:40] if any(read(one, seed) for seed in range(12))]

    assert refused
    assert seen, [(one.edits, one.form) for one in refused[:5]]


@pytest.mark.parametrize("rule", ["enum-value-unknown", "enum-value-lost", "required-missing"])
def test_what_a_rule_about_values_refuses_does_get_lost(rule: str) -> None:
    refused = [one for one in readings() if rule in one.rules]

    assert any(read(one, seed) for one in refused[:40] for seed in range(12))
