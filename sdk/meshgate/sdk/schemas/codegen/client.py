"""The base class and the types of generated clients."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainSerializer, SerializerFunctionWrapHandler
from pydantic import model_serializer as _model_serializer

__all__ = ["ClientModel", "Float", "float_text"]


def float_text(value: float) -> str:
    """The text by which protobuf's JSON writes a float that is not finite."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _float(value: float) -> float | str:
    return value if math.isfinite(value) else float_text(value)


Float = Annotated[float, PlainSerializer(_float, when_used="json")]
"""A float, of which JSON has no form where it is not finite: then it is the text that protobuf writes."""


class ClientModel(BaseModel):
    """The base of generated models, whose JSON is protobuf's: a field that is None is left out, and fields that the
    release does not know are ignored.
    """

    model_config = ConfigDict(populate_by_name=True, protected_namespaces=())

    @_model_serializer(mode="wrap")
    def _present(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value is not None}
