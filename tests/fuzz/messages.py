"""Targets for the bindings: requests as a server reads them, answers as a client does. An input is readable where the
binding is; its first line says what the wire says elsewhere: the operation, or HTTP's method and the path.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from meshgate.a2a.bindings import grpc, grpc_0_3, jsonrpc, jsonrpc_0_3
from meshgate.a2a.bindings.base import Binding, Failure, GrpcBinding, Request
from meshgate.a2a.bindings.http_json import rest, rest_0_3
from meshgate.a2a.errors import MeshError
from meshgate.a2a.methods import METHODS
from tests.fuzz.oracles import VERSION, decoded, reader, tell, use_answer, use_request

__all__ = [
    "grpc_answers",
    "grpc_requests",
    "jsonrpc_answers",
    "jsonrpc_requests",
    "legacy_grpc_requests",
    "legacy_jsonrpc_requests",
    "legacy_rest_requests",
    "rest_answers",
    "rest_requests",
]

_REST_STATUSES = (400, 404, 405, 409, 501)
"""What a request over HTTP+JSON may be refused with; 501 is that of an operation which is not there."""
_STATUS = re.compile(r"[0-9]{1,3}", re.ASCII)
_GRPC_CODES = (3, 9, 12)
"""INVALID_ARGUMENT, FAILED_PRECONDITION, UNIMPLEMENTED."""


def _head(data: bytes) -> tuple[str, bytes]:
    """The first line, and what follows it."""
    line, _, rest_of_it = data.partition(b"\n")
    return line.decode("latin-1"), rest_of_it


def _jsonrpc(binding: Binding, data: bytes) -> None:
    headers = {"content-type": "application/json", **VERSION[binding.version]}
    call = decoded(binding.server(), Request(headers=headers, body=data), (200, 400))
    if call is not None:
        use_request(call)


def jsonrpc_requests(data: bytes) -> None:
    """A body."""
    _jsonrpc(jsonrpc.BINDING, data)


def legacy_jsonrpc_requests(data: bytes) -> None:
    """A body."""
    _jsonrpc(jsonrpc_0_3.BINDING, data)


def _rest(binding: Binding, data: bytes) -> None:
    line, body = _head(data)
    verb, _, target = line.partition(" ")
    raw, _, query = target.partition("?")
    path = unquote_to_bytes(raw.encode("latin-1")).decode("utf-8", "replace")
    headers = {"content-type": "application/json", **VERSION[binding.version]}
    request = Request(verb, path, query, headers, body, None, raw)
    call = decoded(binding.server(), request, _REST_STATUSES)
    assert call is None or binding.takes(request)
    if call is not None:
        use_request(call)


def rest_requests(data: bytes) -> None:
    """A line ``VERB PATH?QUERY``, and a body."""
    _rest(rest.BINDING, data)


def legacy_rest_requests(data: bytes) -> None:
    """A line ``VERB PATH?QUERY``, and a body."""
    _rest(rest_0_3.BINDING, data)


def _grpc(binding: GrpcBinding, data: bytes) -> None:
    name, body = _head(data)
    path = next((path for path, method in binding.methods.items() if method.name == name), "")
    if not path:
        return  # a server asks ``methods`` first
    call = decoded(binding.server(), Request(path=path, body=body), _GRPC_CODES)
    if call is not None:
        use_request(call)


def grpc_requests(data: bytes) -> None:
    """A line with the operation, and a protobuf message."""
    _grpc(grpc.BINDING, data)


def legacy_grpc_requests(data: bytes) -> None:
    """A line with the operation, as 1.0 calls it, and a protobuf message."""
    _grpc(grpc_0_3.BINDING, data)


def _answers(bindings: tuple[Binding, Binding], data: bytes) -> None:
    line, body = _head(data)
    name, _, rest_of_it = line.partition(" ")
    version, _, status = rest_of_it.partition(" ")
    binding = bindings[version == "0.3"]
    method = METHODS.get(name)
    if method is None or (method.name == "ListTasks" and version == "0.3"):
        return
    exchange = reader(binding, method)
    if status:
        tell(exchange.decode_error(Failure(int(status) if _STATUS.fullmatch(status) else 500, body, line)))
        return
    try:
        payload = exchange.decode_answer(body)
    except MeshError as error:
        tell(error)
        return
    use_answer(payload, method)


def jsonrpc_answers(data: bytes) -> None:
    """A line ``OPERATION VERSION`` or, for an error, ``OPERATION VERSION STATUS``, and a body."""
    _answers((jsonrpc.BINDING, jsonrpc_0_3.BINDING), data)


def rest_answers(data: bytes) -> None:
    """The same."""
    _answers((rest.BINDING, rest_0_3.BINDING), data)


def grpc_answers(data: bytes) -> None:
    """The same, whose body is a protobuf message."""
    _answers((grpc.BINDING, grpc_0_3.BINDING), data)
