"""Agreement with ``json_format`` and with itself, on messages, schemas and junk at random."""

from __future__ import annotations

import functools
import json
import random
from typing import Any, cast

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message import Message
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from meshgate.a2a.codec.strict_json import is_array, is_object
from meshgate.a2a.errors import MeshError, SchemaViolation
from meshgate.gateway.contracts.transform import CompiledContract, Converter
from meshgate.registry.schemas import BadSchema, Violation, compare, load_image
from tests.gateway.contracts.transform.build import FORECAST, contract, everything
from tests.gateway.contracts.transform.values import junk, messages, same
from tests.registry.schemas.corpus import Pair, corpus
from tests.registry.schemas.values import shared

SOME = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MANY = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@functools.cache
def pairs() -> list[Pair]:
    return corpus(300, seed=7)


@functools.cache
def both(number: int) -> tuple[CompiledContract, CompiledContract]:
    """The contracts of the first message of a pair, before and after its edits."""
    pair = pairs()[number]
    name = pair.messages[0]
    images = [load_image(FileDescriptorSet(file=[file]).SerializeToString()) for file in (pair.old, pair.new)]
    return CompiledContract(images[0], name, "1.0.0"), CompiledContract(images[1], name, "1.1.0")


@functools.cache
def breaches(number: int) -> tuple[Violation, ...]:
    pair = pairs()[number]
    name = pair.messages[0]
    old, new = (load_image(FileDescriptorSet(file=[file]).SerializeToString()) for file in (pair.old, pair.new))
    return compare(old, new, name, name)


def pool_of(of: CompiledContract) -> Any:
    file: Any = cast("Any", of.descriptor).file
    return file.pool


def json_of(message: Message, pool: Any, *, original: bool = False) -> Any:
    """The JSON that ``json_format`` makes, as a decoder reads it: of an ``Any`` it makes another kind of dict."""
    return json.loads(json_format.MessageToJson(message, preserving_proto_field_name=original, descriptor_pool=pool))


def agrees(of: CompiledContract, message: Message) -> None:
    """Our JSON of the message is ``json_format``'s, and leads back to the message."""
    pool = pool_of(of)
    theirs = json_of(message, pool)
    ours = of.write_json(message).tree
    assert same(ours, theirs)
    reading = of.read_json(theirs)
    assert reading.unknown_keys == ()
    assert reading.message == message
    assert of.read_json(json_of(message, pool, original=True)).message == message


@MANY
@given(messages(everything().descriptor))
@pytest.mark.requirement("mediation.json")
def test_a_message_has_the_json_that_json_format_gives_it_and_comes_back_from_it(message: Message) -> None:
    agrees(everything(), message)


@SOME
@given(st.data(), st.integers(0, 299), st.booleans())
@pytest.mark.requirement("mediation.json")
def test_so_it_is_for_schemas_at_random(data: st.DataObject, number: int, after: bool) -> None:
    of = both(number)[after]
    agrees(of, data.draw(messages(of.descriptor)))


def reads_or_refuses(tree: Any) -> None:
    """A tree is read and can be written again, or is refused with reasons: nothing else comes out."""
    try:
        reading = everything().read_json(tree)
    except SchemaViolation as error:
        if not error.violations:
            raise
        return
    everything().write_json(reading.message, reading.unknown_keys)


def leaves(tree: Any) -> list[tuple[Any, Any]]:
    """Each value below a tree as (what holds it, the key or index there)."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        held: dict[Any, Any] = node if is_object(node) else dict(enumerate(node)) if is_array(node) else {}
        found += [(node, key) for key in held]
        waiting += held.values()
    return found


ODD = st.sampled_from(
    [None, 0, 1, -1, 7, 1.0, 1.5, 2**31, 2**63, 2**64, 1e39, "", "x", "1", "-1", "NaN", [], {}, [1], {"a": 1}]
)


@MANY
@given(st.data(), messages(everything().descriptor), ODD)
@pytest.mark.requirement("mediation.json")
def test_what_json_format_refuses_is_refused_and_what_it_takes_is_taken_alike(
    data: st.DataObject, message: Message, odd: Any
) -> None:
    pool = pool_of(everything())
    tree = json_of(message, pool)
    places = leaves(tree)
    if places:
        holder, key = data.draw(st.sampled_from(places))
        holder[key] = odd
    try:
        theirs = json_format.ParseDict(tree, everything().message(), ignore_unknown_fields=True, descriptor_pool=pool)
    except json_format.ParseError:
        theirs = None
    except AttributeError:  # its own mistake: of an "@type" that is no text, of null for a list of Value
        reads_or_refuses(tree)
        return
    try:
        reading = everything().read_json(tree)
    except SchemaViolation as error:
        # Looser than the specification is json_format: text as base64, 1.5 as an enum, any text as an object.
        rules = {text.rpartition("[")[2].rstrip("]") for _, text in error.violations}
        loose = {"json.bytes", "json.enum", "json.object" if isinstance(odd, str | list) else ""}
        assert theirs is None or rules <= loose
        return
    assert theirs is not None
    assert reading.message == theirs


@MANY
@given(junk)
@example({"inner": {"back": {"any": {"@type": "x/p.Everything", "any": {"@type": 5}}}}})
@pytest.mark.requirement("mediation.bounded")
def test_of_any_json_nothing_but_our_errors_comes_out(tree: Any) -> None:
    reads_or_refuses(tree)


@MANY
@given(st.data())
@pytest.mark.requirement("mediation.bounded")
def test_of_any_json_in_any_field_nothing_but_our_errors_comes_out(data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(list(everything().descriptor.fields)))
    tree = {field.json_name: data.draw(junk | st.lists(junk, max_size=3) | st.dictionaries(st.text(max_size=3), junk))}
    try:
        reading = everything().read_json(tree)
    except SchemaViolation:
        return
    again = everything().write_json(reading.message, reading.unknown_keys)
    if not again.fallbacks:
        assert everything().read_json(again.tree).message == reading.message


@MANY
@given(st.binary(max_size=200), st.sampled_from(["everything", "forecast"]))
@pytest.mark.requirement("mediation.bounded")
def test_of_any_bytes_nothing_but_our_errors_comes_out(data: bytes, name: str) -> None:
    of = everything() if name == "everything" else contract(FORECAST, "Request")
    for work in (
        of.validate,
        of.write_json,
        of.write_plain,
        of.write_bytes,
        Converter(of, contract(FORECAST, "Request")).convert,
    ):
        try:
            work(of.read_bytes(data))
        except MeshError:
            continue


@SOME
@given(messages(everything().descriptor))
def test_bytes_lead_back_to_the_message(message: Message) -> None:
    of = everything()
    data = of.write_bytes(message)
    assert of.read_bytes(data) == message
    assert of.write_bytes(of.read_bytes(data)) == data


@SOME
@given(
    messages(everything().descriptor),
    st.dictionaries(st.text(st.characters(codec="ascii"), min_size=9), junk, max_size=3),
)
@pytest.mark.requirement("mediation.leftovers")
def test_unknown_keys_survive_the_way_there_and_back(message: Message, extra: dict[str, Any]) -> None:
    of = everything()
    tree: dict[str, Any] = {"inner": {}, **of.write_json(message).tree}
    unknown = {f"~{key}": value for key, value in extra.items()}
    tree["inner"] = {**tree["inner"], **unknown}
    tree |= unknown
    reading = of.read_json(tree)
    result = of.write_json(reading.message, reading.unknown_keys)
    assert result.lost == ()
    assert repr(result.tree) == repr({**result.tree, **unknown})
    assert result.tree.keys() == tree.keys()
    assert repr({key: result.tree["inner"][key] for key in unknown}) == repr(unknown)


@settings(SOME, max_examples=300)
@given(st.data(), st.integers(0, 299), st.booleans())
@pytest.mark.requirement("mediation.convert")
def test_what_two_compatible_releases_share_survives(data: st.DataObject, number: int, back: bool) -> None:
    old, new = both(number)
    source, target = (new, old) if back else (old, new)
    way = "forward" if back else "backward"
    if any(each.direction in (way, "both") and each.form in ("wire", "both") for each in breaches(number)):
        return
    message = data.draw(messages(source.descriptor))
    converter = Converter(source, target)
    assert converter.lost == ()
    before = source.write_bytes(message)
    converted = converter.convert(message)
    assert shared(message, converted) == []
    assert source.write_bytes(message) == before
    target.write_json(converted)


@settings(SOME, max_examples=300)
@given(st.data(), st.integers(0, 299))
@pytest.mark.requirement("mediation.convert")
def test_between_any_two_releases_a_message_passes_or_is_refused_by_name(data: st.DataObject, number: int) -> None:
    old, new = both(number)
    message = data.draw(messages(old.descriptor))
    try:
        converted = Converter(old, new).convert(message)
        new.read_bytes(new.write_bytes(converted))
        new.write_json(converted)
    except MeshError:
        return


def test_the_corpus_has_pairs_of_both_sorts() -> None:
    clean = sum(not breaches(number) for number in range(300))
    assert 30 < clean < 270


@SOME
@given(st.binary(max_size=400), st.integers(0, 10_000))
def test_a_schema_that_was_bent_makes_a_contract_or_is_refused(data: bytes, seed: int) -> None:
    rng = random.Random(seed)
    raw = bytearray(contract_image())
    for byte in data[:3]:
        raw[rng.randrange(len(raw))] = byte
    try:
        image = load_image(bytes(raw))
        for name in image.types[:3]:
            CompiledContract(image, name)
    except BadSchema:
        return


@functools.cache
def contract_image() -> bytes:
    from tests.registry.schemas.build import image

    return image(FORECAST).data
