"""Media types of typed parts: ``application/json; type=forecast.v1.Request; version=1.2.0``."""

from __future__ import annotations

import functools
import re
from typing import Literal

import msgspec

__all__ = ["Form", "MediaType", "media_text", "parse_media_type"]

Form = Literal["json", "protobuf"]

_JSON, _PROTOBUF = "application/json", "application/protobuf"
_FORMS: dict[str, Form] = {
    _JSON: "json",
    _PROTOBUF: "protobuf",
    "application/x-protobuf": "protobuf",
    "application/vnd.google.protobuf": "protobuf",
}
_KINDS: dict[Form, str] = {"json": _JSON, "protobuf": _PROTOBUF}
_LONGEST = 512
_PARAMETER = re.compile(r"""\s*;\s*([A-Za-z0-9!#$&^_.+-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;"]*)\s*""", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)


class MediaType(msgspec.Struct, frozen=True):
    """What a part's media type says.

    Attributes:
        kind: ``application/json``, in lower case; empty if there is none.
        form: the form in which a contract reads it; None where none does.
        type, version: the parameters of these names; empty if they are not there.
        rest: the other parameters, as they came.
    """

    kind: str = ""
    form: Form | None = None
    type: str = ""
    version: str = ""
    rest: tuple[tuple[str, str], ...] = ()


def parse_media_type(text: str) -> MediaType:
    """Read a media type (RFC 9110 8.3.1). What cannot be read, or is too long, is of no form."""
    return _parse(text) if len(text) <= _LONGEST else MediaType(text.partition(";")[0].strip().lower()[:64])


@functools.lru_cache(maxsize=4096)
def _parse(text: str) -> MediaType:
    kind, _, _ = text.partition(";")
    rest: list[tuple[str, str]] = []
    known = {"type": "", "version": ""}
    position = len(kind)
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None:
            return MediaType(kind.strip().lower())
        name, value = match.group(1).lower(), match.group(2)
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        if name in known and not known[name]:
            known[name] = value
        else:
            rest.append((name, value))
        position = match.end()
    kind = kind.strip().lower()
    return MediaType(kind, _FORMS.get(kind), known["type"], known["version"], tuple(rest))


def media_text(form: Form, type_name: str, version: str, rest: tuple[tuple[str, str], ...] = ()) -> str:
    """The media type of a part in that form; an empty type or version is left out."""
    named = (("type", type_name), ("version", version), *rest)
    return "; ".join([_KINDS[form], *(f"{name}={_quoted(value)}" for name, value in named if value)])


def _quoted(value: str) -> str:
    if _TOKEN.fullmatch(value):
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
