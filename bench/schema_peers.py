"""The same message for pydantic and jsonschema, with the same constraints."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Base64Bytes, BaseModel, Field

__all__ = ["JSON_SCHEMA", "Request"]


class Wind(BaseModel):
    """A nested message."""

    speed: float = Field(0, ge=0)
    origin: str = Field("", alias="from")


class Request(BaseModel):
    """Ten fields of mixed types, four constraints."""

    city: str = Field(min_length=2, max_length=40)
    days: int = Field(ge=1, le=14)
    unit: Literal["UNIT_UNSPECIFIED", "CELSIUS", "FAHRENHEIT"] = "UNIT_UNSPECIFIED"
    wind: Wind | None = None
    tags: list[str] = []
    after: int = 0
    hourly: bool = False
    latitude: float = Field(0, ge=-90, le=90)
    longitude: float = 0
    token: Base64Bytes = b""


JSON_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["city", "days"],
    "properties": {
        "city": {"type": "string", "minLength": 2, "maxLength": 40},
        "days": {"type": "integer", "minimum": 1, "maximum": 14},
        "unit": {"enum": ["UNIT_UNSPECIFIED", "CELSIUS", "FAHRENHEIT"]},
        "wind": {
            "type": "object",
            "properties": {"speed": {"type": "number", "minimum": 0}, "from": {"type": "string"}},
        },
        "tags": {"type": "array", "items": {"type": "string"}},
        "after": {"type": "string", "pattern": "^-?[0-9]{1,19}$"},
        "hourly": {"type": "boolean"},
        "latitude": {"type": "number", "minimum": -90, "maximum": 90},
        "longitude": {"type": "number"},
        "token": {"type": "string"},
    },
}
