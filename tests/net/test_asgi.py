from typing import Any

import pytest

from meshgate.a2a.errors import BodyTooLarge, HeadersTooLarge, InvalidRequest
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.net.asgi import raw_path, read_body, read_headers, respond
from tests.net.request import Connection
from tests.support.virtual_loop import virtual_time


def scope(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "headers": list(headers)}


def test_headers_are_read_with_all_values_of_a_repeated_one() -> None:
    assert read_headers(scope((b"a", b"1"), (b"b", b"\xe9"), (b"a", b"2"))) == {"a": "1,2", "b": "\u00e9"}


def test_too_many_headers_are_refused() -> None:
    read_headers(scope(*[(b"a%d" % number, b"") for number in range(100)]))
    with pytest.raises(HeadersTooLarge):
        read_headers(scope(*[(b"a%d" % number, b"") for number in range(101)]))


def test_headers_that_are_too_large_together_are_refused() -> None:
    read_headers(scope((b"a", b"x" * (DEFAULTS.header_bytes - 1))))
    with pytest.raises(HeadersTooLarge):
        read_headers(scope((b"a", b"x" * DEFAULTS.header_bytes)))
    with pytest.raises(HeadersTooLarge):
        read_headers(scope(*[(b"a", b"x" * 1_000)] * 40))


def test_an_underscore_in_a_headers_name_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        read_headers(scope((b"x_tenant", b"other")))


@virtual_time
async def test_a_body_of_no_length_is_not_waited_for() -> None:
    assert await read_body({"content-length": "0"}, Connection().receive) == b""


@virtual_time
async def test_an_identity_encoding_is_none() -> None:
    assert await read_body({"content-encoding": "identity"}, Connection(b"x").receive) == b"x"


@virtual_time
async def test_a_body_is_limited_whatever_its_length_says() -> None:
    with pytest.raises(BodyTooLarge):
        await read_body({"content-length": "1"}, Connection(b"x" * 11).receive, Limits(body=10))


@virtual_time
async def test_an_answer_may_have_another_media_type() -> None:
    connection = Connection()
    await respond(connection.send, 404, b"no", [(b"content-type", b"text/plain")])
    assert connection.headers == {"content-type": "text/plain", "content-length": "2"}


@pytest.mark.parametrize(
    ("raw", "path", "found"),
    [
        (b"/demo/tasks/a%2Fb", "/tasks/a/b", "/tasks/a%2Fb"),
        (b"/tasks/a%2Fb", "/tasks/a/b", "/tasks/a%2Fb"),
        (b"/tasks/a/b", "/tasks/a/b", "/tasks/a/b"),
        (b"/de%6Do/tasks/x%25", "/tasks/x%", "/tasks/x%25"),
        (b"/demo%2Ftasks/x", "/tasks/x", ""),
        (None, "/tasks/x", "/tasks/x"),
    ],
)
def test_a_path_is_told_as_it_came_below_any_mount(raw: bytes | None, path: str, found: str) -> None:
    assert raw_path({"raw_path": raw}, path) == found
