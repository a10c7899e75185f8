"""Push configurations: what may become a header or a URL, how much of it, and which fields must be there."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshgate.a2a.messages.push_config import (
    MOST_CONFIGS,
    AuthenticationInfo,
    CreateTaskPushNotificationConfigRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetTaskPushNotificationConfigRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTaskPushNotificationConfigsResponse,
    TaskPushNotificationConfig,
)
from meshgate.a2a.types import A2AMessage

pytestmark = pytest.mark.requirement("push.fields")
URL = "https://hook.example/"
AUTH = {"scheme": "Bearer", "credentials": "x"}
BOTH = (TaskPushNotificationConfig, CreateTaskPushNotificationConfigRequest)


def read(kind: type[A2AMessage], **fields: Any) -> Any:
    return msgspec.convert(fields, kind)


def refused(kind: type[A2AMessage], **fields: Any) -> str:
    with pytest.raises(msgspec.ValidationError) as error:
        read(kind, **fields)
    return str(error.value)


@pytest.mark.parametrize("bad", ["\r\nx: y", "\n", "\r", "\x00", "\x1f", "\x7f", "\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize("kind", BOTH)
def test_nothing_that_ends_a_line_or_a_text_is_taken(kind: type[A2AMessage], bad: str) -> None:
    for field in ("url", "token", "id", "tenant", "taskId"):
        for text in (f"a{bad}b", f"a{bad}", f"{bad}a"):
            assert f"{field} must not hold control characters" in refused(
                kind, **{"url": URL, "taskId": "t", field: text}
            )
    for text in (f"a{bad}b", bad):
        told = refused(kind, url=URL, taskId="t", authentication={"scheme": "Bearer", "credentials": text})
        assert "credentials must not hold control characters" in told
        told = refused(kind, url=URL, taskId="t", authentication={"scheme": text})
        assert "scheme must be a name such as Bearer" in told


@pytest.mark.parametrize("text", ["caf\u00e9", " a", "a ", " ", "\u00a0", "\U0001f600", "a\ud800"])
def test_a_secret_that_a_header_cannot_hold_is_refused(text: str) -> None:
    for kind in BOTH:
        assert "token becomes a header: it must be ASCII" in refused(kind, url=URL, taskId="t", token=text)
        told = refused(kind, url=URL, taskId="t", authentication={"scheme": "Bearer", "credentials": text})
        assert "credentials becomes a header" in told
    for given in ("a b", "!~", "a", ""):
        assert read(TaskPushNotificationConfig, url=URL, token=given).token == given


@pytest.mark.parametrize(
    ("field", "most"), [("url", 2048), ("token", 4096), ("id", 512), ("tenant", 512), ("taskId", 512 + 254)]
)
def test_each_field_has_a_longest_in_bytes(field: str, most: int) -> None:
    for kind in BOTH:
        usual: dict[str, Any] = {"url": URL, "taskId": "t"}
        read(kind, **{**usual, field: "x" * most})
        told = refused(kind, **{**usual, field: "x" * (most + 1)})
        assert f"{field} must not be longer than {most} bytes" in told
        if field != "token":
            read(kind, **{**usual, field: "\u00e9" * (most // 2)})
            assert "must not be longer" in refused(kind, **{**usual, field: "\u00e9" * (most // 2 + 1)})


def test_credentials_and_schemes_have_a_longest() -> None:
    read(AuthenticationInfo, scheme="x" * 64, credentials="y" * 4096)
    assert "must not be longer than 4096 bytes" in refused(AuthenticationInfo, scheme="x", credentials="y" * 4097)
    assert "scheme must be a name" in refused(AuthenticationInfo, scheme="x" * 65)


@pytest.mark.parametrize("scheme", ["Bearer", "basic", "HMAC-SHA256", "a!#$%&'*+.^_`|~-0", ""])
def test_a_scheme_is_a_name(scheme: str) -> None:
    assert read(AuthenticationInfo, scheme=scheme).scheme == scheme


@pytest.mark.parametrize(
    "scheme", ["Bearer x", " Bearer", "Bearer ", "a:b", "a,b", 'a"b', "a/b", "caf\u00e9", "\u0661"]
)
def test_what_is_no_name_is_no_scheme(scheme: str) -> None:
    assert "scheme must be a name such as Bearer" in refused(AuthenticationInfo, scheme=scheme)


def test_a_url_must_be_there_and_a_task_but_in_a_message() -> None:
    assert "missing required field" in refused(TaskPushNotificationConfig)
    assert "url must not be empty" in refused(TaskPushNotificationConfig, url="")
    assert read(TaskPushNotificationConfig, url=URL) == TaskPushNotificationConfig(URL)
    assert "taskId must not be empty" in refused(CreateTaskPushNotificationConfigRequest, url=URL)
    made = read(CreateTaskPushNotificationConfigRequest, url=URL, taskId="t", id="i", token="k", authentication=AUTH)
    assert made == CreateTaskPushNotificationConfigRequest(URL, "t", "i", "k", AuthenticationInfo("Bearer", "x"))


@pytest.mark.parametrize("kind", [GetTaskPushNotificationConfigRequest, DeleteTaskPushNotificationConfigRequest])
def test_a_configuration_is_named_by_task_and_id(kind: type[A2AMessage]) -> None:
    assert (read(kind, taskId="t", id="i").task_id, read(kind, taskId="t", id="i").id) == ("t", "i")
    assert "taskId must not be empty" in refused(kind, taskId="", id="i")
    for field, most in (("taskId", 766), ("id", 512), ("tenant", 512)):
        usual = {"taskId": "t", "id": "i"}
        assert "control characters" in refused(kind, **{**usual, field: "a\nb"})
        read(kind, **{**usual, field: "x" * most})
        assert f"{field} must not be longer than {most}" in refused(kind, **{**usual, field: "x" * (most + 1)})


def test_only_a_read_may_leave_the_id_out() -> None:
    assert read(GetTaskPushNotificationConfigRequest, taskId="t").id == ""
    assert "missing required field" in refused(DeleteTaskPushNotificationConfigRequest, taskId="t")
    assert "id must not be empty" in refused(DeleteTaskPushNotificationConfigRequest, taskId="t", id="")


def test_a_list_takes_any_size_of_page_and_no_token() -> None:
    kind = ListTaskPushNotificationConfigsRequest
    for size in (0, 1, 2**31 - 1):
        assert read(kind, taskId="t", pageSize=size).page_size == size
    for size in (-1, 2**31):
        assert "pageSize must be 0 or more" in refused(kind, taskId="t", pageSize=size)
    assert "pageToken must be one that an answer gave" in refused(kind, taskId="t", pageToken="x")
    assert "taskId must not be empty" in refused(kind, taskId="")
    assert "control characters" in refused(kind, taskId="t", tenant="a\nb")
    assert "control characters" in refused(kind, taskId="a\nb")
    assert msgspec.to_builtins(ListTaskPushNotificationConfigsResponse([TaskPushNotificationConfig(URL)])) == {
        "configs": [{"url": URL}]
    }
    assert MOST_CONFIGS == 10
