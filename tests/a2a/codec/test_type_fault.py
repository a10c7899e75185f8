"""What a value of the wrong type is told as."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest

from meshgate.a2a.codec.strict_json import check
from meshgate.a2a.codec.type_fault import fault_at, type_fault
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.types import SendMessageRequest, Task

pytestmark = pytest.mark.requirement("errors.words")


class Anything(msgspec.Struct, forbid_unknown_fields=True):
    """A field of each kind of rule that msgspec checks."""

    whole: int = 0
    bounded: Annotated[int, msgspec.Meta(ge=1)] = 1
    short: Annotated[str, msgspec.Meta(max_length=3)] = ""
    chosen: Literal["x", "y"] = "x"
    many: list[int] | None = None
    real: float = 0.0
    switch: bool = False
    either: int | str = 0
    raw: bytes = b""


@pytest.mark.parametrize(
    ("tree", "told"),
    [
        ({"whole": "x"}, "whole: must be a whole number, not a string"),
        ({"whole": 1.5}, "whole: must be a whole number, not a number"),
        ({"whole": None}, "whole: must be a whole number, not null"),
        ({"bounded": 0}, "bounded: must be a whole number >= 1"),
        ({"short": "abcd"}, "short: must be a string of length <= 3"),
        ({"chosen": "z"}, "chosen: must not be 'z'"),
        ({"many": {}}, "many: must be a list or null, not an object"),
        ({"many": [1, "x"]}, "many[1]: must be a whole number, not a string"),
        ({"real": []}, "real: must be a number, not a list"),
        ({"switch": 1}, "switch: must be true or false, not a whole number"),
        ({"either": 1.5}, "either: must be a whole number or a string, not a number"),
        ({"raw": 5}, "raw: must be base64, not a whole number"),
        ({"other": 5}, "'other' is not known here"),
        ([], "must be an object, not a list"),
    ],
)
def test_what_msgspec_refuses_is_told_in_the_words_of_json(tree: Any, told: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(tree, Anything)
    assert fault_at(refused.value) == told


def test_what_is_no_fault_of_type_stays_as_it_was() -> None:
    assert type_fault("a message of its own\nin two lines") == "a message of its own\nin two lines"


def message(**changes: Any) -> dict[str, Any]:
    return {"message": {"messageId": "1", "role": "ROLE_USER", "parts": [{"text": "x"}], **changes}}


@pytest.mark.parametrize("role", ["user", "agent", "ROLE_ADMIN", ""])
def test_a_role_that_is_none_names_those_that_are(role: str) -> None:
    with pytest.raises(InvalidParams) as refused:
        check(message(role=role), SendMessageRequest)
    assert refused.value.message == f"message.role: must be one of ROLE_USER, ROLE_AGENT, not {role!r}"


def test_a_state_that_is_none_names_those_that_are() -> None:
    with pytest.raises(InvalidParams) as refused:
        check({"id": "t", "status": {"state": "completed"}}, Task)
    assert refused.value.message == (
        "status.state: must be one of TASK_STATE_SUBMITTED, TASK_STATE_WORKING, TASK_STATE_COMPLETED "
        "or 5 more, not 'completed'"
    )
