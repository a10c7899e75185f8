"""The well-known types that have a JSON form of their own (ProtoJSON lists them).

Their fields are certain, because an image cannot bring its own ``google.protobuf``
(``meshgate.registry.schemas.standard_files``).
"""

from __future__ import annotations

from typing import Final

__all__ = ["VALUE_FORM", "WRAPPERS"]
WRAPPERS: Final = frozenset(
    f"google.protobuf.{name}Value"
    for name in ("Bool", "Bytes", "Double", "Float", "Int32", "Int64", "String", "UInt32", "UInt64")
)
"""Messages whose JSON is that of their only field."""
VALUE_FORM: Final = WRAPPERS | {
    f"google.protobuf.{name}" for name in ("Any", "Duration", "FieldMask", "ListValue", "Struct", "Timestamp", "Value")
}
"""Messages whose JSON is no object of their fields, so that an ``Any`` holds it under "value"."""
