"""One binding over HTTP as an ASGI endpoint, for gateways and agents alike.

It enforces limits before any parse, cancels calls whose callers disconnect, keeps streams alive, and closes every
reply. The binding reads and writes the bytes; uvicorn has the sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import structlog

from meshgate.a2a.bindings.base import HttpBinding, Request, ServerExchange
from meshgate.a2a.call import Admission, Call, Handler
from meshgate.a2a.errors import AccessError, ContentTypeNotSupported, InternalError, InvalidAgentResponse, MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.protocol_version import LEGACY_VERSION, asked_version, with_legacy_names
from meshgate.a2a.reply import Reply
from meshgate.net.answer import Answer, refuse
from meshgate.net.asgi import Header, Receive, Send, read_body, to_come
from meshgate.net.disconnect import CallerLeft, Disconnect
from meshgate.net.timer_queue import TimerQueue

__all__ = ["HttpEndpoint", "choose"]

log = structlog.get_logger(__name__)

_WATCH_AFTER = 0.02
"""Seconds after which a task watches for the caller's disconnect."""
_BODILESS = frozenset({"GET", "HEAD", "DELETE"})
"""Methods whose requests have no body, or one that means nothing (RFC 9110, section 9.3)."""


class HttpEndpoint:
    """Serves one binding's requests on one handler.

    Args:
        binding: reads requests and writes answers.
        handler: takes each call.
        limits: sizes and times; ``heartbeat`` is the pause between comments on a silent stream.
        admit: checks the headers before the body is read, and raises to refuse the request. Its facts go with the call.
    """

    def __init__(
        self,
        binding: HttpBinding,
        handler: Handler,
        limits: Limits = DEFAULTS,
        admit: Admission | None = None,
    ) -> None:
        self.binding = binding
        self._handler = handler
        self._limits = limits
        self._admit = admit
        self._legacy = binding.version == LEGACY_VERSION
        self._media_types = frozenset(binding.media_types)
        # Two timers of the event loop serve all requests, because a timer for each request would be dear.
        self._patience = TimerQueue(limits.body_seconds)
        self._moments = TimerQueue(_WATCH_AFTER)

    def takes(self, request: Request) -> bool:
        """Whether a request is for this binding; its body is not known yet."""
        return self.binding.takes(request)

    async def refuse(self, send: Send, error: MeshError, *, unread: float = 0.0) -> None:
        """Answer with an error, without having read the request.

        Args:
            unread: bytes of its body.
        """
        await refuse(send, self.binding.server(), error, unread=unread)

    async def __call__(self, request: Request, receive: Receive, send: Send) -> None:
        """Answer one request, whose body is read here."""
        exchange = self.binding.server()
        answer = Answer(send, exchange, self._limits.heartbeat)
        disconnect = Disconnect(receive, self._moments)
        try:
            await self._serve(request, exchange, answer, disconnect, receive)
        except CallerLeft:
            return
        except asyncio.CancelledError:
            if not disconnect.cancelled():
                raise
        finally:
            disconnect.stop()
            answer.stop()

    async def _serve(
        self, request: Request, exchange: ServerExchange, answer: Answer, disconnect: Disconnect, receive: Receive
    ) -> None:
        try:
            call = await self._read(request, exchange, receive)
            disconnect.start()
            reply = await self._handler(call)
            try:
                if call.method.streaming:
                    await self._stream(exchange, answer, reply)
                    return
                body = exchange.encode_answer(await reply.answer())
            finally:
                await reply.aclose()
            await answer.whole(body, self._head(reply))
        except AccessError as error:
            await answer.fail(error, unread=to_come(request.headers))
        except MeshError as error:
            await answer.fail(error)
        except CallerLeft:
            raise
        except Exception:
            log.exception("call_failed")
            await answer.fail(InternalError())

    async def _stream(self, exchange: ServerExchange, answer: Answer, reply: Reply) -> None:
        # The head is sent with the first event: until then an error still has an answer, and a status, of its own.
        first = await anext(reply, None)
        if first is None:
            raise InvalidAgentResponse("the agent's stream has no event")
        data = exchange.encode_event(first)
        await answer.start(self._head(reply))
        await answer.event(data)
        async for event in reply:
            await answer.event(exchange.encode_event(event))
        await answer.end()

    def _head(self, reply: Reply) -> list[Header]:
        # Some servers write a line break in a value unchanged, so a value that no header can carry is left out.
        found = reply.head.headers
        sent = (with_legacy_names(found) if self._legacy else found).items()
        return [
            (name.encode("ascii"), value.encode("ascii"))
            for name, value in sent
            if value.isascii() and value.isprintable()
        ]

    def _empty(self, request: Request) -> bool:
        headers = request.headers
        return self.binding.empty_bodies and "content-type" not in headers and not to_come(headers)

    async def _read(self, request: Request, exchange: ServerExchange, receive: Receive) -> Call:
        facts = request.facts
        if self._admit is not None:
            admitted = self._admit(request.headers)
            found = admitted if admitted is None or isinstance(admitted, dict) else await admitted
            facts = {**facts, **found} if found else facts
        if request.method not in _BODILESS and not self._empty(request):
            media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if media not in self._media_types:
                raise ContentTypeNotSupported(f"send Content-Type: {self.binding.media_types[0]}")
            request.body = await read_body(request.headers, receive, self._limits, self._patience)
        call = exchange.decode_request(request, self._limits)
        if facts:
            msgspec.structs.force_setattr(call, "facts", facts)  # it was made a moment ago, and nobody else has it
        return call


def choose(endpoints: Sequence[HttpEndpoint], request: Request) -> HttpEndpoint | None:
    """The endpoint that serves a request to a URL which several share, or None.

    HTTP's method and the path tell most bindings apart. Among versions of one binding the request's version decides; if
    none has it, the first of them refuses it.
    """
    found = [endpoint for endpoint in endpoints if endpoint.binding.takes(request)]
    if len(found) > 1:
        asked = asked_version(request.headers, request.query)
        found.sort(key=lambda endpoint: endpoint.binding.version != asked)
    return found[0] if found else None
