"""The conversion of one typed part, from the release that its sender speaks to the one that its reader speaks."""

from __future__ import annotations

import functools
from typing import Any

import msgspec
from google.protobuf.message import Message

from meshgate.a2a.errors import ConversionFailed, SchemaViolation
from meshgate.gateway.contracts.transform.contract import CompiledContract
from meshgate.gateway.contracts.transform.converter import Converter
from meshgate.gateway.contracts.transform.typed_parts.media import Form, media_text, parse_media_type
from meshgate.gateway.contracts.transform.typed_parts.typed_part import ConvertedPart, TypedPart
from meshgate.gateway.contracts.transform.violations import UnknownKey, Violation

__all__ = ["check_part", "convert_part"]


def check_part(part: TypedPart, contract: CompiledContract) -> Message:
    """The message of a part, decoded and checked.

    Raises:
        SchemaViolation: the part holds no message of the contract, or breaks a constraint.
    """
    message, _ = _read(part, contract)
    contract.validate(message)
    return message


def convert_part(
    part: TypedPart, converter: Converter, form: Form | None = None, *, check: bool = True
) -> ConvertedPart:
    """Check a part against its own contract, and convert it to the reader's.

    Args:
        part: a part in the contract ``converter.source``.
        converter: converts to the reader's contract.
        form: the form that the reader wants; None for the part's own.
        check: whether constraints are checked, the source's before and the target's after the conversion. Without, a
            part that needs no conversion and no other form is not even decoded.

    Raises:
        SchemaViolation: the part breaks the contract of its own release.
        ConversionFailed: the part cannot be converted, or the result breaks the reader's contract.
    """
    wanted = form or part.form
    as_it_is = converter.identity and wanted == part.form
    if as_it_is and not check:
        return ConvertedPart(part)
    message, unknown_keys = _read(part, converter.source)
    if check:
        converter.source.validate(message)
    if as_it_is:
        return ConvertedPart(part)
    target = converter.target
    try:
        message = converter.convert(message)
        if check and not converter.identity:
            target.validate(message)
        if wanted == "protobuf":
            return _converted(part, converter, wanted, target.write_bytes(message), lost=unknown_keys)
        written = target.write_json(message, unknown_keys)
    except SchemaViolation as error:
        raise ConversionFailed(
            f"{converter.source.name} cannot be converted to {target.name}: {error.message}",
            metadata={**error.metadata, "contract": converter.source.name, "target": target.name},
            violations=error.violations,
        ) from None
    return _converted(part, converter, wanted, written.tree, written.fallbacks, written.lost)


def _read(part: TypedPart, contract: CompiledContract) -> tuple[Message, tuple[UnknownKey, ...]]:
    if part.form == "protobuf":
        return contract.read_bytes(part.value), ()
    reading = contract.read_json(part.value)
    return reading.message, reading.unknown_keys


def _converted(
    part: TypedPart,
    converter: Converter,
    form: Form,
    value: Any,
    fallbacks: tuple[Violation, ...] = (),
    lost: tuple[UnknownKey, ...] = (),
) -> ConvertedPart:
    target = converter.target
    text = _media(part.media_type, part.form, form, target.type_name, target.version)
    new = msgspec.structs.replace(part, form=form, media_type=text, value=value)
    return ConvertedPart(new, fallbacks, lost)


@functools.lru_cache(maxsize=4096)
def _media(text: str, form: Form, wanted: Form, type_name: str, version: str) -> str:
    """The media type of a converted part. Texts are short here, so the cache stays small."""
    media = parse_media_type(text)
    # JSON without type and version stays without; protobuf bytes without a type could not be read at all.
    if wanted == form and not media.type and not media.version:
        return text
    named = wanted == "protobuf" or bool(media.type)
    versioned = wanted != form or wanted == "protobuf" or bool(media.version)
    return media_text(wanted, type_name if named else "", version if versioned else "", media.rest)
