"""Converts between gRPC and bindings: metadata to headers, a status to a failure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import grpc

from meshgate.a2a.bindings.base import Failure

__all__ = ["CODES", "DETAILS", "Metadata", "failure_of", "read_metadata"]

DETAILS: Final = "grpc-status-details-bin"
"""The trailer with a ``google.rpc.Status``."""
Metadata = Iterable[tuple[str, str | bytes]]

CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
"""gRPC's status codes by their numbers, which ``google.rpc.Code`` has too."""


def read_metadata(metadata: Metadata | None) -> dict[str, str]:
    """Metadata as headers: text entries only, values of a repeated key joined by a comma."""
    headers: dict[str, str] = {}
    for key, value in metadata or ():
        if isinstance(value, str):
            headers[key] = f"{headers[key]},{value}" if key in headers else value
    return headers


def failure_of(error: Any) -> Failure:
    """The failure that a ``grpc.aio.AioRpcError`` holds."""
    body = b""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS and isinstance(value, bytes):
            body = value
    return Failure(int(error.code().value[0]), body, error.details() or "")
