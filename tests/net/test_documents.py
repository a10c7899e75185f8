"""Conditional requests for documents, and their heads."""

from __future__ import annotations

from typing import Any

import pytest

from meshgate.net.documents import Documents

pytestmark = pytest.mark.requirement("contract.card_cache")

BODY = b'{"name":"a"}'
DATE = "Sat, 28 Nov 2026 12:00:00 GMT"
WALL = 1_795_867_200.75


class Sent:
    """What came of a request."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    async def __call__(self, message: Any) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): text.decode() for name, text in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return bytes(self.messages[1]["body"])


async def ask(
    documents: Documents, method: str = "GET", body: bytes = BODY, asked: dict[str, str] | None = None
) -> Sent:
    sent = Sent()
    await documents.answer(sent, method, asked or {}, body, [(b"cache-control", b"max-age=1")])
    return sent


async def test_a_document_has_a_tag_and_a_time_and_its_head_is_that_of_the_whole() -> None:
    documents = Documents(lambda: WALL)
    whole, head = await ask(documents), await ask(documents, "HEAD")
    assert (whole.status, whole.body, head.body) == (200, BODY, b"")
    assert whole.headers == head.headers
    assert whole.headers["content-length"] == str(len(BODY))
    assert (whole.headers["last-modified"], whole.headers["cache-control"]) == (DATE, "max-age=1")


async def test_the_time_is_that_of_the_first_answer_with_this_content() -> None:
    now = WALL
    documents = Documents(lambda: now)
    first = await ask(documents)
    now += 100.0
    assert (await ask(documents)).headers == first.headers
    other = await ask(documents, body=b"{}")
    assert other.headers["last-modified"] == "Sat, 28 Nov 2026 12:01:40 GMT"
    assert other.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"if-none-match": "TAG"}, 304),
        ({"if-none-match": "W/TAG"}, 304),
        ({"if-none-match": '"x", TAG'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"x"'}, 200),
        ({"if-none-match": '"TAGx"'}, 200),
        ({"if-none-match": ""}, 200),
        ({"if-modified-since": DATE}, 304),
        ({"if-modified-since": "Sat, 28 Nov 2026 11:59:59 GMT"}, 200),
        ({"if-modified-since": "Sat, 28 Nov 2026 12:00:01 GMT"}, 304),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-modified-since": "Sat, 99 Nov 2026 12:00:01 GMT"}, 200),
        ({"if-none-match": '"x"', "if-modified-since": DATE}, 200),
    ],
)
async def test_who_has_it_is_told_so(method: str, asked: dict[str, str], status: int) -> None:
    documents = Documents(lambda: WALL)
    tag = (await ask(documents)).headers["etag"]
    found = await ask(documents, method, asked={name: text.replace("TAG", tag) for name, text in asked.items()})
    assert found.status == status
    assert (found.headers["etag"], found.headers["last-modified"]) == (tag, DATE)
    if status == 304:
        assert found.body == b""


async def test_of_very_many_documents_the_latest_are_remembered() -> None:
    now = 0.0
    documents = Documents(lambda: now)
    await ask(documents)
    for number in range(1024):
        await ask(documents, body=b"%d" % number)
    now = WALL
    assert (await ask(documents, body=b"1023")).headers["last-modified"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert (await ask(documents)).headers["last-modified"] == DATE
