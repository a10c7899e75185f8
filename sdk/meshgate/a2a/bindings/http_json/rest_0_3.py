"""The HTTP+JSON binding of A2A 0.3 (specification 0.3.0, section 3.2.3), without I/O.

Two styles are in use. Most clients write the ProtoJSON of the package ``a2a.v1`` below ``/v1``, as the specification
has it. Go's clients leave ``/v1`` out and write what JSON-RPC does; so did JavaScript's, below ``/v1``, at first. Both
are read. An answer has the style of its request; where a request has no body, its path says which that is.

It shares paths without ``/v1`` with the binding of 1.0. A message of 1.0 that names no version is refused in 1.0's
form: its caller left the header out.
"""

from __future__ import annotations

from typing import Any

import msgspec

from meshgate.a2a.bindings.base import Failure, Request
from meshgate.a2a.bindings.http_json import errors as rest_errors
from meshgate.a2a.bindings.http_json.errors_0_3 import decode_fault, encode_error, has_reason
from meshgate.a2a.bindings.http_json.legacy_push import push_request
from meshgate.a2a.bindings.http_json.paths import Found, find_legacy_route, write_legacy_path
from meshgate.a2a.bindings.http_json.query import read_query, write_query
from meshgate.a2a.bindings.json_answers import decode_object
from meshgate.a2a.bindings.operations import build_call, method_named
from meshgate.a2a.call import Call
from meshgate.a2a.codec.strict_json import decode_json, is_object
from meshgate.a2a.codec.timestamps import correct_times
from meshgate.a2a.error_lookup import Peer
from meshgate.a2a.errors import (
    InvalidAgentResponse,
    InvalidParams,
    InvalidRequest,
    MeshError,
    MethodNotFound,
    VersionNotSupported,
)
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.messages.base import Empty
from meshgate.a2a.messages.push_config import TaskPushNotificationConfig
from meshgate.a2a.methods import PUSH_METHODS, Method
from meshgate.a2a.payload import Payload
from meshgate.a2a.protocol_version import LEGACY_VERSION, check_legacy_version, current_headers, version_in
from meshgate.a2a.types import GetTaskRequest, SendMessageRequest
from meshgate.a2a.v0_3.form import JSON_FORM, JsonForm
from meshgate.a2a.v0_3.history import asked_history, cut_history
from meshgate.a2a.v0_3.payload import LegacyPayload, native_of
from meshgate.a2a.v0_3.resource_names import TASK_NAME, config_in, task_in
from meshgate.a2a.v0_3.rest_types import NamedTaskQuery
from meshgate.a2a.v0_3.tree_form import TREE_FORM, TreeForm

__all__ = ["BINDING", "LegacyRest"]

Tree = dict[str, Any]
_JSON = "application/json"
_encode = msgspec.json.Encoder().encode
_OLD_ROLES = ("user", "agent")
_HISTORY = "historyLength"


def _style(tree: Tree, usual: JsonForm | TreeForm) -> JsonForm | TreeForm:
    """The form of a request with a message.

    Raises:
        VersionNotSupported: the message is 1.0's.
        InvalidParams: it has its parts twice.
    """
    message = tree.get("message")
    if not is_object(message):
        return TREE_FORM if "request" in tree else usual
    if "content" in message:
        if "parts" in message:
            what = "is there beside content: write one of them"
            raise InvalidParams(f"message.parts: {what}", violations=(("message.parts", what),))
        return TREE_FORM
    if "kind" in message or message.get("role") in _OLD_ROLES:
        return JSON_FORM
    if "parts" in message:
        raise VersionNotSupported(
            "message.parts without kind is A2A 1.0's, and no version means 0.3: send 'A2A-Version: 1.0', and no /v1"
        )
    return usual


def _body(request: Request, limits: Limits) -> Tree:
    body = decode_json(request.body, max_depth=limits.json_depth, max_nodes=limits.json_nodes)
    if not is_object(body):
        raise InvalidRequest("the body must be one JSON object")
    return body


def _task_request(found: Found, form: JsonForm | TreeForm, request: Request, limits: Limits) -> Tree:
    """A request about a task, in a form: the task of the path, and how much history the query asks for.

    Raises:
        InvalidParams: the body or the query names another task.
    """
    task = found.fields()["id"]
    if request.body.strip() and found.route.body != "none":
        given = _body(request, limits)
    else:
        given = read_query(request.query, NamedTaskQuery)
    for key, named in (("id", task), ("name", TASK_NAME + task)):
        if given.get(key) not in (None, "", named):
            what = f"differs from the one in the path, {task[:64]!r}"
            raise InvalidParams(f"{key}: {what}", violations=((key, what),))
    asked: Tree = {"name": TASK_NAME + task} if form is TREE_FORM else {"id": task}
    history = {key: given[key] for key in (_HISTORY, "history_length") if key in given and found.route.body == "none"}
    return {**asked, **history}


class _Server:
    """The server's side of one exchange. The answer has the style of the request."""

    __slots__ = ("_form", "_prefixed")
    media_type = _JSON
    error_event = "error"

    def __init__(self) -> None:
        self._form: JsonForm | TreeForm = TREE_FORM
        self._prefixed = True

    def decode_request(self, request: Request, limits: Limits = DEFAULTS) -> Call:
        route = find_legacy_route(request.method, request.path, request.raw_path)
        if route is None:
            raise MethodNotFound("no operation of A2A 0.3 is at this path")
        found, self._prefixed = route
        self._form = TREE_FORM if self._prefixed else JSON_FORM
        check_legacy_version(request.headers, version_in(request.query))
        method = method_named(found.route.operation)
        if method.request is SendMessageRequest:
            given = _body(request, limits)
            self._form = _style(given, self._form)
        elif method.name in PUSH_METHODS:
            given = push_request(found, self._form, _body(request, limits) if request.body.strip() else {})
        elif method.task_field:
            given = _task_request(found, self._form, request, limits)
        else:
            given = {}
        native = self._form.read(method.request, given)
        payload = LegacyPayload.read(method.request, self._form, native)
        return build_call(method, payload, payload.view(), current_headers(request.headers), request.target)

    def encode_answer(self, payload: Payload) -> bytes:
        try:
            return _encode(native_of(payload, self._form))
        except InvalidParams as error:  # the fault is the agent's, not the caller's
            raise InvalidAgentResponse(f"the agent's answer has no form in A2A 0.3: {error.message}") from None

    encode_event = encode_answer

    def encode_error(self, error: MeshError) -> Failure:
        # Go's clients of 0.3, which alone leave /v1 out, read errors in the form of 1.0.
        if isinstance(error, VersionNotSupported) or not self._prefixed:
            return rest_errors.encode_error(error)
        return encode_error(error)


_ACCEPT = {False: _JSON, True: "text/event-stream"}


class _Client:
    """The client's side of one exchange. It remembers how much history was asked for."""

    __slots__ = ("_history", "_method", "_peer", "request")

    def __init__(self, method: Method, payload: Payload, peer: Peer) -> None:
        self._method = method
        self._peer: Peer = peer
        self._history = asked_history(payload)
        self.request = _request(method, native_of(payload, TREE_FORM))

    def decode_answer(self, body: bytes) -> Payload:
        kind = self._method.response
        if kind is Empty:
            return LegacyPayload(Empty, TREE_FORM, {}, {})
        tree = decode_object(body)
        error = self._error_in(tree, 0)
        if error is not None:
            raise error
        form = JSON_FORM if "kind" in tree or ("taskId" in tree and kind is TaskPushNotificationConfig) else TREE_FORM
        corrected = correct_times(tree)
        try:
            native = form.read(kind, self._cut(corrected))
            payload = LegacyPayload.read(kind, form, native)
        except InvalidParams as fault:
            what = f"the agent's {kind.__name__} is not valid A2A 0.3: {fault.message}"
            raise InvalidAgentResponse(what, neutral=fault.neutral) from None
        payload.corrected = corrected is not tree
        return payload

    decode_event = decode_answer

    def _cut(self, tree: Tree) -> Tree:
        """An answer, or an event, with no more history than was asked for."""
        if is_object(tree.get("task")):
            return {**tree, "task": cut_history(tree["task"], self._history)}
        cut: Tree = cut_history(tree, self._history)
        return cut

    def decode_error(self, failure: Failure) -> MeshError:
        try:
            found = self._error_in(decode_object(failure.body), failure.status)
        except InvalidAgentResponse as error:
            return error
        return found or InvalidAgentResponse(f"the agent answered with HTTP status {failure.status} and no error")

    def _error_in(self, tree: Tree, status: int) -> MeshError | None:
        # A message is an object in an answer, and a text in an error.
        if is_object(tree.get("message")):
            return None
        return decode_fault(tree, status, self._peer)


def _request(method: Method, native: Tree) -> Request:
    headers = {"accept": _ACCEPT[method.streaming]}
    route, path = write_legacy_path(method.name, _path_fields(method, native))
    if route.body == "none":
        query = write_query(native, NamedTaskQuery, ("name",)) if method.request is GetTaskRequest else ""
        return Request(route.verbs[0], path, query, headers)
    return Request(route.verbs[0], path, "", {"content-type": _JSON, **headers}, _encode(native))


def _path_fields(method: Method, native: Tree) -> dict[str, str]:
    """The fields of the path of a request."""
    if method.name in PUSH_METHODS:
        if "parent" in native:
            return {"taskId": task_in(native["parent"], "parent")}
        task, config = config_in(native["name"])
        return {"taskId": task, "id": config}
    return {"id": task_in(native["name"])} if "name" in native else {}


class LegacyRest:
    """HTTP+JSON of A2A 0.3: HTTP's method and the path say which operation it is."""

    id = "HTTP+JSON"
    version = LEGACY_VERSION
    media_types: tuple[str, ...] = (_JSON,)
    empty_bodies = True
    own_statuses = True

    def takes(self, request: Request) -> bool:
        """Whether an operation of A2A 0.3 is at this path, with or without ``/v1``."""
        return find_legacy_route(request.method, request.path, request.raw_path) is not None

    def has_reason(self, body: bytes) -> bool:
        """See ``HttpBinding.has_reason``."""
        return has_reason(body)

    def server(self) -> _Server:
        """See ``Binding.server``."""
        return _Server()

    def client(self, method: Method, payload: Payload, *, peer: Peer = "agent") -> _Client:
        """See ``Binding.client``."""
        return _Client(method, payload, peer)


BINDING = LegacyRest()
