"""The table of bindings: one row for each binding in each version that is spoken here, the preferred one first.

It is the one place where a binding is named. Who serves or sends asks it what there is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Generic, Literal, TypeVar

import msgspec

from meshgate.a2a.bindings import jsonrpc
from meshgate.a2a.bindings.base import Binding, GrpcBinding, HttpBinding

__all__ = ["DEFAULT", "DEFAULT_NAMES", "GRPC_ROWS", "HTTP_ROWS", "ROWS", "Key", "Name", "Row", "key_of"]

Name = Literal["JSONRPC", "GRPC"]
"""The ids in the table, for who chooses one in code. What comes over a wire or from a file is any string."""
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
    """What to install for it."""

    @property
    def key(self) -> Key:
        """The binding's key."""
        return self.id, self.version


def _grpc() -> GrpcBinding:
    from meshgate.a2a.bindings import grpc

    return grpc.BINDING


HTTP_ROWS: tuple[Row[HttpBinding], ...] = (Row("JSONRPC", "1.0", lambda: jsonrpc.BINDING),)
"""Bindings over HTTP. They share URLs: ``meshgate.net.endpoint.choose`` says which one serves a request."""
GRPC_ROWS: tuple[Row[GrpcBinding], ...] = (Row("GRPC", "1.0", _grpc, extra="grpc"),)
"""Bindings over gRPC."""
ROWS: tuple[Row[Binding], ...] = (*HTTP_ROWS, *GRPC_ROWS)
DEFAULT: HttpBinding = jsonrpc.BINDING
"""What the mesh speaks where nothing else was agreed: every agent serves it, and the SDK's client speaks it."""
DEFAULT_NAMES: tuple[Name, ...] = ("JSONRPC",)
"""What an agent serves unless it is told otherwise."""


@functools.lru_cache(maxsize=1024)
def key_of(binding: str, version: str) -> Key:
    """The key under which a binding stands in the table, if it does. Of a version the patch number does not count."""
    major, _, rest = version.partition(".")
    return binding, f"{major}.{rest.partition('.')[0]}"
