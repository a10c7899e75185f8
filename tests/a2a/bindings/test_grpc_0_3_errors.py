"""What the text of a status says in gRPC of A2A 0.3, where there are no details."""

from __future__ import annotations

import grpc
import pytest
from a2a.compat.v0_3.grpc_handler import CompatGrpcHandler
from a2a.utils import errors as stock

from meshgate.a2a.bindings.base import Failure
from meshgate.a2a.bindings.grpc_0_3_errors import decode_error, encode_error
from meshgate.a2a.errors import (
    AgentError,
    InvalidParams,
    LoopDetected,
    MeshError,
    PushNotificationNotSupported,
    TaskNotCancelable,
    TaskNotFound,
    UnsupportedOperation,
)

FAILED_PRECONDITION, NOT_FOUND, UNIMPLEMENTED = 9, 5, 12


@pytest.mark.requirement("legacy.errors")
@pytest.mark.parametrize(
    ("status", "text", "cls", "message"),
    [
        (UNIMPLEMENTED, "TaskNotCancelableError: too late", TaskNotCancelable, "too late"),
        (UNIMPLEMENTED, "PushNotificationNotSupportedError: no", PushNotificationNotSupported, "no"),
        (UNIMPLEMENTED, "UnsupportedOperationError: no", UnsupportedOperation, "no"),
        (NOT_FOUND, "TaskNotFoundError:gone", TaskNotFound, "gone"),
        (NOT_FOUND, "gone", TaskNotFound, "gone"),
        (NOT_FOUND, "OddError: gone", TaskNotFound, "OddError: gone"),
        (3, "InvalidParamsError: id", InvalidParams, "id"),
        (2, "InternalError: broken", AgentError, "broken"),
    ],
)
def test_the_name_in_a_text_says_which_error_it_is(status: int, text: str, cls: type[MeshError], message: str) -> None:
    error = decode_error(Failure(status, text=text))
    assert (type(error), error.message) == (cls, message)


@pytest.mark.requirement("legacy.errors")
def test_details_go_before_the_name() -> None:
    failure = encode_error(LoopDetected("round"))
    error = decode_error(Failure(failure.status, failure.body, "TaskNotFoundError: round"), peer="mesh")
    assert (type(error), error.message) == (LoopDetected, "round")


class Context:
    """What a service of grpcio is given to end a call with."""

    said: tuple[grpc.StatusCode, str]

    async def abort(self, code: grpc.StatusCode, text: str) -> None:
        self.said = code, text


@pytest.mark.requirement("legacy.errors")
@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (stock.TaskNotFoundError(message="m"), TaskNotFound),
        (stock.TaskNotCancelableError(message="m"), TaskNotCancelable),
        (stock.UnsupportedOperationError(message="m"), UnsupportedOperation),
        (stock.PushNotificationNotSupportedError(message="m"), PushNotificationNotSupported),
        (stock.InvalidParamsError(message="m"), InvalidParams),
    ],
)
async def test_what_a2a_sdk_says_is_understood_and_ours_is_written_so(
    theirs: stock.A2AError, ours: type[MeshError]
) -> None:
    context = Context()
    handler: object = CompatGrpcHandler.__new__(CompatGrpcHandler)
    await CompatGrpcHandler.abort_context(handler, theirs, context)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    code, text = context.said
    error = decode_error(Failure(code.value[0], text=text))
    assert (type(error), error.message) == (ours, "m")
    assert encode_error(ours("m")).text == text
