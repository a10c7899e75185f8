"""The app on the inspect port: who may ask, what is a question, and what is not answered."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshgate.a2a.errors import RateLimited
from meshgate.gateway.cluster.server import InspectApp
from meshgate.gateway.jobs.account import Grant
from tests.gateway.asgi import Answer, request
from tests.gateway.calls import limits

SECRET = {"authorization": "Bearer s3cret"}


class Port:
    """An inspect port with two answers, one of which awaits."""

    def __init__(self, **changes: Any) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.error: Exception | None = None
        self.app = InspectApp({"drain": self.drain, "lend": self.lend}, "s3cret", limits(**changes))

    def drain(self, on: bool) -> None:
        self.asked.append(("drain", on))

    async def lend(self, job: str, calls: int) -> Grant | None:
        self.asked.append(("lend", job, calls))
        if self.error is not None:
            raise self.error
        return Grant(calls, 1.0, 2, 3, 4)

    async def ask(
        self, path: str, *arguments: Any, method: str = "POST", headers: dict[str, str] | None = None, raw: bytes = b""
    ) -> Answer:
        body = raw or msgspec.json.encode(arguments)
        return await request(self.app, method, path, headers=SECRET if headers is None else headers, body=body)


async def test_a_question_is_answered_with_its_arguments_whether_or_not_the_answer_awaits() -> None:
    port = Port()
    lent = await port.ask("/lend", "gw.1", 4)
    assert (lent.status, msgspec.json.decode(lent.body, type=Grant)) == (200, Grant(4, 1.0, 2, 3, 4))
    drained = await port.ask("/drain", True)  # noqa: FBT003 - the question's own argument
    assert (drained.status, drained.body) == (200, b"null")
    assert port.asked == [("lend", "gw.1", 4), ("drain", True)]


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "s3cret"}, {"authorization": "Bearer s3cre"}, {"authorization": "Bearer s3crett"},
     {"authorization": "bearer s3cret"}, {"authorization": "Bearer "}, {"x-api-key": "s3cret"}],
)  # fmt: skip
async def test_without_the_secret_nothing_is_answered_and_no_body_is_read(headers: dict[str, str]) -> None:
    port = Port()
    for path in ("/drain", "/nothing"):
        answer = await port.ask(path, True, headers=headers)  # noqa: FBT003 - the question's own argument
        assert (answer.status, answer.json, answer.chunks_read) == (401, {"error": "the mesh key is needed"}, 0)
    assert port.asked == []


@pytest.mark.parametrize(
    ("path", "method"),
    [("/nothing", "POST"), ("/", "POST"), ("/status", "POST"), ("/drain", "GET"), ("/drain/x", "POST")],
)
async def test_what_is_no_question_or_has_no_answer_here_is_not_found(path: str, method: str) -> None:
    answer = await Port().ask(path, True, method=method)  # noqa: FBT003 - the question's own argument
    assert (answer.status, answer.json) == (404, {"error": "no such question"})


@pytest.mark.parametrize("raw", [b"[]", b"[1]", b'["gw.1","4"]', b'["gw.1",4,5]', b"{}", b"null", b"garbage", b"[["])
async def test_arguments_that_do_not_fit_are_refused(raw: bytes) -> None:
    port = Port()
    answer = await port.ask("/lend", raw=raw)
    assert (answer.status, list(answer.json), port.asked) == (400, ["error"], [])


async def test_an_error_of_the_mesh_is_told_and_a_body_over_the_limit_is_refused() -> None:
    port = Port(body=32)
    port.error = RateLimited("slow down")
    answer = await port.ask("/lend", "gw.1", 4)
    assert (answer.status, answer.json) == (400, {"error": "slow down"})
    port.error = None
    assert (await port.ask("/lend", "g" * 32, 4)).status == 400
    assert len(port.asked) == 1


async def test_what_is_not_http_is_left_alone() -> None:
    async def never(*_: Any) -> Any:
        raise AssertionError("nothing is received, and nothing is sent")

    await Port().app({"type": "lifespan"}, never, never)
