"""The JSON answers of the admin API: msgspec's values are encoded as they are, without models of pydantic."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import Response

__all__ = ["response"]


def response(value: Any, status: int = 200) -> Response:
    """``value`` as a JSON response."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")
