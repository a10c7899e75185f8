"""The interface of bindings: each is one wire form of A2A, and converts between bytes and calls, payloads and errors.

A binding does no I/O. Two carriers do: HTTP (``meshgate.net.endpoint`` serves, the gateway's transport and the SDK's
client send) and gRPC (``meshgate.net.grpc_server`` and the gateway's gRPC transport). They know this module alone, so
that a further binding is one module, and one row in ``bindings/table.py``.

An exchange is one request and its answer. Each end has its own object for it, because a binding may have to remember
something of the request for its answer: JSON-RPC repeats the request's id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from meshgate.a2a.call import Call, Facts
from meshgate.a2a.error_lookup import Peer
from meshgate.a2a.errors import MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.methods import Method
from meshgate.a2a.payload import Payload
from meshgate.a2a.selector import Selector

__all__ = ["Binding", "ClientExchange", "Failure", "GrpcBinding", "HttpBinding", "Request", "ServerExchange"]


class Request(msgspec.Struct):
    """A request as a binding writes and reads it."""

    method: str = "POST"
    """HTTP's method. A request over gRPC is a POST."""
    path: str = ""
    """The path below the URL of the agent or skill, "" for that URL itself; in gRPC ``/SERVICE/METHOD``. A server
    decodes it once, a client sends it as it is.
    """
    query: str = ""
    """The query: what follows the question mark."""
    headers: Mapping[str, str] = {}
    """Names in lower case; in gRPC the metadata."""
    body: bytes = b""
    """The body; in gRPC the message. A server reads it only when a binding has taken the request."""
    target: Selector | None = None
    """The selector in the URL or the metadata."""
    raw_path: str = ""
    """A server's path as it came, for bindings whose paths hold ids: still percent-encoded. "" if nobody knows it."""
    facts: Facts = {}
    """What the server's app found out about the request, for the call."""


class Failure(msgspec.Struct, frozen=True):
    """An answer that is an error."""

    status: int
    """HTTP's status; in gRPC a number of ``google.rpc.Code``."""
    body: bytes = b""
    """The body; in gRPC a ``google.rpc.Status``, or nothing."""
    text: str = ""
    """The message of gRPC's status. HTTP has no place for it."""
    as_event: bool = False
    """Over HTTP: whether it is the one event of a stream, where the callers of that binding look for it."""


class ServerExchange(Protocol):
    """The server's side of an exchange. ``encode_error`` works before and after ``decode_request``."""

    media_type: str
    """The media type of answers and errors. Streams over HTTP are server-sent events in every binding."""
    error_event: str
    """The name of the server-sent event that ends a stream with an error; "" if such events have none."""

    def decode_request(self, request: Request, limits: Limits = DEFAULTS) -> Call:
        """The call that a request asks for.

        Raises:
            MeshError: the request cannot be read, or asks for what is not served.
        """
        ...

    def encode_answer(self, payload: Payload) -> bytes:
        """The answer to a unary call.

        Raises:
            InvalidAgentResponse: the payload has no form in this binding.
        """
        ...

    def encode_event(self, payload: Payload) -> bytes:
        """One event of a stream, as the carrier frames it: the data of a server-sent event, or a gRPC message.

        Raises:
            InvalidAgentResponse: the payload has no form in this binding.
        """
        ...

    def encode_error(self, error: MeshError) -> Failure:
        """The answer for an error. Its body is also the last event of a stream that fails over HTTP."""
        ...


class ClientExchange(Protocol):
    """The client's side of an exchange."""

    request: Request
    """The request. Its path is relative to the URL of the agent or skill; its headers are the binding's own."""

    def decode_answer(self, body: bytes, /) -> Payload:
        """The answer to a unary call, checked.

        Raises:
            InvalidAgentResponse: it is no valid answer to this request.
            MeshError: the error that the answer holds.
        """
        ...

    def decode_event(self, data: bytes, /) -> Payload:
        """One event of a stream, checked. Raises what ``decode_answer`` does."""
        ...

    def decode_error(self, failure: Failure) -> MeshError:
        """The error in an answer whose status is an error's; InvalidAgentResponse if the answer cannot be read."""
        ...


class Binding(Protocol):
    """One wire form of A2A."""

    id: str
    """The binding's name, as agent cards spell it (specification, section 5.2)."""
    version: str
    """The version of A2A, major and minor."""

    def takes(self, request: Request) -> bool:
        """Whether a request to a URL that bindings share is for this one. Its body is not known yet.

        HTTP's method and the path decide. A binding takes requests of any version: the carrier chooses among several
        versions of one binding, and ``decode_request`` refuses a version that is not served in a form that the caller
        can read.
        """
        ...

    def server(self) -> ServerExchange:
        """The server's side of the exchange of one request."""
        ...

    def client(self, method: Method, payload: Payload, *, peer: Peer = "agent") -> ClientExchange:
        """The client's side of the exchange of one request.

        Args:
            peer: who answers. An agent cannot speak about the caller's key or bytes, see ``errors.answered``.

        Raises:
            InvalidParams: the payload has no form in this binding.
        """
        ...


class HttpBinding(Binding, Protocol):
    """A binding whose requests are HTTP requests."""

    media_types: tuple[str, ...]
    """The media types of bodies that it reads, the usual one first."""
    empty_bodies: bool
    """Whether a request that has no body needs no media type either, whatever its method."""
    own_statuses: bool
    """Whether answers of the binding may have any of HTTP's statuses, errors and others; else each has 200."""

    def has_reason(self, body: bytes) -> bool:
        """Whether a body with an error's status names its reason. It then says more than the status, which else is that
        of something between here and the agent. Asked only of bindings with ``own_statuses``.
        """
        ...


class GrpcBinding(Binding, Protocol):
    """A binding whose requests are gRPC calls."""

    methods: Mapping[str, Method]
    """The method that is served on each path."""
