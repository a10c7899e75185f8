"""Errors in the gRPC binding of A2A 0.3 (specification 0.3.0, section 8): a status, whose text begins with the error.

0.3 has no details of its own: servers say the error's name at the start of the text, as ``TaskNotFoundError: ...``, and
several errors share a status. Gateways add the details of 1.0, which clients of 0.3 pass over.
"""

from __future__ import annotations

import re

import msgspec

from meshgate.a2a.bindings import grpc_errors
from meshgate.a2a.bindings.base import Failure
from meshgate.a2a.bindings.legacy_names import CODE_OF, NAME_OF
from meshgate.a2a.error_lookup import Peer, error_class, error_for_caller
from meshgate.a2a.errors import MeshError

__all__ = ["decode_error", "encode_error"]

_NAMED = re.compile(r"([A-Za-z]+Error): ?")


def encode_error(error: MeshError) -> Failure:
    """A status of gRPC. Its text begins with the error's name in 0.3, if it has one."""
    failure = grpc_errors.encode_error(error)
    name = NAME_OF.get(error.code)
    return failure if name is None else msgspec.structs.replace(failure, text=f"{name}: {failure.text}")


def decode_error(failure: Failure, *, peer: Peer = "agent") -> MeshError:
    """The error that a status means: by its details if it has any, else by the name in its text, else by its number.

    Args:
        peer: who answered. An agent cannot speak about the caller's key or bytes, see ``error_for_caller``.
    """
    named = _NAMED.match(failure.text)
    code = CODE_OF.get(named[1]) if named is not None else None
    if named is None or code is None:
        return grpc_errors.decode_error(failure, peer=peer)
    text = failure.text[named.end() :]
    found = grpc_errors.decode_error(msgspec.structs.replace(failure, text=text), peer=peer)
    cls = error_class(code)
    if failure.body or cls is None or isinstance(found, cls):
        return found
    return error_for_caller(cls(text), peer)
