"""A2A's errors over gRPC, with the statuses of each version of the specification."""

from typing import Any

import grpc
import pytest
from google.rpc import (  # pyright: ignore[reportMissingTypeStubs] - they lie beside the code
    error_details_pb2,
    status_pb2,
)

from meshgate.a2a.bindings.base import Failure
from meshgate.a2a.bindings.grpc_errors import decode_error, encode_error
from meshgate.a2a.error_lookup import error_class
from meshgate.a2a.errors import A2A_DOMAIN, AgentError, InvalidParams, MeshError
from tests.a2a.bindings.test_grpc import CODES
from tests.a2a.test_errors import LEAVES

Code = grpc.StatusCode

VERSIONS = [
    ("TASK_NOT_FOUND", Code.NOT_FOUND, Code.NOT_FOUND),
    ("TASK_NOT_CANCELABLE", Code.FAILED_PRECONDITION, Code.FAILED_PRECONDITION),
    ("PUSH_NOTIFICATION_NOT_SUPPORTED", Code.UNIMPLEMENTED, Code.FAILED_PRECONDITION),
    ("UNSUPPORTED_OPERATION", Code.UNIMPLEMENTED, Code.FAILED_PRECONDITION),
    ("CONTENT_TYPE_NOT_SUPPORTED", Code.INVALID_ARGUMENT, Code.INVALID_ARGUMENT),
    ("INVALID_AGENT_RESPONSE", Code.INTERNAL, Code.INTERNAL),
    ("EXTENDED_AGENT_CARD_NOT_CONFIGURED", Code.FAILED_PRECONDITION, Code.FAILED_PRECONDITION),
    ("EXTENSION_SUPPORT_REQUIRED", Code.FAILED_PRECONDITION, Code.FAILED_PRECONDITION),
    ("VERSION_NOT_SUPPORTED", Code.UNIMPLEMENTED, Code.FAILED_PRECONDITION),
]
"""A2A's errors with the statuses of 1.0.0 and of 1.0.1 (section 5.4)."""


def status(code: Code, *details: Any) -> Failure:
    """A status as an agent sends it, with details that a2a-sdk's proto wrote."""
    found = status_pb2.Status(code=code.value[0], message="m")
    for detail in details:
        found.details.add().Pack(detail)
    return Failure(code.value[0], found.SerializeToString() if details else b"", "m")


@pytest.mark.parametrize(("reason", "older", "newer"), VERSIONS)
def test_a2as_errors_are_known_by_their_reason_under_the_status_of_either_version(
    reason: str, older: Code, newer: Code
) -> None:
    for code in (older, newer):
        found = decode_error(status(code, error_details_pb2.ErrorInfo(reason=reason, domain=A2A_DOMAIN)))
        assert (type(found), found.message) == (error_class(reason), "m")
    assert CODES[reason] is newer


@pytest.mark.parametrize("code", sorted({code for _, *both in VERSIONS for code in both}, key=str))
def test_a_status_alone_is_one_of_the_errors_that_have_it(code: Code) -> None:
    found = decode_error(status(code))
    if code is Code.INTERNAL:  # any fault of the agent's has it
        assert isinstance(found, AgentError)
        return
    # It is as likely that a parameter is wrong, which has the same status as a content type.
    assert found.code in {reason for reason, *both in VERSIONS if code in both} | {"INVALID_PARAMS"}


@pytest.mark.parametrize("cls", LEAVES)
@pytest.mark.requirement("errors.codes")
def test_each_error_has_its_status(cls: type[MeshError]) -> None:
    assert encode_error(cls()).status == CODES[cls.code].value[0]
    assert CODES.keys() == {each.code for each in LEAVES}


def test_an_error_of_no_wire_is_an_internal_one() -> None:
    assert encode_error(MeshError()).status == Code.INTERNAL.value[0]


# -- the bounds


def info_in(failure: Failure) -> error_details_pb2.ErrorInfo:
    """The ErrorInfo of a status, read by the generated code of googleapis."""
    info = error_details_pb2.ErrorInfo()
    assert status_pb2.Status.FromString(failure.body).details[0].Unpack(info)
    return info


def test_a_text_has_a_thousand_bytes() -> None:
    assert encode_error(InvalidParams("x" * 1001)).text == "x" * 1000


def test_an_agents_text_has_two_thousand_characters() -> None:
    assert decode_error(Failure(Code.NOT_FOUND.value[0], b"", "x" * 2001)).message == "x" * 2000


def test_facts_that_do_not_fit_into_three_thousand_bytes_leave_the_reason() -> None:
    sizes: set[int] = set()
    for length in range(2800, 3000):
        failure = encode_error(InvalidParams("m", metadata={"fact": "x" * length}))
        info = info_in(failure)
        assert (info.reason, info.domain) == ("INVALID_PARAMS", A2A_DOMAIN)
        if info.metadata:
            assert dict(info.metadata) == {"fact": "x" * length}
            sizes.add(len(failure.body))
    assert max(sizes) == 3000


def test_the_same_facts_are_the_same_bytes() -> None:
    facts = {f"fact{number}": str(number) for number in range(20)}
    shuffled = dict(reversed(facts.items()))
    assert encode_error(InvalidParams("m", metadata=facts)) == encode_error(InvalidParams("m", metadata=shuffled))


def test_an_agents_reason_is_cut() -> None:
    found = decode_error(status(Code.ABORTED, error_details_pb2.ErrorInfo(reason="R" * 65, domain="example.com")))
    assert found.metadata == {"source": "agent", "status": "ABORTED", "agentReason": "R" * 64}


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
def test_an_agent_says_that_it_failed_by_two_statuses_without_a_reason(code: Code) -> None:
    bare = decode_error(status(code))
    named = decode_error(status(code, error_details_pb2.ErrorInfo(reason="OWN", domain="example.com")))
    assert getattr(bare, "internal", False) is (code in (Code.INTERNAL, Code.UNKNOWN))
    assert isinstance(named, AgentError)
    assert named.internal is False
