"""A2A's bindings over gRPC as a ``grpc.aio`` service, for gateways and agents alike. Needs the extra ``grpc``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, NoReturn

import grpc
import msgspec
import structlog

from meshgate.a2a.bindings.base import GrpcBinding, Request, ServerExchange
from meshgate.a2a.bindings.table import GRPC_ROWS
from meshgate.a2a.call import Admission, Call, Facts, Handler
from meshgate.a2a.errors import HeadersTooLarge, InternalError, MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.mesh import headers
from meshgate.a2a.protocol_version import LEGACY_VERSION, with_legacy_names
from meshgate.a2a.reply import Reply
from meshgate.a2a.selector import Selector, parse_selector
from meshgate.net.answer import name_call
from meshgate.net.grpc_status import CODES, DETAILS, read_metadata

__all__ = ["TARGET_METADATA", "A2AService", "make_server", "stop_server"]

TARGET_METADATA = headers.TARGET
"""Metadata key by which a caller names the agent or skill it wants."""
log = structlog.get_logger(__name__)
_Context = Any  # grpc.aio.ServicerContext, which is generic in its stubs alone


def _target(metadata: Mapping[str, str]) -> Selector | None:
    text = metadata.get(TARGET_METADATA)
    return parse_selector(text) if text else None


class A2AService(grpc.GenericRpcHandler):
    """Serves every operation of one binding on one handler.

    Several services, one for each binding, can share a server: a request's path names its service.

    Args:
        handler: takes each call.
        limits: sizes and times.
        clock: monotonic seconds, the time of deadlines.
        admit: checks the metadata before a message is read, and raises to refuse the request, whatever its method. Its
            facts go with the call.
        binding: reads requests and writes answers; A2A 1.0's if left out.
    """

    def __init__(
        self,
        handler: Handler,
        limits: Limits = DEFAULTS,
        clock: Callable[[], float] = time.monotonic,
        admit: Admission | None = None,
        binding: GrpcBinding | None = None,
    ) -> None:
        self._handler = handler
        self._limits = limits
        self._clock = clock
        self._admit = admit
        self._binding = GRPC_ROWS[0].load() if binding is None else binding
        methods = self._binding.methods
        self._streams = {path: method.streaming for path, method in methods.items()}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The handler of a call, or None for gRPC's own UNIMPLEMENTED. Nothing of a refused call's message is read."""
        path, metadata = handler_call_details.method, handler_call_details.invocation_metadata or ()
        sent = read_metadata(metadata)
        try:
            self._check_size(metadata)
            admitted = self._admit(sent) if self._admit is not None else None
        except MeshError as error:
            return grpc.stream_stream_rpc_method_handler(self._refusing(error))
        streams = self._streams.get(path)
        if streams is None:
            if asyncio.iscoroutine(admitted):
                admitted.close()
            return None
        if isinstance(admitted, Awaitable):
            return grpc.stream_stream_rpc_method_handler(self._waiting(path, sent, admitted))
        if streams:
            return grpc.unary_stream_rpc_method_handler(self._streaming(path, sent, admitted))
        return grpc.unary_unary_rpc_method_handler(self._unary(path, sent, admitted))

    def _refusing(self, error: MeshError) -> Callable[[Any, _Context], Awaitable[None]]:
        async def refuse(_: Any, context: _Context) -> None:
            await _abort(context, self._binding.server(), error)

        return refuse

    def _waiting(
        self, path: str, sent: Mapping[str, str], admitted: Awaitable[Facts]
    ) -> Callable[[Any, _Context], Awaitable[None]]:
        """Serves a call whose credential takes a while to check: its message is read after that."""

        async def wait(requests: Any, context: _Context) -> None:
            try:
                facts = await admitted
            except MeshError as error:
                await _abort(context, self._binding.server(), error)
            body: bytes = await anext(aiter(requests))
            if self._streams[path]:
                await self._streaming(path, sent, facts)(body, context)
            else:
                await context.write(await self._unary(path, sent, facts)(body, context))

        return wait

    def _unary(
        self, path: str, sent: Mapping[str, str], facts: Facts | None
    ) -> Callable[[bytes, _Context], Awaitable[bytes]]:
        async def unary(body: bytes, context: _Context) -> bytes:
            exchange = self._binding.server()
            try:
                reply = await self._handler(self._decode(exchange, path, sent, facts, body, context))
                async with aclosing(reply):
                    answer = exchange.encode_answer(await reply.answer())
                await self._send_head(context, reply)
            except MeshError as error:
                await _abort(context, exchange, error)
            except Exception:
                log.exception("call_failed")
                await _abort(context, exchange, InternalError())
            return answer

        return unary

    def _streaming(
        self, path: str, sent: Mapping[str, str], facts: Facts | None
    ) -> Callable[[bytes, _Context], Awaitable[None]]:
        async def stream(body: bytes, context: _Context) -> None:
            exchange = self._binding.server()
            try:
                reply = await self._handler(self._decode(exchange, path, sent, facts, body, context))
                async with aclosing(reply):
                    await self._send_head(context, reply)
                    async for event in reply:
                        await context.write(exchange.encode_event(event))
            except MeshError as error:
                await _abort(context, exchange, error)
            except Exception:
                log.exception("stream_failed")
                await _abort(context, exchange, InternalError())

        return stream

    def _decode(
        self,
        exchange: ServerExchange,
        path: str,
        sent: Mapping[str, str],
        facts: Facts | None,
        body: bytes,
        context: _Context,
    ) -> Call:
        request = Request(path=path, headers=sent, body=body, target=_target(sent))
        call = exchange.decode_request(request, self._limits)
        remaining: float | None = context.time_remaining()
        deadline = call.deadline if remaining is None else self._clock() + remaining
        return msgspec.structs.replace(call, deadline=deadline, facts=facts or call.facts)

    async def _send_head(self, context: _Context, reply: Reply) -> None:
        found = reply.head.headers
        if found:
            sent = with_legacy_names(found) if self._binding.version == LEGACY_VERSION else found
            await context.send_initial_metadata(tuple(sent.items()))

    def _check_size(self, metadata: Sequence[tuple[str, str | bytes]]) -> None:
        if len(metadata) > self._limits.header_count:
            raise HeadersTooLarge(f"a request may have {self._limits.header_count} entries of metadata")
        if sum(len(key) + len(value) for key, value in metadata) > self._limits.header_bytes:
            raise HeadersTooLarge(f"a request's metadata may have {self._limits.header_bytes} bytes together")


async def _abort(context: _Context, exchange: ServerExchange, error: MeshError) -> NoReturn:
    name_call(error)
    failure = exchange.encode_error(error)
    await context.abort(CODES[failure.status], failure.text, ((DETAILS, failure.body),))
    raise error  # never reached: abort raises, and gRPC ends the call


def make_server(services: Sequence[A2AService], limits: Limits = DEFAULTS, *, reuse_port: bool = False) -> Any:
    """A ``grpc.aio`` server with the project's limits; the caller adds ports and starts it.

    Args:
        services: one for each binding that is served.
        reuse_port: only for workers that share a port on purpose; gRPC's own default would hide a taken port.
    """
    options = [
        ("grpc.max_receive_message_length", limits.body),
        ("grpc.max_send_message_length", limits.answer),
        ("grpc.max_metadata_size", limits.header_bytes),
        ("grpc.max_concurrent_streams", limits.streams),
        ("grpc.so_reuseport", int(reuse_port)),
    ]
    return grpc.aio.server(handlers=list(services), options=options)


async def stop_server(server: Any, grace: float) -> None:
    """Stop taking calls and give open ones ``grace`` seconds."""
    await asyncio.shield(server.stop(grace))
