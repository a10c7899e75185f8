"""The table of bindings: one row for each binding in each version that this package has, the preferred one first.

It is the one place that names bindings. Servers and clients look them up here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Generic, Literal, TypeVar

import msgspec

from meshgate.a2a.bindings import jsonrpc
from meshgate.a2a.bindings.base import Binding, GrpcBinding, HttpBinding
from meshgate.a2a.bindings.http_json import rest

__all__ = ["DEFAULT", "DEFAULT_NAMES", "GRPC_ROWS", "HTTP_ROWS", "ROWS", "Key", "Name", "Row", "key_of"]

Name = Literal["JSONRPC", "HTTP+JSON", "GRPC"]
"""The ids in the table, for code that chooses one. An id from a wire or a file may be any string."""
Key = tuple[str, str]
"""A binding's id and A2A's version, major and minor."""
_B_co = TypeVar("_B_co", bound=Binding, covariant=True)


class Row(msgspec.Struct, Generic[_B_co], frozen=True):
    """One binding in one version."""

    id: str
    version: str
    load: Callable[[], _B_co]
    """Imports the binding. Raises ImportError if its extra is not installed."""
    extra: str = ""
    """The extra to install for it."""

    @property
    def key(self) -> Key:
        """The binding's key."""
        return self.id, self.version


def _legacy_jsonrpc() -> HttpBinding:
    from meshgate.a2a.bindings import jsonrpc_0_3

    return jsonrpc_0_3.BINDING


def _legacy_rest() -> HttpBinding:
    from meshgate.a2a.bindings.http_json import rest_0_3

    return rest_0_3.BINDING


def _grpc() -> GrpcBinding:
    from meshgate.a2a.bindings import grpc

    return grpc.BINDING


def _legacy_grpc() -> GrpcBinding:
    from meshgate.a2a.bindings import grpc_0_3

    return grpc_0_3.BINDING


HTTP_ROWS: tuple[Row[HttpBinding], ...] = (
    Row("JSONRPC", "1.0", lambda: jsonrpc.BINDING),
    Row("HTTP+JSON", "1.0", lambda: rest.BINDING),
    Row("JSONRPC", "0.3", _legacy_jsonrpc),
    Row("HTTP+JSON", "0.3", _legacy_rest),
)
"""Bindings over HTTP. They share URLs: ``meshgate.net.endpoint.choose`` says which one serves a request."""
GRPC_ROWS: tuple[Row[GrpcBinding], ...] = (
    Row("GRPC", "1.0", _grpc, extra="grpc"),
    Row("GRPC", "0.3", _legacy_grpc, extra="grpc"),
)
"""Bindings over gRPC."""
ROWS: tuple[Row[Binding], ...] = (*HTTP_ROWS, *GRPC_ROWS)
DEFAULT: HttpBinding = jsonrpc.BINDING
"""The mesh's default: every agent serves this binding, and the SDK's client speaks it."""
DEFAULT_NAMES: tuple[Name, ...] = ("JSONRPC",)
"""The bindings that an agent serves by default."""


@functools.lru_cache(maxsize=1024)
def key_of(binding: str, version: str) -> Key:
    """The key of a binding in the table. The patch number of the version is ignored."""
    major, _, rest = version.partition(".")
    return binding, f"{major}.{rest.partition('.')[0]}"
