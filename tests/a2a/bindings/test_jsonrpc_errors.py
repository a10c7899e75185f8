"""The numbers and HTTP statuses of JSON-RPC, row by row, and what is believed of them."""

import json
from typing import Any

import pytest

from meshgate.a2a.bindings.base import Failure
from meshgate.a2a.bindings.jsonrpc import BINDING, decode_answer, encode_error
from meshgate.a2a.bindings.jsonrpc_0_3_errors import encode_fault as encode_older
from meshgate.a2a.bindings.jsonrpc_errors import decode_fault, encode_fault, http_status
from meshgate.a2a.bindings.statuses import HTTP_STATUS
from meshgate.a2a.error_lookup import Peer, error_class
from meshgate.a2a.errors import A2A_DOMAIN, MESHGATE_DOMAIN, AgentError, MeshError
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import JsonPayload
from tests.a2a.test_errors import LEAVES

INFO = "type.googleapis.com/google.rpc.ErrorInfo"
VALUE = "type.googleapis.com/google.protobuf.Value"
GET = METHODS["GetTask"]

# Section 9.5 of the specification.
A2AS = {
    "PARSE_ERROR": -32700,
    "INVALID_REQUEST": -32600,
    "METHOD_NOT_FOUND": -32601,
    "INVALID_PARAMS": -32602,
    "INTERNAL_ERROR": -32603,
    "TASK_NOT_FOUND": -32001,
    "TASK_NOT_CANCELABLE": -32002,
    "PUSH_NOTIFICATION_NOT_SUPPORTED": -32003,
    "UNSUPPORTED_OPERATION": -32004,
    "CONTENT_TYPE_NOT_SUPPORTED": -32005,
    "INVALID_AGENT_RESPONSE": -32006,
    "EXTENDED_AGENT_CARD_NOT_CONFIGURED": -32007,
    "EXTENSION_SUPPORT_REQUIRED": -32008,
    "VERSION_NOT_SUPPORTED": -32009,
}
OWN = {
    "NO_ROUTE": -31001,
    "KILLED": -31002,
    "BUDGET_EXHAUSTED": -31003,
    "UPSTREAM_DEADLINE": -31004,
    "RATE_LIMITED": -31005,
    "FAN_OUT": -31006,
    "LOOP": -31007,
    "DEPTH": -31008,
    "UPSTREAM_UNAVAILABLE": -31009,
    "OUTCOME_UNKNOWN": -31010,
    "SCHEMA_VIOLATION": -31018,
    "CONVERSION_FAILED": -31019,
    "SCHEMA_RETIRED": -31020,
    "UNAUTHENTICATED": -31021,
    "PERMISSION_DENIED": -31022,
    "BODY_TOO_LARGE": -31023,
    "BODY_TIMEOUT": -31024,
    "HEADERS_TOO_LARGE": -31025,
}
NUMBERS = {**A2AS, **OWN, "AGENT_ERROR": -32603}

STATUSES = {
    "PARSE_ERROR": 400,
    "INVALID_REQUEST": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "BODY_TIMEOUT": 408,
    "BODY_TOO_LARGE": 413,
    "CONTENT_TYPE_NOT_SUPPORTED": 415,
    "HEADERS_TOO_LARGE": 431,
    "RATE_LIMITED": 429,
    "BUDGET_EXHAUSTED": 429,
    "FAN_OUT": 429,
    "LOOP": 400,
    "DEPTH": 400,
    "INVALID_PARAMS": 400,
    "SCHEMA_VIOLATION": 400,
    "SCHEMA_RETIRED": 400,
    "VERSION_NOT_SUPPORTED": 400,
    "NO_ROUTE": 404,
    "KILLED": 503,
    "UPSTREAM_UNAVAILABLE": 503,
    "UPSTREAM_DEADLINE": 504,
    "OUTCOME_UNKNOWN": 502,
}
"""Of what is refused before the call is read."""


def fault(number: int, reason: str = "", domain: str = MESHGATE_DOMAIN, *more: Any) -> dict[str, Any]:
    """An error as it stands in an answer."""
    return {"code": number, "message": "m", "data": [{"@type": INFO, "reason": reason, "domain": domain}, *more]}


def heard(said: Any, peer: Peer) -> MeshError:
    """What an answer with this error means."""
    with pytest.raises(MeshError) as caught:
        decode_answer(json.dumps({"jsonrpc": "2.0", "id": "1", "error": said}).encode(), GET, "1", peer=peer)
    return caught.value


# -- the table


@pytest.mark.parametrize("cls", LEAVES)
@pytest.mark.requirement("errors.codes")
def test_each_error_has_its_number_and_the_reason_that_decides(cls: type[MeshError]) -> None:
    said = encode_fault(cls("what"))
    assert (said["code"], said["data"][0]["reason"]) == (NUMBERS[cls.code], cls.code)


@pytest.mark.requirement("errors.codes")
def test_no_two_errors_of_the_meshs_own_share_a_number_and_none_is_a2as_or_json_rpcs() -> None:
    assert {cls.code for cls in LEAVES if cls.domain == MESHGATE_DOMAIN} == {*OWN, "AGENT_ERROR"}
    assert len(set(OWN.values())) == len(OWN)
    assert all(-31099 <= number <= -31001 for number in OWN.values())


def test_an_error_of_no_wire_is_an_internal_one() -> None:
    assert encode_fault(MeshError("what"))["code"] == -32603


@pytest.mark.parametrize("cls", LEAVES)
def test_a_parsed_call_is_answered_with_200_unless_access_is_denied(cls: type[MeshError]) -> None:
    expected = {"UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403}.get(cls.code, 200)
    assert http_status(cls(), parsed=True) == expected


@pytest.mark.parametrize("cls", LEAVES)
def test_what_is_refused_before_the_parse_has_a_status_of_its_own(cls: type[MeshError]) -> None:
    assert http_status(cls(), parsed=False) == STATUSES.get(cls.code, 500)
    assert HTTP_STATUS.get(cls.code) == STATUSES.get(cls.code)


# -- what an upstream says

VERSIONS = [
    ("TASK_NOT_FOUND", -32001, 404, 404),
    ("TASK_NOT_CANCELABLE", -32002, 409, 400),
    ("PUSH_NOTIFICATION_NOT_SUPPORTED", -32003, 400, 400),
    ("UNSUPPORTED_OPERATION", -32004, 400, 400),
    ("CONTENT_TYPE_NOT_SUPPORTED", -32005, 415, 400),
    ("INVALID_AGENT_RESPONSE", -32006, 502, 500),
    ("EXTENDED_AGENT_CARD_NOT_CONFIGURED", -32007, 400, 400),
    ("EXTENSION_SUPPORT_REQUIRED", -32008, 400, 400),
    ("VERSION_NOT_SUPPORTED", -32009, 400, 400),
]
"""A2A's errors with the HTTP statuses of 1.0.0 and of 1.0.1 (section 5.4), which some servers set over JSON-RPC too."""


@pytest.mark.parametrize(("reason", "number", "older", "newer"), VERSIONS)
@pytest.mark.parametrize("with_reason", [True, False])
def test_a2as_errors_are_known_by_number_or_reason_under_the_status_of_either_version(
    reason: str, number: int, older: int, newer: int, with_reason: bool
) -> None:
    said = fault(number, reason, A2A_DOMAIN) if with_reason else {"code": number, "message": "m"}
    for status in (200, older, newer):
        exchange = BINDING.client(GET, JsonPayload(GET.request, {"id": "t"}))
        rpc_id = json.loads(exchange.request.body)["id"]
        body = json.dumps({"jsonrpc": "2.0", "id": rpc_id, "error": said}).encode()
        found = exchange.decode_error(Failure(status, body))
        assert (type(found), found.message) == (error_class(reason), "m")


@pytest.mark.parametrize(("code", "number"), list(OWN.items()))
@pytest.mark.requirement("errors.codes")
def test_a_gateways_number_counts_as_its_reason_does_and_the_reason_decides(code: str, number: int) -> None:
    other = "LOOP" if code != "LOOP" else "DEPTH"
    assert type(heard(fault(number), "mesh")) is error_class(code)
    assert type(heard(fault(number, "NO_SUCH"), "mesh")) is error_class(code)
    assert type(heard(fault(number, code), "mesh")) is error_class(code)
    assert type(heard(fault(number, other), "mesh")) is error_class(other)
    assert type(heard(fault(-32603, code), "mesh")) is error_class(code)  # as Meshgate 0.2 wrote it


@pytest.mark.parametrize("domain", [A2A_DOMAIN, "example.com", ""])
@pytest.mark.parametrize("number", OWN.values())
@pytest.mark.requirement("errors.codes", "errors.agents")
def test_a_number_of_the_meshs_says_nothing_without_its_domain(number: int, domain: str) -> None:
    for said in (fault(number, "", domain), {"code": number, "message": "m"}):
        for peer in ("agent", "mesh"):
            found = heard(said, peer)
            assert isinstance(found, AgentError)
            assert (found.number, found.data, found.internal) == (number, said.get("data"), False)


@pytest.mark.parametrize(("code", "number"), list(OWN.items()))
@pytest.mark.requirement("errors.codes", "errors.agents")
def test_an_agent_cannot_speak_for_the_mesh_by_a_number(code: str, number: int) -> None:
    for reason in ("", code):
        found = heard(fault(number, reason), "agent")
        if code in ("RATE_LIMITED", "SCHEMA_VIOLATION"):
            assert (found.code, found.metadata) == (code, {"source": "agent"})
            continue
        assert found.metadata["agentReason"] == code
        assert encode_fault(found)["code"] in (-32603, -31009, -32006)
        assert encode_fault(found)["data"][0]["reason"] != code


@pytest.mark.parametrize("number", [-31001, -31002, -31017, -31018, -31026, -31099])
@pytest.mark.parametrize("data", [None, {"account": 7}, [1, "x"]])
@pytest.mark.requirement("errors.codes", "errors.agents")
def test_an_agents_number_that_is_the_meshs_reaches_the_caller_as_the_agents(number: int, data: Any) -> None:
    said = {"code": number, "message": "m", **({} if data is None else {"data": data})}
    told = encode_fault(heard(said, "agent"))
    facts = {"source": "agent", "code": str(number)}
    info = {"@type": INFO, "reason": "AGENT_ERROR", "domain": MESHGATE_DOMAIN, "metadata": facts}
    value = [] if data is None else [{"@type": VALUE, "value": data}]
    assert told == {"code": -32603, "message": "m", "data": [info, *value]}
    # A gateway behind that one, and the caller, lose nothing of it.
    again = heard(told, "mesh")
    assert isinstance(again, AgentError)
    assert (again.metadata, again.data, encode_fault(again)) == (facts, data, told)


@pytest.mark.parametrize("number", [-31001, -31099])
@pytest.mark.requirement("errors.codes", "errors.agents")
def test_a_caller_of_0_3_is_told_so_too(number: int) -> None:
    told = encode_older(heard({"code": number, "message": "m", "data": [7]}, "agent"))
    facts = {"source": "agent", "code": str(number)}
    info = {"reason": "AGENT_ERROR", "domain": MESHGATE_DOMAIN, "metadata": facts}
    assert told == {"code": -32603, "message": "m", "data": {**info, "value": [7]}}


@pytest.mark.parametrize("code", OWN)
@pytest.mark.requirement("errors.codes")
def test_a_caller_of_0_3_gets_the_number_of_an_internal_error(code: str) -> None:
    cls = error_class(code)
    assert cls is not None
    told = encode_older(cls("m"))
    assert (told["code"], told["data"]["reason"]) == (-32603, code)


@pytest.mark.requirement("errors.codes", "errors.agents")
def test_a_reason_of_the_meshs_that_nobody_knows_yet_is_the_agents() -> None:
    said = fault(-32050, "LEDGER_FULL")
    told = encode_fault(heard(said, "agent"))
    assert (told["code"], told["data"][0]["reason"]) == (-32603, "AGENT_ERROR")
    assert told["data"][1] == {"@type": VALUE, "value": said["data"]}
    assert encode_fault(heard(fault(-32050, "LEDGER_FULL", "example.com"), "agent"))["code"] == -32050


@pytest.mark.parametrize(("size", "kept"), [(16 * 1024 - 2, True), (16 * 1024 - 1, False)])
def test_what_comes_with_an_agents_error_is_bounded_a_second_time(size: int, kept: bool) -> None:
    value = {"@type": VALUE, "value": "x" * size}
    found = decode_fault(fault(-32603, "AGENT_ERROR", MESHGATE_DOMAIN, value))
    assert isinstance(found, AgentError)
    assert found.data == ("x" * size if kept else None)


@pytest.mark.parametrize("data", [None, "x", 1, {}, [1], [None], [[]], [{"@type": VALUE}], [{"@type": INFO}]])
def test_details_that_make_no_sense_are_no_word_of_the_meshs(data: Any) -> None:
    found = decode_fault({"code": -31002, "message": "m", "data": data})
    assert isinstance(found, AgentError)
    assert (found.number, found.data) == (-31002, data)


def test_every_error_is_read_as_itself_by_its_number_or_its_reason() -> None:
    for cls in LEAVES:
        with pytest.raises(cls):
            decode_answer(encode_error("1", cls()), GET, "1", peer="mesh")
