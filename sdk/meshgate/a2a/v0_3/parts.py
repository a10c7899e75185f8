"""Parts, 0.3 and 1.0: as JSON-RPC writes them, and as the package ``a2a.v1`` does.

A part of 0.3 is a text, a file or an object; media type and filename belong to files alone. So for other parts the two
are kept in the metadata, and so is the fact that ``data`` was no object: it is wrapped as ``{"value": ...}``.

Python's and Go's SDKs of 0.3 put the *base64 text* of a file into ``FilePart.file_with_bytes``, though the field is of
bytes. So do we, and what we read there is text, unless it is no base64. JavaScript's puts the bytes themselves there,
so it shows what we write as the base64 of a base64.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from meshgate.a2a.codec.strict_json import is_object
from meshgate.a2a.v0_3.kept import keep, take

__all__ = ["downgrade_part", "downgrade_proto_part", "upgrade_part", "upgrade_proto_part"]

_VALUE = "value"
_SDK_VALUE = "data_part_compat"
"""The key of the metadata by which a2a-sdk says that data was no object."""
_NAMED = (("mediaType", "mimeType"), ("filename", "name"))
"""What a file is called in 1.0, and in 0.3."""


def upgrade_part(part: dict[str, Any]) -> dict[str, Any]:
    """A part of JSON-RPC 0.3 as 1.0 writes it."""
    file = part.get("file")
    out = {key: value for key, value in part.items() if key not in ("kind", "file")}
    if file is not None:
        _put_file(out, file, "bytes", "uri")
    return _restored(out)


def downgrade_part(part: dict[str, Any]) -> dict[str, Any]:
    """A part of 1.0 as JSON-RPC 0.3 writes it."""
    out = {key: value for key, value in part.items() if key not in _GONE}
    kept = _unsaid(part)
    if "text" in part:
        out["kind"] = "text"
    elif "data" in part:
        out["kind"], out["data"] = "data", _object_of(part["data"], kept)
    else:
        out["kind"], out["file"] = "file", _file_of(part, "bytes", "uri")
    keep(out, kept)
    return out


def upgrade_proto_part(part: dict[str, Any]) -> dict[str, Any]:
    """A part of the package ``a2a.v1``, as ProtoJSON, as 1.0 writes it."""
    out = {key: value for key, value in part.items() if key in ("text", "metadata")}
    file, data = part.get("file"), part.get("data")
    if file is not None:
        if "fileWithBytes" in file:
            file = {**file, "fileWithBytes": _text_in(file["fileWithBytes"])}
        _put_file(out, file, "fileWithBytes", "fileWithUri")
    elif data is not None:
        out["data"] = data.get("data", {})
    return _restored(out)


def downgrade_proto_part(part: dict[str, Any]) -> dict[str, Any]:
    """A part of 1.0 as ProtoJSON of the package ``a2a.v1``; keys that A2A does not know are left out."""
    out = {key: value for key, value in part.items() if key in ("text", "metadata")}
    kept = _unsaid(part)
    if "data" in part:
        out["data"] = {"data": _object_of(part["data"], kept)}
    elif "text" not in part:
        out["file"] = file = _file_of(part, "fileWithBytes", "fileWithUri")
        if "fileWithBytes" in file:
            file["fileWithBytes"] = base64.b64encode(_padded(file["fileWithBytes"]).encode("ascii")).decode("ascii")
    keep(out, kept)
    return out


_GONE = frozenset({"raw", "url", "filename", "mediaType", "file", "kind"})
"""Keys that a part of 0.3 does not have, or has with another meaning."""


def _put_file(out: dict[str, Any], file: dict[str, Any], raw: str, url: str) -> None:
    out.pop("raw", None)
    out.pop("url", None)
    if raw in file:
        out["raw"] = file[raw]
    else:
        out["url"] = file.get(url, "")
    for new, old in _NAMED:
        out.pop(new, None)
        if file.get(old):
            out[new] = file[old]


def _file_of(part: dict[str, Any], raw: str, url: str) -> dict[str, Any]:
    file: dict[str, Any] = {raw: part["raw"]} if "raw" in part else {url: part.get("url", "")}
    for new, old in _NAMED:
        if part.get(new):
            file[old] = part[new]
    return file


def _padded(text: str) -> str:
    """Base64 in the standard alphabet and with its padding, which the SDKs of 0.3 read."""
    return text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)


def _text_in(encoded: str) -> str:
    """The base64 text that bytes in ProtoJSON are, or the bytes themselves, if they are no such text."""
    try:
        inner = base64.b64decode(_padded(encoded))
        base64.b64decode(inner, validate=True)
        return inner.decode("ascii")
    except (binascii.Error, ValueError):
        return encoded


def _unsaid(part: dict[str, Any]) -> dict[str, Any]:
    """The media type and the filename of what is no file."""
    if "raw" in part or "url" in part:
        return {}
    return {new: part[new] for new, _ in _NAMED if part.get(new)}


def _object_of(data: Any, kept: dict[str, Any]) -> dict[str, Any]:
    if is_object(data):
        return data
    kept[_VALUE] = True
    return {_VALUE: data}


def _restored(out: dict[str, Any]) -> dict[str, Any]:
    """The part with what its metadata keep of 1.0."""
    kept = take(out)
    for new, _ in _NAMED:
        if isinstance(kept.get(new), str) and "raw" not in out and "url" not in out:
            out[new] = kept[new]
    data = out.get("data")
    if is_object(data) and data.keys() == {_VALUE} and (kept.get(_VALUE) is True or _sdk_value(out)):
        out["data"] = data[_VALUE]
    return out


def _sdk_value(out: dict[str, Any]) -> bool:
    metadata: dict[str, Any] = out.get("metadata") or {}
    if metadata.get(_SDK_VALUE) is not True:
        return False
    rest = {key: value for key, value in metadata.items() if key != _SDK_VALUE}
    if rest:
        out["metadata"] = rest
    else:
        del out["metadata"]
    return True
