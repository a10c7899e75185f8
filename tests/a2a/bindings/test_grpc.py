from typing import Any, NoReturn

import grpc
import pytest
from a2a.server.request_handlers.grpc_handler import GrpcHandler
from a2a.types import a2a_pb2
from a2a.utils import errors as foreign_errors
from a2a.utils.grpc_status import status_from_call
from google.protobuf import any_pb2, duration_pb2
from google.rpc import (  # pyright: ignore[reportMissingTypeStubs] - they lie beside the code
    error_details_pb2,
    status_pb2,
)

from meshgate.a2a import errors
from meshgate.a2a.bindings import grpc as binding
from meshgate.a2a.bindings.base import Failure
from meshgate.a2a.codec.strict_json import MAX_NODES
from meshgate.a2a.errors import (
    AccessError,
    AgentError,
    EdgeError,
    InvalidAgentResponse,
    InvalidParams,
    InvalidRequest,
    MeshError,
    UpstreamUnavailable,
)
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import JsonPayload, ProtoPayload
from meshgate.a2a.types import SendMessageRequest, Task
from meshgate.net.grpc_status import DETAILS, failure_of
from tests.a2a.codec.test_protobuf_size import field
from tests.a2a.test_errors import LEAVES
from tests.support import foreign

Code = grpc.StatusCode
CODE = {code.value[0]: code for code in Code}
"""gRPC's own codes by google.rpc's numbers."""
# Section 10.6 of the specification, then what the mesh adds to it.
CODES = {
    "TASK_NOT_FOUND": Code.NOT_FOUND,
    "TASK_NOT_CANCELABLE": Code.FAILED_PRECONDITION,
    "PUSH_NOTIFICATION_NOT_SUPPORTED": Code.FAILED_PRECONDITION,
    "UNSUPPORTED_OPERATION": Code.FAILED_PRECONDITION,
    "CONTENT_TYPE_NOT_SUPPORTED": Code.INVALID_ARGUMENT,
    "INVALID_AGENT_RESPONSE": Code.INTERNAL,
    "EXTENDED_AGENT_CARD_NOT_CONFIGURED": Code.FAILED_PRECONDITION,
    "EXTENSION_SUPPORT_REQUIRED": Code.FAILED_PRECONDITION,
    "VERSION_NOT_SUPPORTED": Code.FAILED_PRECONDITION,
    "PARSE_ERROR": Code.INVALID_ARGUMENT,
    "INVALID_REQUEST": Code.INVALID_ARGUMENT,
    "INVALID_PARAMS": Code.INVALID_ARGUMENT,
    "METHOD_NOT_FOUND": Code.NOT_FOUND,
    "INTERNAL_ERROR": Code.INTERNAL,
    "UNAUTHENTICATED": Code.UNAUTHENTICATED,
    "PERMISSION_DENIED": Code.PERMISSION_DENIED,
    "BODY_TOO_LARGE": Code.RESOURCE_EXHAUSTED,
    "BODY_TIMEOUT": Code.DEADLINE_EXCEEDED,
    "HEADERS_TOO_LARGE": Code.RESOURCE_EXHAUSTED,
    "RATE_LIMITED": Code.RESOURCE_EXHAUSTED,
    "BUDGET_EXHAUSTED": Code.RESOURCE_EXHAUSTED,
    "FAN_OUT": Code.RESOURCE_EXHAUSTED,
    "LOOP": Code.FAILED_PRECONDITION,
    "DEPTH": Code.FAILED_PRECONDITION,
    "KILLED": Code.UNAVAILABLE,
    "UPSTREAM_UNAVAILABLE": Code.UNAVAILABLE,
    "UPSTREAM_DEADLINE": Code.DEADLINE_EXCEEDED,
    "OUTCOME_UNKNOWN": Code.UNKNOWN,
    "AGENT_ERROR": Code.UNKNOWN,
    "NO_ROUTE": Code.NOT_FOUND,
    "SCHEMA_VIOLATION": Code.INVALID_ARGUMENT,
    "SCHEMA_RETIRED": Code.FAILED_PRECONDITION,
    "CONVERSION_FAILED": Code.FAILED_PRECONDITION,
}


class Ended(Exception):
    """A call that was aborted."""


class Call:
    """A call as a2a-sdk's handler sees it, and afterwards as a client does."""

    def __init__(self, code: Code = Code.OK, details: str = "", trailers: Any = ()) -> None:
        self._code, self._details, self._trailers = code, details, trailers

    def code(self) -> Code:
        return self._code

    def details(self) -> str:
        return self._details

    def trailing_metadata(self) -> Any:
        return self._trailers

    def set_trailing_metadata(self, trailers: Any) -> None:
        self._trailers = trailers

    async def abort(self, code: Code, details: str) -> NoReturn:
        self._code, self._details = code, details
        raise Ended


# -- errors of a2a-sdk's, and ours read by it

RAISED = [kind for kind in foreign_errors.JSON_RPC_ERROR_CODE_MAP if kind is not foreign_errors.JSONParseError]


async def aborted(error: foreign_errors.A2AError) -> Call:
    """The call that a2a-sdk's server ended with the error."""
    call = Call()
    handler: Any = GrpcHandler(foreign.ScriptedAgent())
    with pytest.raises(Ended):
        await handler.abort_context(error, call)
    return call


@pytest.mark.parametrize("kind", RAISED)
@pytest.mark.requirement("a2a.stock_grpc")
async def test_we_know_each_error_of_a_stock_server(kind: type[foreign_errors.A2AError]) -> None:
    call = await aborted(kind("what happened"))
    error = binding.decode_error(failure_of(call))
    reason = foreign_errors.A2A_ERROR_REASONS[kind]
    assert error.code == ("AGENT_ERROR" if reason == "INTERNAL_ERROR" else reason)
    if isinstance(error, AgentError):
        assert (error.metadata["agentReason"], error.internal) == ("INTERNAL_ERROR", True)
        return
    assert error.message == "what happened"
    assert CODES[error.code] is call.code()


async def test_the_fields_that_a_stock_server_finds_wrong_are_read() -> None:
    wrong = {"errors": [{"field": "a.b", "message": "is bad"}]}
    call = await aborted(foreign_errors.InvalidParamsError("m", data=wrong))
    read = binding.decode_error(failure_of(call))
    assert read.violations == (("a.b", "is bad"),)


@pytest.mark.parametrize("cls", LEAVES)
def test_a_stock_client_reads_the_status_of_each_error_as_we_write_it(cls: type[MeshError]) -> None:
    failure = binding.encode_error(cls("h\u00e9llo\n%", metadata={"a": "1"}))
    status = status_from_call(Call(CODE[failure.status], failure.text, [(DETAILS, failure.body)]))
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain, dict(info.metadata)) == (cls.code, cls.domain, cls(metadata={"a": "1"}).metadata)


# -- the table, both ways


@pytest.mark.parametrize("cls", LEAVES)
def test_every_error_arrives_as_itself_with_all_it_says(cls: type[MeshError]) -> None:
    error = cls("what", retry_after=1.5, metadata={"limit": "8"}, violations=(("message.parts", "is empty"),))
    failure = binding.encode_error(error)
    assert CODE[failure.status] is CODES[cls.code]
    got = binding.decode_error(failure, peer="mesh")
    assert type(got) is cls
    assert (got.message, got.retry_after, got.metadata, got.violations) == (
        "what",
        1.5,
        error.metadata,
        error.violations,
    )


@pytest.mark.parametrize("cls", LEAVES)
def test_an_agent_cannot_speak_of_the_callers_key_or_bytes(cls: type[MeshError]) -> None:
    failure = binding.encode_error(cls())
    for told in (failure, Failure(failure.status, b"", failure.text)):
        assert not isinstance(binding.decode_error(told), AccessError | EdgeError)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (Code.NOT_FOUND, "TASK_NOT_FOUND"),
        (Code.INVALID_ARGUMENT, "INVALID_PARAMS"),
        (Code.FAILED_PRECONDITION, "UNSUPPORTED_OPERATION"),
        (Code.UNIMPLEMENTED, "UNSUPPORTED_OPERATION"),
        (Code.RESOURCE_EXHAUSTED, "RATE_LIMITED"),
        (Code.UNAVAILABLE, "UPSTREAM_UNAVAILABLE"),
        (Code.DEADLINE_EXCEEDED, "UPSTREAM_DEADLINE"),
        (Code.UNAUTHENTICATED, "UPSTREAM_UNAVAILABLE"),
        (Code.PERMISSION_DENIED, "UPSTREAM_UNAVAILABLE"),
        (Code.INTERNAL, "AGENT_ERROR"),
        (Code.UNKNOWN, "AGENT_ERROR"),
        (Code.CANCELLED, "AGENT_ERROR"),
        (Code.ABORTED, "AGENT_ERROR"),
        (Code.DATA_LOSS, "AGENT_ERROR"),
    ],
)
def test_a_bare_status_means_what_it_most_likely_means(code: Code, reason: str) -> None:
    assert binding.decode_error(failure_of(Call(code, "m"))).code == reason


@pytest.mark.parametrize(
    ("code", "cls"), [(Code.UNAUTHENTICATED, errors.Unauthenticated), (Code.PERMISSION_DENIED, errors.PermissionDenied)]
)
def test_a_gateways_bare_status_is_taken_as_it_is(code: Code, cls: type[MeshError]) -> None:
    assert type(binding.decode_error(failure_of(Call(code, "m")), peer="mesh")) is cls


def trailer(*details: Any) -> list[tuple[str, str | bytes]]:
    status = status_pb2.Status(code=5, message="m")
    for detail in details:
        status.details.add().Pack(detail)
    return [("other", "x"), (DETAILS, status.SerializeToString())]


@pytest.mark.parametrize(
    "info",
    [
        error_details_pb2.ErrorInfo(reason="NO_SUCH", domain="a2a-protocol.org"),
        error_details_pb2.ErrorInfo(reason="TASK_NOT_CANCELABLE", domain="example.com"),
        error_details_pb2.ErrorInfo(reason="LOOP", domain="a2a-protocol.org"),
    ],
)
@pytest.mark.requirement("errors.agents")
def test_a_reason_that_nobody_knows_is_the_agents_own(info: error_details_pb2.ErrorInfo) -> None:
    found = binding.decode_error(failure_of(Call(Code.NOT_FOUND, "m", trailer(info))))
    assert isinstance(found, AgentError)
    assert (found.status, found.internal) == (Code.NOT_FOUND.value[0], False)
    assert found.metadata == {"source": "agent", "status": "NOT_FOUND", "agentReason": info.reason}
    assert binding.encode_error(found).status == Code.NOT_FOUND.value[0]


def test_a_reason_that_says_nothing_leaves_the_status() -> None:
    info = error_details_pb2.ErrorInfo()
    assert binding.decode_error(failure_of(Call(Code.NOT_FOUND, "m", trailer(info)))).code == "TASK_NOT_FOUND"


@pytest.mark.requirement("errors.agents")
@pytest.mark.parametrize("data", [{"account": 7.5}, [1.0, "x"], "text", None])
def test_an_agents_own_code_and_data_come_through_grpc_and_back(data: object) -> None:
    said = AgentError("no such account", number=1001, data=data, metadata={"code": "1001"})
    failure = binding.encode_error(said)
    assert CODE[failure.status] is Code.UNKNOWN
    heard = binding.decode_error(failure, peer="mesh")
    assert isinstance(heard, AgentError)
    assert (heard.message, heard.number, heard.data) == ("no such account", 1001, data)
    assert heard.metadata == {"source": "agent", "code": "1001"}


@pytest.mark.parametrize(
    "trailers",
    [
        [(DETAILS, b"\xff\xff")],
        [(DETAILS, "text")],
        [
            (
                DETAILS,
                status_pb2.Status(
                    details=[any_pb2.Any(type_url="x/google.rpc.ErrorInfo", value=b"\xff")]
                ).SerializeToString(),
            )
        ],
        [(DETAILS, status_pb2.Status(details=[any_pb2.Any(type_url="nonsense")]).SerializeToString())],
        [],
    ],
)
def test_details_that_make_no_sense_leave_the_status(trailers: Any) -> None:
    assert binding.decode_error(failure_of(Call(Code.NOT_FOUND, "m", trailers))).code == "TASK_NOT_FOUND"


@pytest.mark.parametrize(("seconds", "read"), [(2, 2.0), (-5, 0.0), (10**11, 300.0)])
def test_a_pause_that_an_agent_asks_for_is_a_sane_number(seconds: int, read: float) -> None:
    retry = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=seconds))
    assert binding.decode_error(failure_of(Call(Code.UNAVAILABLE, "m", trailer(retry)))).retry_after == read


@pytest.mark.parametrize("count", [5, 15, 25, 50, 100])
@pytest.mark.parametrize("character", ["x", "\u00e9", "\U0001f600"])
def test_what_an_error_says_fits_into_the_trailers_a_client_takes(character: str, count: int) -> None:
    many = {f"fact{number}": character * 100 for number in range(count)}
    violations = tuple((f"field{number}", character * 100) for number in range(count))
    failure = binding.encode_error(
        InvalidParams(character * 5_000, metadata=many, violations=violations, retry_after=1)
    )
    read = binding.decode_error(failure)
    assert 3 * len(failure.text.encode()) + 4 * len(failure.body) // 3 < 8_000
    assert (type(read), read.retry_after) == (InvalidParams, 1.0)
    assert read.message == character * len(read.message)


# -- messages


@pytest.mark.requirement("a2a.stock_grpc")
def test_a_stock_message_is_a_call() -> None:
    call = binding.decode_call("SendMessage", foreign.request().SerializeToString(), {"x": "y"}, None)
    assert (call.method, call.message_id, call.task_id, call.context_id) == (
        METHODS["SendMessage"],
        "m-1",
        "task-1",
        "ctx",
    )
    assert a2a_pb2.SendMessageRequest.FromString(binding.encode(call.payload)) == foreign.request()


@pytest.mark.requirement("tasks.listed")
def test_a_page_size_of_0_is_one_that_was_left_out() -> None:
    asked = a2a_pb2.ListTasksRequest(page_size=0, page_token="p").SerializeToString()
    view = binding.decode_call("ListTasks", asked, {}, None).payload.view()
    assert (view.page_size, view.page_token) == (None, "p")


def test_fields_that_a2a_does_not_know_are_sent_on() -> None:
    body = foreign.request().SerializeToString() + field(99, b"future")
    assert binding.encode(binding.decode_call("SendMessage", body, {}, None).payload).endswith(field(99, b"future"))


def test_json_goes_out_as_a_stock_message() -> None:
    tree = {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}}
    sent = a2a_pb2.SendMessageRequest.FromString(binding.encode(JsonPayload(SendMessageRequest, tree)))
    message = a2a_pb2.Message(message_id="m", role=a2a_pb2.ROLE_USER, parts=[a2a_pb2.Part(text="hi")])
    assert sent == a2a_pb2.SendMessageRequest(message=message)


def deep(levels: int) -> bytes:
    data = b""
    for _ in range(levels):
        data = field(6, field(1, data))
    return field(2, field(1, b"m") + b"\x20\x01" + field(5, field(4, data)))


def test_a_message_as_deep_as_protobuf_reads_is_taken_and_a_deeper_one_refused() -> None:
    binding.decode_call("SendMessage", deep(45), {}, None)
    for levels in (50, 200, 20_000):
        with pytest.raises(InvalidParams):
            binding.decode_call("SendMessage", deep(levels), {}, None)


@pytest.mark.parametrize(
    "body", [b"\xff", b"\x12\x05a", b"\x12\x01\xff", field(2, field(1, b"\xff\xfe")), b"", field(2, b"")]
)
def test_bytes_that_are_no_request_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidParams):
        binding.decode_call("SendMessage", body, {}, None)


def test_a_wide_message_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        binding.decode_call("SendMessage", field(2, field(5, field(1, b"")) * (MAX_NODES + 1)), {}, None)


def test_an_id_with_a_line_break_is_refused() -> None:
    request = foreign.request()
    request.message.task_id = "a\r\nx: y"
    with pytest.raises(InvalidParams):
        binding.decode_call("SendMessage", request.SerializeToString(), {}, None)


@pytest.mark.parametrize(
    "body",
    [b"\xff", b"", field(1, b"a\nb"), a2a_pb2.Task(id="t").SerializeToString(), field(1, field(5, b"")) * 60_000],
)
def test_an_answer_that_is_none_is_the_agents_fault(body: bytes) -> None:
    with pytest.raises(InvalidAgentResponse):
        binding.decode_answer(body, METHODS["GetTask"])


@pytest.mark.requirement("a2a.stock_grpc")
def test_a_stock_answer_is_read() -> None:
    payload = binding.decode_answer(foreign.task().SerializeToString(), METHODS["GetTask"])
    assert isinstance(payload, ProtoPayload)
    assert isinstance(payload.view(), Task)
    assert payload.message == foreign.task()


# -- the rest


def test_a_methods_path_is_the_stock_services_own() -> None:
    service = a2a_pb2.DESCRIPTOR.services_by_name["A2AService"]
    assert {binding.method_path(method) for method in METHODS.values()} <= {
        f"/{service.full_name}/{method.name}" for method in service.methods
    }


def test_an_error_without_text_says_its_summary() -> None:
    assert binding.decode_error(failure_of(Call(Code.UNKNOWN, ""))).message == AgentError.summary
    assert binding.decode_error(failure_of(Call(Code.UNAVAILABLE, ""))).message == UpstreamUnavailable.summary
