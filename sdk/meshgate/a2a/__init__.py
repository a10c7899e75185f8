"""A2A itself, without I/O: calls and replies, errors, messages, cards, selectors and the bindings.

Start with ``call.py``. The gRPC binding is ``meshgate.a2a.bindings.grpc`` and needs the extra ``grpc``.
"""

from meshgate.a2a.call import ANONYMOUS, Call, Handler, Principal, Route
from meshgate.a2a.errors import MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.methods import METHODS, Method
from meshgate.a2a.outcome import DONE, Head, Outcome
from meshgate.a2a.payload import JsonPayload, Payload, ProtoPayload
from meshgate.a2a.reply import Reply
from meshgate.a2a.selector import Selector, parse_selector
from meshgate.a2a.version_syntax import parse_version
from meshgate.a2a.versions import Version, VersionRange

__all__ = [
    "ANONYMOUS",
    "DEFAULTS",
    "DONE",
    "METHODS",
    "Call",
    "Handler",
    "Head",
    "JsonPayload",
    "Limits",
    "MeshError",
    "Method",
    "Outcome",
    "Payload",
    "Principal",
    "ProtoPayload",
    "Reply",
    "Route",
    "Selector",
    "Version",
    "VersionRange",
    "parse_selector",
    "parse_version",
]
