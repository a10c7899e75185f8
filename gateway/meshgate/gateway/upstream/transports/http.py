"""The HTTP/1.1 transport to agents, for every binding that HTTP carries.

It decompresses nothing, follows no redirect, uses no proxy and keeps no cookie.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from meshgate.a2a.bindings import sse
from meshgate.a2a.bindings.base import ClientExchange, Failure, HttpBinding, Request
from meshgate.a2a.bindings.json_details import problem_in
from meshgate.a2a.errors import (
    AgentError,
    InvalidAgentResponse,
    MeshError,
    OutcomeUnknown,
    RateLimited,
    UpstreamUnavailable,
)
from meshgate.a2a.limits import Limits
from meshgate.a2a.payload import Payload
from meshgate.a2a.reply import Reply
from meshgate.gateway.upstream.attempt import Attempt
from meshgate.gateway.upstream.instance import Access, Health
from meshgate.gateway.upstream.reply_head import head_of, reads_head
from meshgate.gateway.upstream.send import Outbound, streamed
from meshgate.net.client import HttpClient
from meshgate.net.connection import BadCertificate, Response, Unreachable
from meshgate.registry.model import Endpoint

__all__ = ["HttpTransport", "make_client"]

_SMALL = 64 * 1024
"""Most bytes of an answer that is read in one piece: it says its length, and comes as one or two packets."""
_BUSY = frozenset({502, 503, 504})
_DENIED = frozenset({401, 403})
_FAILED = 500
_ANSWERS = frozenset({200, 201, 202})
"""The statuses of answers, in bindings that have statuses of their own: servers of 0.3 in JavaScript say what they
made.
"""


def make_client(limits: Limits) -> HttpClient:
    """Connections to all agents, which every binding over HTTP shares."""
    return HttpClient(connect=limits.agent_connect, keep=limits.agent_idle, buffer=limits.event, lost=limits.agent_lost)


class HttpTransport:
    """Calls agents over HTTP in one binding.

    Args:
        binding: writes requests and reads answers.
        client: holds the connections.
    """

    def __init__(self, binding: HttpBinding, client: HttpClient, limits: Limits, clock: Callable[[], float]) -> None:
        self._binding = binding
        self._client = client
        self._limits = limits
        self._clock = clock

    async def send(self, out: Outbound) -> Reply:
        attempt = out.attempt
        exchange = self._binding.client(out.call.method, out.payload)
        request = exchange.request
        headers = {**request.headers, "accept-encoding": "identity", **out.headers}
        url, tls, access = _url(attempt.endpoint.url, request), None, attempt.instance.access
        if access is not None:
            url, tls = _with_query(url, access.query), access.tls()
        attempt.sent = True
        try:
            response = await self._client.request(request.method, url, headers, request.body, tls)
        except (OSError, ValueError) as error:
            raise self._failed(attempt, error) from None
        attempt.heard = self._clock()
        handed_over = False
        try:
            body = None
            answered = response.status == 200 or (self._binding.own_statuses and response.status in _ANSWERS)
            if not answered:
                if self._binding.own_statuses:
                    body = await self._error_body(exchange, response, attempt)
                _check_status(response, attempt, self._limits)
            if response.content_type == "text/event-stream":
                reply = await self._stream(out, exchange, response)
                handed_over = True
                return reply
            body = await self._whole(response, attempt) if body is None else body
            if not answered:
                raise _error_in(exchange, response, body)
            answer = exchange.decode_answer(body)
            told = reads_head(out.call)
            return Reply.one(answer, head_of(out.call, response.headers)) if told else Reply.one(answer)
        except OSError as error:
            raise self._failed(attempt, error) from None
        except MeshError as error:
            error.endpoint = attempt.instance.id
            raise
        finally:
            if not handed_over:
                response.close()

    def _failed(self, attempt: Attempt, error: BaseException) -> MeshError:
        instance = attempt.instance.id
        if isinstance(error, Unreachable | ValueError):
            attempt.sent = False
            why = f": {error}" if isinstance(error, BadCertificate) else ""
            return UpstreamUnavailable(f"{instance} cannot be reached{why}", endpoint=instance, unsent=True)
        if attempt.call.method.safe:
            return UpstreamUnavailable(f"the connection to {instance} broke", endpoint=instance)
        return OutcomeUnknown(f"the connection to {instance} broke after the call was sent", endpoint=instance)

    async def _whole(self, response: Response, attempt: Attempt) -> bytes:
        limit = self._limits.answer
        length = response.content_length
        if length is not None and length <= _SMALL:
            return await response.read()
        if (length or 0) > limit:
            raise InvalidAgentResponse(f"the agent's answer is larger than {limit} bytes", neutral=True)
        chunks: list[bytes] = []
        size = 0
        while chunk := await response.chunk():
            attempt.heard = self._clock()
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                raise InvalidAgentResponse(f"the agent's answer is larger than {limit} bytes", neutral=True)
        return b"".join(chunks)

    async def _error_body(self, exchange: ClientExchange, response: Response, attempt: Attempt) -> bytes | None:
        """The body of an answer whose status is an error's, if it is JSON.

        Raises:
            MeshError: the error in it, if it names its reason: it says more than the status. But a credential that was
                not accepted is the gateway's, whatever the agent says of it.
        """
        if response.status in _DENIED or response.status < 400 or not _is_json(response.content_type):
            return None
        body = await self._whole(response, attempt)
        if self._binding.has_reason(body):
            found = exchange.decode_error(Failure(response.status, body))
            if found.retry_after is None:
                found.retry_after = _retry_after(response, self._limits)
            raise found
        return body

    async def _stream(self, out: Outbound, exchange: ClientExchange, response: Response) -> Reply:
        async def close() -> None:
            response.close()  # drops the connection: the agent sees its caller leave

        reply = await streamed(out.attempt, self._events(out, exchange, response), self._clock, close)
        reply.head = head_of(out.call, response.headers)
        return reply

    async def _events(self, out: Outbound, exchange: ClientExchange, response: Response) -> AsyncIterator[Payload]:
        parser = sse.SseParser(self._limits.event)
        instance = out.attempt.instance.id
        try:
            while True:
                chunk = await response.chunk()
                if not chunk:
                    return
                out.attempt.heard = self._clock()
                for data in parser.feed(chunk):
                    yield exchange.decode_event(data)
        except OSError:
            raise OutcomeUnknown(f"the stream from {instance} broke before its end", endpoint=instance) from None
        except MeshError as error:
            error.endpoint = instance
            raise
        finally:
            response.close()

    async def health(self, endpoint: Endpoint, url: str | None, timeout: float, access: Access | None = None) -> Health:
        """A GET on the health route; SDK agents have ``/livez`` below their URL."""
        target, headers, tls = url or endpoint.url.rstrip("/") + "/livez", {"accept-encoding": "identity"}, None
        try:
            async with asyncio.timeout(timeout):
                if access is not None:
                    target, tls = _with_query(target, access.query), access.tls()
                    headers = {**headers, **await access.headers()}
                response = await self._client.get(target, headers, tls)
        except TimeoutError:
            return Health.SILENT
        except (OSError, ValueError, UpstreamUnavailable):
            return Health.FAILED
        response.close()
        return Health.WELL if response.status < _FAILED else Health.FAILED

    def forget(self, endpoint: Endpoint) -> None:
        """Nothing to do: the pool closes an idle connection by itself, soon."""

    async def aclose(self) -> None:
        await self._client.aclose()


def _error_in(exchange: ClientExchange, response: Response, body: bytes) -> MeshError:
    """The error in an answer whose status is an error's: the binding's own, or a problem (RFC 9457)."""
    found = exchange.decode_error(Failure(response.status, body))
    if not isinstance(found, InvalidAgentResponse) or found.neutral:
        return found
    problem = problem_in(body)
    if problem is None:
        if response.status == _FAILED:
            return AgentError(f"the agent answered with HTTP {_FAILED}", internal=True)
        return found
    return problem


def _url(base: str, request: Request) -> str:
    if not request.path and not request.query:
        return base
    return base.rstrip("/") + request.path + (f"?{request.query}" if request.query else "")


def _with_query(url: str, query: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url


def _check_status(response: Response, attempt: Attempt, limits: Limits) -> None:
    status, instance = response.status, attempt.instance.id
    if status in _BUSY:
        pause = _retry_after(response, limits)
        raise UpstreamUnavailable(
            f"{instance} answered with HTTP status {status}", endpoint=instance, retry_after=pause
        )
    if status == 429:
        pause = _retry_after(response, limits)
        raise RateLimited(f"{instance} answered that it has too many requests", endpoint=instance, retry_after=pause)
    if status in _DENIED:
        # Another agent may listen on this address now. A request refused with 401 was not acted on (RFC 9110, 15.5.2).
        if attempt.instance.access is not None:
            attempt.instance.access.refused()
        raise UpstreamUnavailable(
            f"{instance} did not accept the gateway's credential", endpoint=instance, unsent=status == 401
        )
    if status < 400 or not _is_json(response.content_type):
        if status == _FAILED:
            raise AgentError(f"{instance} answered with HTTP {status}", internal=True, endpoint=instance)
        raise InvalidAgentResponse(f"{instance} answered with HTTP {status}", endpoint=instance)


def _is_json(media: str) -> bool:
    return media == "application/json" or (media.startswith("application/") and media.endswith("+json"))


def _retry_after(response: Response, limits: Limits) -> float | None:
    # Digits of other scripts are digits to Python, and no number in a header (RFC 9110, section 10.2.3).
    text = response.headers.get("retry-after", "")
    return min(float(text), limits.retry_after) if text.isascii() and text.isdigit() else None
